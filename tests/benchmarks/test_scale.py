"""How the measurement of scale cuts its work, and what it refuses."""

import pytest

from benchmarks import scale
from benchmarks.scale import Stage
from infra import instances
from infra.allocatable import for_pods
from infra.pods import pods
from rayeks.errors import UserError


def test_pods_are_as_large_as_it_takes_to_fill_the_nodes():
    each, cpu = scale.shape(200, 10_000, 2_000)
    free = for_pods(instances.known(scale.MACHINE))["cpu"] / 1000
    assert each == 50 and int(free / cpu) == 5


def test_a_cluster_has_its_pods_with_the_head_and_one_pod_is_a_head_alone():
    assert sum(pod.count for pod in pods(scale.ray_cluster(0, 50, 6.0))) == 50
    (alone,) = pods(scale.ray_cluster(0, 1, 1.0))
    assert (alone.name, alone.count) == ("head", 1)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [((3, 10, 5), "not 3 equal clusters"), ((1, 10, 20), "20 nodes need as many pods"), ((1, 1000, 1), "takes")],
)
def test_numbers_that_do_not_go_together_are_refused_with_better_ones(numbers: tuple[int, int, int], words: str):
    with pytest.raises(UserError, match=words) as caught:
        scale.shape(*numbers)
    assert "use" in (caught.value.fix or "")


@pytest.mark.parametrize("clusters", [1, 7, 200])
def test_stages_grow_to_the_whole(clusters: int):
    steps = scale.steps(clusters)
    assert steps == sorted(set(steps)) and steps[-1] == clusters and len(steps) <= scale.STAGES


def test_the_table_says_who_is_busiest():
    stage = Stage(20, 400, 80, 61.0, 6.5, {"kwok": 100, "etcd": 50}, {"kwok": 3.0, "etcd": 9.0})
    assert "| 20 | 400 | 80 | 61 | 6.5 | 150 | etcd 9, kwok 3 |" in scale.table([stage])
    assert scale.table([stage]).endswith("kwok 100 MiB, etcd 50 MiB.\n")
