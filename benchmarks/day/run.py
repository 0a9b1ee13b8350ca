"""A day through the real controllers. Its clock stands still while they work, so a slow machine changes nothing.

At each step what people ask for is applied, and the clock goes on when every pod stands or Karpenter has refused it.
What takes real time in a cloud is counted by the clock: how long a machine takes to come, how long an empty one is
kept, and what is paid for it. All of Karpenter's decisions are its own but the one that goes by time alone: an empty
node is deleted when its pool's `consolidateAfter` has passed on the clock.

A pool that also consolidates what is underutilized has its nodes released to Karpenter when that time has passed since
a pod last came or went. Karpenter looks every ten real seconds, and waits fifteen to be sure: steps are faster. So a
node that it takes costs nothing from its release on, however late it acts: where the two clocks differ, the pool gains.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.day import ledger, work
from benchmarks.day.contenders import RESTLESS, Contender
from benchmarks.day.ledger import Machine, Result, Wait
from benchmarks.day.trace import Item, stepped
from benchmarks.day.work import WARM
from benchmarks.simulated import apply, memory
from infra import instances
from infra.requirements import CAPACITY_TYPE, INSTANCE_TYPE, ZONE, Offering
from local.controllers.catalogue import usd
from local.controllers.translate import node_pool
from local.providers.kubernetes.client import ApiError, ApiServer
from rayeks.errors import UserError

Object = dict[str, Any]
Say = Callable[[str], None]

KEEP = "karpenter.sh/do-not-disrupt"
POOL = "karpenter.sh/nodepool"
CLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
POLL_S, PATIENCE_S, SETTLED_S = 0.2, 8.0, 180.0
"""Between two looks; without any change until a pod counts as refused; until a step counts as stuck."""

RECLAIMED = 0.2
"""The share of a spot type's machines that EC2 takes back in a month: the upper end of Spot Advisor's `15-20%`."""
MONTH = 730 * 60


class Day:
    """One contender's day: `run` goes through it once."""

    def __init__(self, api: ApiServer, contender: Contender, items: Sequence[Item], region: str, seed: int) -> None:
        self._api, self._contender, self._items, self._region, self._seed = api, contender, items, region, seed
        self._after = {
            name: ledger.minutes(spec["disruption"]["consolidateAfter"]) for name, spec in contender.pools.items()
        }
        self._restless = {
            name for name, spec in contender.pools.items() if spec["disruption"]["consolidationPolicy"] == RESTLESS
        }
        self._fixed = all("replicas" in spec for spec in contender.pools.values())
        """Whether nothing is ever launched: Karpenter then says nothing of a pod that finds no room."""
        self._now = 0.0
        self._standing: dict[str, int] = {}
        """Item → its workers, while its cluster stands."""
        self._ends: dict[str, float] = {item.name: item.start + item.minutes for item in items if not item.gang}
        self._done: set[str] = set()
        self._machines: dict[str, Machine] = {}
        self._doomed: dict[str, float] = {}
        """Spot machine → when EC2 takes it back."""
        self._waits: dict[str, Wait] = {}
        self._stood: dict[str, frozenset[str]] = {}
        """Machine → the pods that stood on it at the last step."""
        self._asked: Counter[str] = Counter()
        self._held = 0
        """Pods that held room so far."""
        self._interrupted = 0
        self._gpu_minutes = 0.0
        self._memory = 0

    def run(self, say: Say) -> Result:
        """The whole day, and what is left of it after midnight. UserError where the controllers stop answering."""
        began = time.monotonic()
        self._prepare()
        last = max(item.start + item.minutes for item in self._items)
        while True:
            self._remove_what_is_due()
            self._take_back()
            self._apply_what_is_wanted()
            pods = self._settled()
            self._record(pods)
            waiting = sum(wait.seconds is None for wait in self._waits.values())
            say(
                f"{int(self._now) // 60:02}:{int(self._now) % 60:02}  {len(pods)} pods, {waiting} waiting, "
                f"{len(self._alive())} machines at ${sum(m.usd_per_hour for m in self._alive()):.2f}/h, "
                f"{time.monotonic() - began:.0f} s"
            )
            following = self._next(waiting)
            if following is None or self._now > 2 * last:
                break
            self._gpu_minutes += (following - self._now) * sum(
                pod["role"] == "gpu" and pod["node"] is not None for pod in pods.values()
            )
            self._now = following
        return self._result(max(self._now, last), time.monotonic() - began)

    def clear(self) -> None:
        """Remove the contender's pools and machines, so that the next one finds an empty cluster."""
        for pod in self._pods():
            self._remove(f"/api/v1/namespaces/{work.NAMESPACE}/pods/{pod}")
        for name in self._contender.pools:  # first, or Karpenter would replace the machines that always stand
            self._remove(f"/apis/karpenter.sh/v1/nodepools/{name}")
        for claim in self._claims():
            self._remove(f"{CLAIMS}/{claim}")
        self._until(lambda: not self._nodes(), "nodes are not let go of")

    def _prepare(self) -> None:
        for item in (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": work.NAMESPACE}},
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": WARM},
                "value": -1000,
                "preemptionPolicy": "Never",
            },
        ):
            apply(self._api, item)
        for name, spec in self._contender.pools.items():
            restless = name in self._restless
            template = spec["template"]
            metadata = template["metadata"] | ({"annotations": {KEEP: "true"}} if restless else {})
            disruption = spec["disruption"] | {"consolidateAfter": "0s" if restless else "Never"}
            moved = spec | {"disruption": disruption, "template": template | {"metadata": metadata}}
            for item in node_pool(name, moved):
                apply(self._api, item)

    def _next(self, waiting: int) -> float | None:
        """The next step at which something happens; None when all is over."""
        times: list[float] = [item.start + at for item in self._items for at, _ in item.workers]
        times += [end for name, end in self._ends.items() if name not in self._done]
        times += list(self._doomed.values())
        if waiting:  # they may fit when an empty machine has gone, or one is released
            times += [ledger.ending(machine, self._after) for machine in self._alive()]
        steps = [stepped(at) for at in times if at != float("inf")]
        following = min((at for at in steps if at > self._now), default=None)
        over = len(self._done) == len(self._items) or following is None
        return None if over else following

    def _remove_what_is_due(self) -> None:
        nodes_in_use = {pod["node"] for pod in self._pods().values()}
        going = []
        for machine in self._alive():
            due = ledger.ending(machine, self._after)
            if due > self._now:
                continue
            if machine.name not in nodes_in_use:
                machine.ended = max(due, machine.born)
                going.append(machine)
            elif machine.pool in self._restless and machine.released is None:
                machine.released = due
                self._annotate(machine, None)
        self._delete(going)

    def _take_back(self) -> None:
        going = [machine for machine in self._alive() if self._doomed.get(machine.name, float("inf")) <= self._now]
        for machine in going:
            machine.ended = self._now
            self._interrupted += 1
        self._delete(going)

    def _delete(self, going: Sequence[Machine]) -> None:
        """Delete NodeClaims; Karpenter drains their nodes, and they are gone when this returns."""
        for machine in going:
            self._doomed.pop(machine.name, None)
            self._remove(f"{CLAIMS}/{machine.claim}")
        names = {machine.name for machine in going}
        self._until(lambda: not names & {item["metadata"]["name"] for item in self._nodes()}, "nodes are not let go of")

    def _apply_what_is_wanted(self) -> None:
        kind = self._api.kind("ray.io/v1", "RayCluster")
        for item in self._items:
            if item.name in self._done or stepped(item.start) > self._now:
                continue
            if item.name in self._ends and stepped(self._ends[item.name]) <= self._now:
                self._api.delete(kind, work.NAMESPACE, item.name, "Background")
                self._standing.pop(item.name, None)
                self._done.add(item.name)
                continue
            wanted, standing = item.wanted(self._now - item.start), self._standing.get(item.name)
            if standing is None:
                apply(self._api, work.ray_cluster(item, wanted, self._contender.places, self._contender.steady))
            elif wanted != standing:
                self._api.patch(kind, work.NAMESPACE, item.name, work.scale(wanted))
            self._standing[item.name] = wanted
            self._asked[item.name] += 1 + wanted if standing is None else max(0, wanted - standing)

    def _settled(self) -> dict[str, Object]:
        """The pods when each stands, or has been refused and nothing moves any more."""
        began = changed = time.monotonic()
        before: Any = None
        while True:
            pods, claims = self._pods(), self._claims()
            self._hold_warm(pods)
            counts = Counter(pod["item"] for pod in pods.values())
            wanted = {name: 1 + workers for name, workers in self._standing.items()}
            if self._contender.warm:
                wanted[WARM] = self._contender.warm
            unplaced = [name for name, pod in pods.items() if not pod["ready"]]
            if counts == wanted and not unplaced and all(claims.values()):
                return pods
            now = time.monotonic()
            seen = (counts, sorted(unplaced), sorted(claims.items()))
            if seen != before:
                before, changed = seen, now
            quiet = counts == wanted and all(claims.values()) and now - changed > PATIENCE_S
            if quiet and (self._fixed or {pods[name]["uid"] for name in unplaced} <= self._refused()):
                return pods
            if now - began > SETTLED_S:
                raise UserError(
                    f"the step {self._now:.0f} of {self._contender.name} did not settle within {SETTLED_S:.0f} s: "
                    f"wanted {wanted}, found {dict(counts)}, {len(unplaced)} pods unplaced",
                    "see the controllers' logs",
                )
            time.sleep(POLL_S)

    def _hold_warm(self, pods: Mapping[str, Object]) -> None:
        """What holds room gives way to heads; it is made again under another name, as its Deployment would."""
        for _ in range(self._contender.warm - sum(pod["item"] == WARM for pod in pods.values())):
            self._held += 1
            apply(self._api, work.warm(self._held, self._contender.places))

    def _record(self, pods: Mapping[str, Object]) -> None:
        self._note_machines({pod["node"] for pod in pods.values() if pod["node"]})
        for uid in set(self._waits) - {pod["uid"] for pod in pods.values()}:
            if self._waits[uid].seconds is None:  # gone before it had a machine
                self._waits[uid].seconds = (self._now - self._waits[uid].asked) * 60
        for name, pod in pods.items():
            if pod["item"] == WARM:
                continue
            wait = self._waits.setdefault(pod["uid"], Wait(name, pod["item"], pod["role"], self._now))
            if wait.seconds is None and pod["ready"]:
                wait.seconds = ledger.waited(wait.asked, self._now, self._machines[pod["node"]])
        self._touch(pods)
        for item in self._items:
            if item.gang and item.name in self._standing and item.name not in self._ends:
                mine = [self._waits[pod["uid"]] for pod in pods.values() if pod["item"] == item.name]
                if all(wait.seconds is not None for wait in mine):
                    late = max((wait.seconds or 0) - (self._now - wait.asked) * 60 for wait in mine)
                    self._ends[item.name] = self._now + late / 60 + item.minutes
        self._memory = max(self._memory, sum(memory().values()))

    def _note_machines(self, in_use: set[str]) -> None:
        found = {item["metadata"]["name"]: item for item in self._nodes()}
        for name, item in found.items():
            if name not in self._machines:
                machine = self._machines[name] = self._machine(item)
                if machine.capacity == "spot":
                    chance = random.Random(f"{self._seed} {len(self._doomed)} {machine.instance_type} {self._now}")
                    self._doomed[name] = self._now + chance.expovariate(RECLAIMED / MONTH)
        for machine in self._alive():
            if machine.name not in found:  # Karpenter took it
                self._doomed.pop(machine.name, None)
                machine.ended = max(machine.born, self._now if machine.released is None else machine.released)

    def _touch(self, pods: Mapping[str, Object]) -> None:
        """Note on which machines pods came or went; one that was released is kept again from then on."""
        for machine in self._alive():
            here = frozenset(pod["uid"] for pod in pods.values() if pod["node"] == machine.name)
            if here != self._stood.get(machine.name):
                self._stood[machine.name] = here
                machine.changed = self._now
                if machine.released is not None:
                    machine.released = None
                    self._annotate(machine, "true")

    def _annotate(self, machine: Machine, value: str | None) -> None:
        kind = self._api.kind("v1", "Node")
        at = "/metadata/annotations/" + KEEP.replace("/", "~1")
        change = {"op": "remove", "path": at} if value is None else {"op": "add", "path": at, "value": value}
        self._api.patch(kind, None, machine.name, [change])

    def _alive(self) -> list[Machine]:
        return [machine for machine in self._machines.values() if machine.ended is None]

    def _machine(self, item: Object) -> Machine:
        labels = item["metadata"]["labels"]
        kind, zone, capacity = labels[INSTANCE_TYPE], labels[ZONE], labels[CAPACITY_TYPE]
        price = usd(kind, self._region, Offering(zone, capacity))
        assert price is not None, f"the catalogue has no {kind} without a price"
        return Machine(
            name=item["metadata"]["name"],
            claim=labels["kubernetes.io/hostname"],
            pool=labels[POOL],
            instance_type=kind,
            capacity=capacity,
            zone=zone,
            usd_per_hour=price,
            gpus=instances.known(kind).gpus,
            born=self._now,
            changed=self._now,
            stood="replicas" in self._contender.pools[labels[POOL]],
        )

    def _pods(self) -> dict[str, Object]:
        found = self._list(f"/api/v1/namespaces/{work.NAMESPACE}/pods")
        return {
            item["metadata"]["name"]: {
                "uid": item["metadata"]["uid"],
                "item": item["metadata"]["labels"][work.ITEM],
                "role": item["metadata"]["labels"][work.ROLE],
                "node": item["spec"].get("nodeName"),
                "ready": any(
                    each["type"] == "Ready" and each["status"] == "True"
                    for each in item.get("status", {}).get("conditions", ())
                ),
            }
            for item in found
            if "deletionTimestamp" not in item["metadata"]
        }

    def _refused(self) -> set[str]:
        """The pods of which Karpenter has said that it launches nothing for them."""
        return {
            event["involvedObject"].get("uid", "")
            for event in self._list(f"/api/v1/namespaces/{work.NAMESPACE}/events")
            if event["reason"] == "FailedScheduling" and "karpenter" in str(event.get("source") or event)
        }

    def _nodes(self) -> list[Object]:
        return self._list("/api/v1/nodes")

    def _claims(self) -> dict[str, bool]:
        """NodeClaim → whether its node is there and takes pods."""
        return {
            item["metadata"]["name"]: any(
                each["type"] == "Initialized" and each["status"] == "True"
                for each in item.get("status", {}).get("conditions", ())
            )
            for item in self._list(CLAIMS)
            if "deletionTimestamp" not in item["metadata"]
        }

    def _remove(self, path: str) -> None:
        try:
            self._api.request("DELETE", path)
        except ApiError as error:
            if error.code != 404:  # Karpenter was faster
                raise

    def _list(self, path: str) -> list[Object]:
        return self._api.request("GET", path).get("items") or []

    def _until(self, holds: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + SETTLED_S
        while not holds():
            if time.monotonic() > deadline:
                raise UserError(f"{complaint} within {SETTLED_S:.0f} s", "see the controllers' logs")
            time.sleep(POLL_S)

    def _result(self, until: float, seconds: float) -> Result:
        for machine in self._alive():
            machine.ended = min(until, max(ledger.ending(machine, self._after), machine.born))
        machines = list(self._machines.values())
        waits = [wait.seconds for wait in self._waits.values() if wait.seconds is not None]
        paid = sum(machine.hours(until) * machine.gpus for machine in machines)
        return Result(
            contender=self._contender.name,
            title=self._contender.title,
            seed=self._seed,
            hours=round(max(item.start + item.minutes for item in self._items) / 60),
            usd=sum(machine.usd(until) for machine in machines),
            spot_usd=sum(machine.usd(until) for machine in machines if machine.capacity == "spot"),
            machine_hours=sum(machine.hours(until) for machine in machines),
            machines=len(machines),
            most_machines=ledger.most(machines, until),
            gpu_share=self._gpu_minutes / 60 / paid if paid else 0.0,
            pods=len(self._waits),
            p50_s=ledger.percentile(waits, 0.5),
            p99_s=ledger.percentile(waits, 0.99),
            longest_s=max(waits, default=0.0),
            never=sum(wait.seconds is None for wait in self._waits.values()),
            moved=max(0, len(self._waits) - sum(self._asked.values())),
            interrupted=self._interrupted,
            minutes=seconds / 60,
            memory_mib=self._memory,
            at_once=ledger.at_once(self._waits.values()),
            notes=self._contender.notes,
            rate=ledger.rate(machines, until),
        )
