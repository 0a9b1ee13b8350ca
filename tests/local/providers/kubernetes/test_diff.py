"""Which properties differ, and which of them replace an object."""

import pytest

from local.providers.kubernetes import diff, immutable
from local.providers.kubernetes.diff import Change, differences, observed
from local.providers.wire import UNKNOWN


def changed(old: dict, new: dict, *force_new: str) -> dict[str, tuple[Change, bool]]:
    return {str(item): (item.change, item.replaces) for item in differences(old, new, force_new)}


def obj(api_version: str, kind: str, **fields) -> dict:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}


def test_each_changed_property_is_named_as_pulumi_writes_it():
    old = {"metadata": {"labels": {"ray.io/x": "1"}}, "spec": {"ports": [{"port": 1}, {"port": 2}], "gone": 1}}
    new = {"metadata": {"labels": {"ray.io/x": "2"}}, "spec": {"ports": [{"port": 1}, {"port": 3}], "new": {"a": 1}}}
    assert changed(old, new) == {
        'metadata.labels["ray.io/x"]': (Change.UPDATE, False),
        "spec.ports[1].port": (Change.UPDATE, False),
        "spec.gone": (Change.DELETE, False),
        "spec.new": (Change.ADD, False),
    }


def test_what_the_server_sets_and_the_default_namespace_written_out_are_no_change():
    old = {"metadata": {"name": "x", "uid": "1", "resourceVersion": "5"}, "spec": {"a": 1}}
    new = {"metadata": {"name": "x", "namespace": "default"}, "spec": {"a": 1.0, "b": None}}
    assert changed(old, new) == {}


def test_true_is_not_one_and_an_unknown_value_is_a_change():
    assert changed({"a": True}, {"a": 1}) == {"a": (Change.UPDATE, False)}
    assert changed({"a": 1}, {"a": UNKNOWN}) == {"a": (Change.UPDATE, False)}


def test_a_change_below_at_or_above_a_fixed_property_replaces():
    spec = {"selector": {"app": "x"}, "replicas": 1}
    assert changed({"spec": spec}, {"spec": {**spec, "selector": {"app": "y"}}}, "spec.selector") == {
        "spec.selector.app": (Change.UPDATE, True)
    }
    assert changed({}, {"spec": spec}, "spec.selector") == {"spec": (Change.ADD, True)}
    assert changed({}, {"spec": {"replicas": 1}}, "spec.selector") == {"spec": (Change.ADD, False)}
    images = [{"image": "a"}], [{"image": "b"}]
    assert changed({"c": images[0]}, {"c": images[1]}, "c.*.image") == {"c[0].image": (Change.UPDATE, True)}
    assert changed({}, {"c": images[0]}, "c.*.image") == {"c": (Change.ADD, True)}


@pytest.mark.parametrize(
    ("old", "new", "replaced"),
    [
        (obj("v1", "Namespace"), obj("v1", "Namespace") | {"metadata": {"name": "y"}}, ["metadata.name"]),
        (
            obj("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"name": "a"}, subjects=[]),
            obj("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"name": "b"}, subjects=[{"name": "c"}]),
            ["roleRef.name"],
        ),
        (
            obj("storage.k8s.io/v1", "StorageClass", provisioner="a", parameters={"type": "gp2"}),
            obj("storage.k8s.io/v1", "StorageClass", provisioner="a", parameters={"type": "gp3"}),
            ["parameters.type"],
        ),
        (obj("v1", "ConfigMap", data={"a": "1"}), obj("v1", "ConfigMap", data={"a": "2"}), ["data.a"]),
        (obj("v1", "Secret", stringData={"a": "1"}), obj("v1", "Secret", stringData={"a": "2"}), ["stringData.a"]),
        (
            obj("v1", "Service", spec={"clusterIP": "None", "ports": [{"port": 1}]}),
            obj("v1", "Service", spec={"ports": [{"port": 2}]}),
            ["spec.clusterIP"],
        ),
        (
            obj("batch/v1", "Job", spec={"template": {"spec": {"containers": [{"image": "a"}]}}, "suspend": False}),
            obj("batch/v1", "Job", spec={"template": {"spec": {"containers": [{"image": "b"}]}}, "suspend": True}),
            ["spec.template.spec.containers[0].image"],
        ),
        (
            obj(
                "v1",
                "PersistentVolumeClaim",
                spec={"storageClassName": "a", "resources": {"requests": {"storage": "1Gi"}}},
            ),
            obj(
                "v1",
                "PersistentVolumeClaim",
                spec={"storageClassName": "b", "resources": {"requests": {"storage": "2Gi"}}},
            ),
            ["spec.storageClassName"],
        ),
        (
            obj("karpenter.sh/v1", "NodePool", spec={"template": {"a": 1}}),
            obj("karpenter.sh/v1", "NodePool", spec={"template": {"a": 2}}),
            [],
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_replacement_follows_the_kind(old, new, replaced):
    found = differences(old, new, immutable.force_new(new))
    assert [str(item) for item in found if item.replaces] == replaced
    assert found


def test_content_that_the_provider_calls_mutable_is_not_replaced_unless_the_object_says_it_is_fixed():
    config_map = obj("v1", "ConfigMap")
    assert "data" not in immutable.force_new(config_map, configmap_mutable=True)
    assert "data" in immutable.force_new({**config_map, "immutable": True}, configmap_mutable=True)
    assert immutable.force_new(obj("v1", "Secret"), secret_mutable=True) == (*immutable.IDENTITY, "type")


def test_only_what_changed_in_the_cluster_is_drift():
    inputs = {"spec": {"cpu": "1000m", "mode": "a", "list": [{"n": 1}], "dropped": 1}}
    before = {"spec": {"cpu": "1", "mode": "a", "list": [{"n": 1, "filled": True}], "dropped": 1, "other": 1}}
    now = {"spec": {"cpu": "1", "mode": "b", "list": [{"n": 2, "filled": True}], "other": 2}}
    assert observed(inputs, before, before) == inputs
    assert observed(inputs, before, now) == {"spec": {"cpu": "1000m", "mode": "b", "list": [{"n": 2}]}}


def test_a_path_with_a_quote_in_a_key_can_be_read_back():
    assert diff.property_path(("a", 'b"c.d', 0)) == 'a["b\\"c.d"][0]'
