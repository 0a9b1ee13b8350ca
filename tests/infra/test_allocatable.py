"""What pods may use of a machine is what Karpenter publishes of it, less our own daemons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import allocatable, karpenter
from infra.allocatable import GIB, MIB, amounts, quantity
from infra.config import parse
from infra.contract import EFA_RESOURCE, GPU_RESOURCE
from infra.instances import known
from infra.versions import ADDONS, KUBERNETES_DEFAULT

# Source: https://karpenter.sh/v1.14/reference/instance-types/ (AL2023, no block device mappings).
PUBLISHED = [
    ("m7i.large", "1930m", "6903Mi", 29, 0, 0),
    ("m8a.xlarge", "3920m", "13942Mi", 78, 0, 0),
    ("m7g.2xlarge", "7910m", "29258Mi", 58, 0, 0),
    ("c7i.8xlarge", "31850m", "57691Mi", 234, 0, 0),
    ("r7iz.4xlarge", "15890m", "118312Mi", 234, 0, 0),
    ("r6id.2xlarge", "7910m", "59627Mi", 58, 0, 0),
    ("i4i.16xlarge", "63770m", "476504Mi", 737, 0, 0),
    ("c5.metal", "95690m", "173400Mi", 737, 0, 0),
    ("g6.xlarge", "3920m", "14162Mi", 58, 1, 0),
    ("g6.12xlarge", "47810m", "178933Mi", 234, 4, 1),
    ("g6e.48xlarge", "191450m", "1449132Mi", 492, 8, 4),
    ("g7e.2xlarge", "7910m", "57471Mi", 254, 1, 0),
    ("p4d.24xlarge", "95690m", "1082712Mi", 737, 8, 4),
    ("p5.48xlarge", "191450m", "1938410Mi", 100, 8, 32),
    ("p5en.48xlarge", "191450m", "1937332Mi", 198, 8, 16),
    ("p6-b300.48xlarge", "191450m", "3877198Mi", 198, 8, 16),
]


@pytest.mark.parametrize(("name", "cpu", "memory", "pods", "gpus", "efa"), PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_the_allocatable_of_a_type_is_what_karpenter_publishes(name, cpu, memory, pods, gpus, efa):
    wanted = amounts({"cpu": cpu, "memory": memory, "ephemeral-storage": "17Gi"})
    assert allocatable.allocatable(known(name)) == wanted | {"pods": pods, GPU_RESOURCE: gpus, EFA_RESOURCE: efa}


def test_a_root_volume_or_joined_disks_are_what_pods_may_write_to(values):
    pools = parse(values).pools
    made = {
        name: karpenter.node_class(pool, cluster="c", role="r", security_group="sg-1", tags={})
        for name, pool in pools.items()
    }
    of_root = allocatable.allocatable(known("m7i.2xlarge"), made["ray-cpu"])["ephemeral-storage"]
    assert of_root == 200 * GIB - GIB - 20 * GIB, "1 GiB and a tenth are kept"
    of_disks = allocatable.allocatable(known("g6.2xlarge"), made["ray-gpu-infer"])["ephemeral-storage"]
    assert of_disks == 450 * 10**9 - GIB - 45 * 10**9


def test_interfaces_of_the_node_class_decide_the_efa_devices_and_cost_pods_their_addresses(values):
    pool = parse(values).pools["ray-gpu-train"]
    made = karpenter.node_class(pool, cluster="c", role="r", security_group="sg-1", tags={})
    plain, laid = (allocatable.allocatable(known("p5.48xlarge"), spec) for spec in (None, made))
    assert laid[EFA_RESOURCE] == 32
    assert laid["pods"] == plain["pods"] - (known("p5.48xlarge").addresses_per_interface - 1)


def test_daemons_take_their_share_where_they_run():
    cpu, gpu = (allocatable.for_pods(known(name)) for name in ("m7i.2xlarge", "p5.48xlarge"))
    everywhere = [daemon for daemon in allocatable.DAEMONS if daemon.needs is None]
    before = allocatable.allocatable(known("m7i.2xlarge"))
    assert before["cpu"] - cpu["cpu"] == sum(daemon.cpu_m for daemon in everywhere) > 0
    assert before["memory"] - cpu["memory"] == sum(daemon.memory_mib for daemon in everywhere) * MIB
    assert before["pods"] - cpu["pods"] == len(everywhere)
    on_gpus = allocatable.allocatable(known("p5.48xlarge"))
    assert on_gpus["pods"] - gpu["pods"] == len(allocatable.DAEMONS)


def test_every_add_on_is_known_to_run_on_each_node_or_not():
    controllers = {"coredns", "snapshot-controller", "metrics-server"}
    counted = {daemon.name for daemon in allocatable.DAEMONS}
    assert set(ADDONS[KUBERNETES_DEFAULT]) - controllers <= counted, "give its DaemonSet a row in DAEMONS"


def test_the_kubelets_own_limit_of_pods_wins_and_prefixes_would_allow_more():
    small = known("m7i.large")
    assert allocatable.max_pods(small, {}) == 29
    assert allocatable.max_pods(small, {"kubelet": {"maxPods": 110}}) == 110
    assert allocatable.max_pods_with_prefixes(small) == 110
    assert allocatable.max_pods_with_prefixes(known("m7i.16xlarge")) == 250


@pytest.mark.parametrize(
    ("text", "number"), [("500m", 0.5), ("2", 2), ("1.5", 1.5), ("64Gi", 64 * GIB), ("1T", 1e12), ("512Mi", 512 * MIB)]
)
def test_quantities_are_read_as_kubernetes_reads_them(text, number):
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "1X", "Gi", "1iG"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError):
        quantity(text)


@given(st.integers(1, 999))
def test_more_cores_never_leave_less(vcpus):
    def left(cores):
        return cores * 1000 - allocatable.reserved_cpu_m(cores)

    assert left(vcpus + 1) > left(vcpus)
