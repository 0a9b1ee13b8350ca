"""The critical path: who waits for whom, as the engine orders them, and the chain that decides."""

import pytest

from rayeks.plan.creation_times import TIMES, Time, creation_time
from rayeks.plan.critical_path import critical_path, schedule
from rayeks.plan.model import Plan, Resource, in_order

CHART = {"chart": "kuberay-operator"}


def made(name, *after, parent=None, kind="aws:x/y:Z", custom=True, remote=False, provider=None, **inputs) -> Resource:
    return Resource(
        name, kind, name, inputs, dependencies=after, parent=parent, custom=custom, remote=remote, provider=provider
    )


def planned(*resources: Resource) -> Plan:
    return Plan("s", "p", in_order({one.urn: one for one in resources}), {})


def ten(resource: Resource) -> Time:
    return Time(10.0 if resource.custom else 0.0, "ten")


def starts(*resources: Resource) -> dict[str, float]:
    return {urn: slot.start for urn, slot in schedule(planned(*resources), ten).items()}


def test_what_depends_on_nothing_begins_at_once():
    assert starts(made("a"), made("b")) == {"a": 0, "b": 0}


def test_a_resource_begins_when_the_last_of_its_dependencies_is_done():
    assert starts(made("a"), made("b", "a"), made("c", "a", "b"))["c"] == 20


def test_a_child_waits_for_its_parent_and_whatever_uses_a_provider_for_it():
    found = starts(made("a"), made("b", parent="a"), made("p", "a"), made("c", provider="p"))
    assert (found["b"], found["c"]) == (10, 20)


def test_a_component_lets_its_children_begin_when_what_it_depends_on_is_there():
    found = starts(made("a"), made("group", "a", custom=False), made("b", parent="group"))
    assert found["b"] == 10


def test_whoever_depends_on_a_remote_component_waits_for_all_that_it_makes():
    remote = made("far", custom=False, remote=True)
    inside = made("inside", parent="far")
    deeper = made("deeper", "inside", parent="inner")
    found = starts(remote, inside, made("inner", parent="far", custom=False), deeper, made("after", "far"))
    assert found["after"] == 20


def test_the_chain_names_each_step_with_its_start_and_source():
    chain = critical_path(planned(made("a"), made("b", "a"), made("short")), ten).everything
    assert [(step.name, step.start, step.seconds, step.source) for step in chain.steps] == [
        ("a", 0, 10, "ten"),
        ("b", 10, 10, "ten"),
    ]
    assert chain.seconds == 20


def stack(*, serial: bool) -> Plan:
    """Control plane, node group, operator, pool; in the serial one the operator waits for a file system too."""
    extra = ("fs",) if serial else ()
    return planned(
        made("cluster", kind="aws:eks/cluster:Cluster"),
        made("fs", "cluster", kind="aws:fsx/lustreFileSystem:LustreFileSystem"),
        made("nodes", "cluster", kind="aws:eks/nodeGroup:NodeGroup", scalingConfig={"desiredSize": 2}),
        made("operator", "nodes", *extra, kind="kubernetes:helm.sh/v3:Release", **CHART),
        made("pool", "nodes", kind="kubernetes:karpenter.sh/v1:NodePool"),
        made("ray", "cluster", kind="kubernetes:core/v1:ServiceAccount", metadata={"name": "ray-head"}),
    )


def test_the_first_ray_pod_waits_for_operator_pool_and_account_then_for_node_and_image():
    path = critical_path(stack(serial=False))
    assert path.first_ray_pod
    assert [step.name for step in path.first_ray_pod.steps] == [
        "cluster",
        "nodes",
        "operator",
        "a node",
        "the Ray image",
    ]
    assert path.first_ray_pod.seconds == 590 + 144 + 45 + 55 + 60
    assert path.unavoidable == 590 + 144 + 45
    assert path.ratio == 1.0


def test_a_needless_wait_shows_in_the_ratio():
    path = critical_path(stack(serial=True))
    assert path.first_ray_pod and path.ratio
    assert "fs" in [step.name for step in path.first_ray_pod.steps]
    assert path.ratio > 1.1


def test_a_stack_without_ray_has_no_first_pod():
    path = critical_path(planned(made("a")), ten)
    assert path.first_ray_pod is None and path.ratio is None
    assert path.to_json()["firstRayPod"] is None


def test_an_empty_plan_takes_no_time():
    assert critical_path(planned(), ten).everything.seconds == 0


@pytest.mark.parametrize(
    ("resource", "seconds"),
    [
        (made("g", kind="aws:eks/nodeGroup:NodeGroup", scalingConfig={"desiredSize": 0}), 58),
        (made("e", kind="aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Interface"), 75),
        (made("s", kind="aws:ec2/subnet:Subnet", mapPublicIpOnLaunch=True), 11),
        (made("q", kind="aws:iam/role:Role"), 2),
        (made("c", kind="toy:a:B", custom=False), 0),
    ],
)
def test_the_time_follows_from_what_is_made(resource, seconds):
    assert creation_time(resource).seconds == seconds


def test_every_time_says_where_it_comes_from():
    assert all(time.source and time.seconds > 0 for time in TIMES.values())
