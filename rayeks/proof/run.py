"""`rayeks prove`: the stack through the engine, the controllers beside it, everything launched, everything gone."""

import os
import shutil
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from infra.config import Platform
from local import services
from local.home import home, root
from local.providers.kubernetes.client import ApiError
from rayeks.engine import controllers
from rayeks.engine.controllers import Told
from rayeks.engine.lock import exclusive
from rayeks.engine.up import Outcome
from rayeks.engine.up import up as provision
from rayeks.engine.workspace import LOCAL, known
from rayeks.plan import plan
from rayeks.preflight.stack import platform as configured
from rayeks.proof import classes, launches, rest
from rayeks.proof.cluster import Cluster, refused
from rayeks.proof.model import Placement, Pod, Proof, placement

Say = Callable[[str], None]
POLL_S = 1.0
PLACED_S = 240.0
DRAINED_S = 180.0


def prove(console: Console, stack: str = LOCAL) -> Proof:
    """Prove a stack; faults are in the answer, UserError is for what kept the proof from being made.

    Brings the stack up, starts the controllers, waits until every EC2NodeClass is Ready under the rights of Karpenter's
    own role, launches every sample and a pod for each pool, and takes it all away again. The controllers are stopped
    whatever happens. The stack `local` stays; another one is rehearsed in servers of its own, and gone with them.
    """
    if known(stack) == LOCAL:
        return _proved(console, None)
    with rehearsal(stack):
        return _proved(console, stack)


@contextmanager
def rehearsal(stack: str) -> Generator[None]:
    """A home of the stack's own for the length of the block, emptied first of what a killed one left, and after it."""
    mine = os.environ.get("RAYEKS_HOME")
    folder = home() / "rehearsals" / stack
    os.environ["RAYEKS_HOME"] = str(folder)
    try:
        _emptied(folder)
        yield
    finally:
        _emptied(folder)
        if mine is None:
            del os.environ["RAYEKS_HOME"]
        else:
            os.environ["RAYEKS_HOME"] = mine


def _emptied(folder: Path) -> None:
    """End every server of a home and forget what it held."""
    for service in services.recorded():
        services.stop(service.name)
    shutil.rmtree(folder, ignore_errors=True)


def _proved(console: Console, rehearsed: str | None) -> Proof:
    began = time.monotonic()
    stack = rehearsed or LOCAL

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    platform = configured(plan(stack, root=root()))
    outcome = provision(console, rehearsed=rehearsed)
    with exclusive(home() / "lock", f"rayeks prove {stack}"), controlled(outcome, platform, say) as cluster:
        found, faults = classes.ready(cluster, say)
        placements: list[Placement] = []
        drained = None
        if not faults:
            placements, drained, faults = _placed(cluster, platform, outcome.outputs, say)
        memory = {each.name: _memory(each) for each in services.recorded() if each.alive}
    return Proof(
        stack=stack,
        classes=found,
        placements=tuple(placements),
        drained_s=drained,
        seconds=time.monotonic() - began,
        memory_mib=memory,
        faults=tuple(faults),
    )


@contextmanager
def controlled(outcome: Outcome, platform: Platform, say: Say) -> Generator[Cluster]:
    """The stack with its controllers running; what a killed proof left is removed first, what is left at the end."""
    running = outcome.servers
    cluster = Cluster(running.kubernetes.kubeconfig, platform.region)
    rest.clear(cluster, say)
    try:
        controllers.start(running, Told.of(platform), say)
        yield cluster
        rest.clear(cluster, say)
    finally:
        controllers.stop(say)


def _placed(
    cluster: Cluster, platform: Platform, outputs: Mapping[str, Any], say: Say
) -> tuple[list[Placement], float | None, list[str]]:
    wanted = launches.launches(platform, outputs)
    faults = []
    cluster.apply(launches.namespace())
    began = time.monotonic()
    for name, obj in wanted.items():
        try:
            cluster.apply(obj)
        except ApiError as error:
            faults.append(f"{name}: {refused(obj, error)}")
    say(f"launched {', '.join(wanted)}")
    pods, seconds = _awaited(cluster, set(wanted), began, say)
    machines = cluster.machines()
    placements = [
        placement(name, seconds.get(name, time.monotonic() - began), mine, pods, machines)
        for name in dict.fromkeys([*wanted, *sorted(pod.owner for pod in pods)])
        for mine in [[pod for pod in pods if pod.owner == name]]
    ]
    faults += [f"{each.what}: no pod was made for it" for each in placements if not each.pods]
    if not all(pod.ready for pod in pods):
        faults += cluster.unjoined()
    for obj in wanted.values():
        cluster.delete(obj)
    drained = rest.drained(cluster, DRAINED_S, say)
    if drained is None:
        left = ", ".join(f"{each.instance_type} of {each.pool}" for each in cluster.leaving())
        faults.append(f"nodes are left {DRAINED_S:.0f} s after everything was deleted: {left}")
    return placements, drained, faults


def _awaited(cluster: Cluster, wanted: set[str], began: float, say: Say) -> tuple[list[Pod], dict[str, float]]:
    """The pods once all are Ready, or when time is up; and the seconds until each launch had its last one Ready."""
    seconds: dict[str, float] = {}
    spoke = began
    while True:
        pods = cluster.pods()
        now = time.monotonic()
        names = wanted | {pod.owner for pod in pods}
        by_owner = {name: [pod for pod in pods if pod.owner == name] for name in names}
        for name, mine in by_owner.items():
            if mine and all(pod.ready for pod in mine):
                seconds.setdefault(name, now - began)
            else:
                seconds.pop(name, None)
        if len(seconds) == len(names) or now - began > PLACED_S:
            return pods, seconds
        if now - spoke > 10:
            spoke = now
            say(f"  {sum(pod.ready for pod in pods)} of {len(pods)} pods are Ready, {now - began:.0f} s")
        time.sleep(POLL_S)


def _memory(service: services.Running) -> int:
    """A daemon's resident memory in MiB."""
    try:
        return psutil.Process(service.pid).memory_info().rss >> 20
    except psutil.Error:
        return 0
