"""A Ray cluster of real processes on this machine: one `ray start --block` for each pod that KubeRay would make."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from local.processes import hold_interrupts
from local.services import last_lines
from rayeks.errors import UserError
from rayeks.launching import autoscaling, leftovers, workspace
from rayeks.launching.shape import OBJECT_STORE_BYTES, Node, Shape

MOST_REPLACED = 10

Progress = Callable[[str], None]


@dataclass
class Member:
    """A node as it runs: its process, and where it logs."""

    node: Node
    process: subprocess.Popen[bytes]
    log: Path

    def ended(self) -> str:
        """How the process ended, with the end of its log."""
        return f"Ray node {self.log.stem} ended with code {self.process.returncode}:\n{last_lines(self.log)}"


@dataclass
class Cluster:
    """A running cluster: the head first, then its workers, then those that replaced or joined them.

    `folder` holds each node's log and Ray's own session; `env` is in the environment of every node.
    """

    address: str
    dashboard: str
    token: str | None
    folder: Path
    env: Mapping[str, str]
    members: list[Member] = field(default_factory=list)
    replaced: int = 0

    def described(self) -> dict[str, Any]:
        """What another process needs to add nodes to this cluster, in JSON's types."""
        return {
            "address": self.address,
            "dashboard": self.dashboard,
            "token": self.token,
            "folder": str(self.folder),
            "env": dict(self.env),
        }

    def headers(self) -> dict[str, str]:
        """What the dashboard's API asks for."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def add(self, node: Node, env: Mapping[str, str] | None = None) -> Member:
        """Start one more worker node, with `env` besides its own; it joins in its own time."""
        return _spawn(self, node, [f"--address={self.address}"], env or {})

    def heal(self, progress: Progress) -> None:
        """Start a node for each worker that has ended, as KubeRay replaces a pod. UserError for a lost head."""
        for member in list(self.members):
            if member.process.poll() is None:
                continue
            if member.node.group == "headgroup":
                raise UserError(member.ended(), f"the nodes' logs are in {self.folder}")
            self.replaced += 1
            if self.replaced > MOST_REPLACED:
                raise UserError(f"{self.replaced} nodes ended, the last one so: {member.ended()}")
            self.members.remove(member)
            code = member.process.returncode
            progress(f"Ray node {member.log.stem} ended with code {code}; another takes its place, as KubeRay does")
            self.add(member.node)


def start(shape: Shape, env: Mapping[str, str], *, auth: bool, progress: Progress, timeout_s: float = 120) -> Cluster:
    """Start a head and its workers, and wait until the head's Jobs API answers.

    Each node has a loopback address and a folder of its own, as pods have, so that nodes which start at the
    same moment do not fight over names. UserError when the head ends or is not up within `timeout_s`.
    """
    gcs, dashboard, client = workspace.free_ports(3)
    cluster = Cluster(
        address=f"{_ip(0)}:{gcs}",
        dashboard=f"http://127.0.0.1:{dashboard}",
        token=workspace.token() if auth else None,
        folder=workspace.new_folder(),
        env={**env, **workspace.environment(auth)},
    )
    flags = [
        "--head",
        f"--port={gcs}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard}",
        f"--ray-client-server-port={client}",
    ]
    deadline = time.monotonic() + timeout_s
    own: dict[str, str] = {}
    if shape.kinds:
        path = cluster.folder / "autoscaling.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(autoscaling.config(shape.kinds, cluster.described())))
        flags.append(f"--autoscaling-config={path}")
        own = {**autoscaling.HEAD_ENV, **autoscaling.UPDATE_S}
    try:
        head = _spawn(cluster, shape.nodes[0], flags, own)
        _await(lambda: _listens(_ip(0), gcs), head, "the head", deadline, progress)
        for node in shape.nodes[1:]:
            cluster.add(node)
        _await(lambda: _answers(cluster), head, "the Jobs API", deadline, progress)
    except BaseException:
        stop(cluster)
        raise
    return cluster


def stop(cluster: Cluster) -> None:
    """End every process of the cluster, at once: nothing on it outlives its one job."""
    own = [psutil.Process(member.process.pid) for member in cluster.members if member.process.poll() is None]
    leftovers.kill([*own, *_started_by_the_autoscaler(cluster)])
    for member in cluster.members:
        member.process.wait()


def _started_by_the_autoscaler(cluster: Cluster) -> list[psutil.Process]:
    """Nodes that are no children of this process, and of nobody once the head is gone: known by where they run."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()) == cluster.folder:
                found.append(process)
    return found


def end(process: subprocess.Popen[bytes]) -> None:
    """End one node and all that runs on it, at once."""
    leftovers.kill([psutil.Process(process.pid)])
    process.wait()


def _spawn(cluster: Cluster, node: Node, flags: list[str], env: Mapping[str, str]) -> Member:
    index = len(list(cluster.folder.glob("*.log")))
    session, log = cluster.folder / str(index), cluster.folder / f"{index}.log"
    session.mkdir()
    (agent,) = workspace.free_ports(1)
    labels = {**node.labels, "ray.io/node-group": node.group}
    argv = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"),
        *flags,
        f"--node-ip-address={_ip(index)}",
        f"--temp-dir={session}",
        f"--num-cpus={node.cpus}",
        f"--num-gpus={node.gpus}",
        f"--resources={json.dumps(node.custom)}",
        f"--labels={','.join(f'{key}={value}' for key, value in labels.items())}",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        f"--dashboard-agent-listen-port={agent}",
    ]
    with hold_interrupts(), log.open("ab") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**workspace.inherited(), **node.env, **cluster.env, **env},
            cwd=cluster.folder,
            start_new_session=True,
        )
        member = Member(node, process, log)
        cluster.members.append(member)
    return member


def _ip(index: int) -> str:
    """A node's own loopback address. Ray replaces 127.0.0.1 by the machine's outside address, others not."""
    return f"127.0.0.{2 + index}" if sys.platform == "linux" else "127.0.0.1"


def _await(done: Callable[[], bool], head: Member, what: str, deadline: float, progress: Progress) -> None:
    spoken = began = time.monotonic()
    while not done():
        now = time.monotonic()
        if head.process.poll() is not None:
            raise UserError(head.ended(), f"the nodes' logs are in {head.log.parent}")
        if now > deadline:
            raise UserError(f"{what} of the local Ray cluster is not up in time", f"read the logs in {head.log.parent}")
        if now - spoken > 5:
            progress(f"waiting for {what} ({now - began:.0f} s)")
            spoken = now
        time.sleep(0.1)


def _listens(host: str, port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False


def _answers(cluster: Cluster) -> bool:
    request = urllib.request.Request(f"{cluster.dashboard}/api/jobs/", headers=cluster.headers())
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status == 200
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise UserError(
                f"{cluster.dashboard} refuses the token of this checkout", f"remove {workspace.token_path()}"
            ) from error
        return False
    except OSError:
        return False
