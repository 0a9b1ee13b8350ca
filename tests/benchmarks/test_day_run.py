"""The clock of the day: who is paid how long, what goes when, and that all of it ends."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.day import run, trace
from benchmarks.day.contenders import Contender, groups
from benchmarks.day.run import Day
from benchmarks.day.trace import Item
from local.providers.kubernetes.client import ApiServer, Kind
from rayeks.errors import UserError

GPU = "nvidia.com/gpu"
MACHINE = {True: "g6.4xlarge", False: "m5.4xlarge"}


class Everyone(ApiServer):
    """An API server on which each pod has a machine of its own at once: the clock alone is on trial, not Karpenter."""

    def __init__(self) -> None:
        self.clusters: dict[str, Any] = {}
        self.pods: dict[str, Any] = {}
        self.nodes: dict[str, Any] = {}
        self.full = False
        self._count = itertools.count()

    def kind(self, api_version: str, name: str) -> Kind:
        return Kind(api_version, name, name, True)

    def apply(self, kind: Kind, obj: Any, manager: str, **_: Any) -> Any:
        if kind.name == "RayCluster":
            self.clusters[obj["metadata"]["name"]] = obj
            self._become(obj)

    def patch(self, kind: Kind, namespace: str | None, name: str, operations: list[Any]) -> Any:
        if kind.name == "RayCluster":
            self.clusters[name]["spec"]["workerGroupSpecs"][0]["replicas"] = operations[1]["value"]
            self._become(self.clusters[name])

    def delete(self, kind: Kind, namespace: str | None, name: str, propagation: str) -> bool:
        del self.clusters[name]
        self.pods = {pod: held for pod, held in self.pods.items() if not pod.startswith(f"{name}.")}
        return True

    def request(self, method: str, path: str, **_: Any) -> Any:
        if method == "DELETE":
            gone = self.nodes.pop(path.rpartition("/")[2])["metadata"]["name"]
            lost = [name for name, pod in self.pods.items() if pod["spec"].get("nodeName") == gone]
            for name in lost:  # KubeRay makes them again
                self._place(name, self.pods.pop(name)["metadata"]["labels"])
            return {}
        refused = {
            name: {
                "reason": "FailedScheduling",
                "source": {"component": "karpenter"},
                "involvedObject": pod["metadata"],
            }
            for name, pod in self.pods.items()
            if self.full
        }
        held = {"nodeclaims": {}, "nodes": self.nodes, "pods": self.pods, "events": refused}
        found = held[path.rpartition("/")[2]]
        return {"items": list(found.values())}

    def _become(self, obj: Any) -> None:
        name, spec = obj["metadata"]["name"], obj["spec"]
        group = spec["workerGroupSpecs"][0]
        wanted = {f"{name}.head": spec["headGroupSpec"]} | {f"{name}.{n}": group for n in range(group["replicas"])}
        self.pods = {pod: held for pod, held in self.pods.items() if not pod.startswith(f"{name}.") or pod in wanted}
        for pod, of in wanted.items():
            if pod not in self.pods:
                self._place(pod, of["template"]["metadata"]["labels"])

    def _place(self, name: str, labels: dict[str, str]) -> None:
        kind, number = MACHINE[labels["day/role"] == "gpu"], next(self._count)
        node = f"node-{number}"
        held: dict[str, Any] = {"metadata": {"name": name, "uid": f"uid-{number}", "labels": labels}, "spec": {}}
        self.pods[name] = held
        if self.full:
            return
        held |= {"spec": {"nodeName": node}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        told = {
            "node.kubernetes.io/instance-type": kind,
            "topology.kubernetes.io/zone": "us-west-2a",
            "karpenter.sh/capacity-type": "on-demand",
            "karpenter.sh/nodepool": f"{kind.replace('.', '-')}-on-demand",
            "kubernetes.io/hostname": node,
        }
        self.nodes[node] = {"metadata": {"name": node, "labels": told}}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Everyone:
    monkeypatch.setattr(run, "PATIENCE_S", 0.0)
    monkeypatch.setattr(run, "POLL_S", 0.0)
    return Everyone()


def day(api: ApiServer, items: tuple[Item, ...], contender: Contender | None = None) -> Any:
    return Day(api, contender or groups(), items, "us-west-2", 7).run(lambda _: None)


def item(minutes: int, *workers: tuple[int, int], gang: bool = False, start: int = 0) -> Item:
    return Item(name="a", kind="etl", start=start, minutes=minutes, gpu=False, workers=workers, gang=gang)


M5 = 0.768
"""$ an hour of an m5.4xlarge on demand in us-west-2."""


def test_a_machine_is_paid_until_its_pool_lets_it_go_after_the_last_pod(api: Everyone):
    found = day(api, (item(60, (0, 0)), item(120, (0, 0)).model_copy(update={"name": "b"})))
    assert found.machines == 2 and not api.clusters
    assert found.usd == pytest.approx(M5 * (70 + 120) / 60), "ten minutes more; the day ends with the last cluster"


def test_workers_that_come_and_go_are_paid_for_that_long(api: Everyone):
    found = day(api, (item(180, (0, 0), (60, 3), (120, 0)),))
    assert found.usd == pytest.approx(M5 * (180 + 3 * 70) / 60)
    assert (found.pods, found.never, found.moved) == (4, 0, 0)


def test_a_gang_works_its_minutes_from_when_its_last_machine_takes_pods(api: Everyone):
    found = day(api, (item(60, (0, 2), gang=True),))
    # 53 s for the machines, so that the hour ends within the step after it.
    assert found.rate[0] == (0.0, pytest.approx(3 * M5)) and found.usd == pytest.approx(3 * M5 * 70 / 60, rel=0.02)


def test_pods_on_new_machines_wait_for_them(api: Everyone):
    found = day(api, (item(30, (0, 1)),))
    assert (found.p50_s, found.p99_s, found.longest_s) == (53, 53, 53)
    assert found.at_once == {"cpu": 0.0, "head": 0.0}


def test_pods_that_nobody_takes_wait_until_their_cluster_ends_and_the_day_ends(api: Everyone):
    api.full = True
    found = day(api, (item(60, (0, 1)),))
    assert found.pods == 2 and found.usd == 0 and found.longest_s == 3600


def test_where_nothing_is_ever_launched_nobody_is_waited_for_to_say_so(api: Everyone, monkeypatch: pytest.MonkeyPatch):
    api.full = True
    monkeypatch.setattr(run, "SETTLED_S", 0.5)
    monkeypatch.setattr(Day, "_refused", lambda self: set())
    fixed = {name: spec | {"replicas": 1} for name, spec in groups().pools.items()}
    assert day(api, (item(60, (0, 1)),), replace(groups(), pools=fixed)).longest_s == 3600
    with pytest.raises(UserError, match="did not settle"):
        day(api, (item(60, (0, 1)),))


def test_a_spot_machine_that_is_taken_back_is_paid_until_then_and_its_pod_begins_again(
    api: Everyone, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "RECLAIMED", 1000.0)
    place = api._place

    def on_spot(name: str, labels: dict[str, str]) -> None:
        before = set(api.nodes)
        place(name, labels)
        for node in set(api.nodes) - before:
            api.nodes[node]["metadata"]["labels"]["karpenter.sh/capacity-type"] = "spot"

    monkeypatch.setattr(api, "_place", on_spot)
    found = day(api, (item(600, (0, 1)),))
    assert found.interrupted > 0 and found.pods == 2 + found.interrupted
    assert found.most_machines <= 4 and found.spot_usd == found.usd


def test_the_whole_day_of_the_seed_ends_with_everything_let_go(api: Everyone):
    items = trace.generated(7)
    found = day(api, items)
    assert not api.clusters and not api.pods and found.never == 0
    assert found.pods == sum(
        1 + sum(max(0, now - before) for (_, before), (_, now) in itertools.pairwise([(0, 0), *each.workers]))
        for each in items
    )
    assert found.rate[-1][1] == 0
