"""The service's throughput and latency beside the same model behind bare uvicorn, at equal concurrency."""

import asyncio
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import yaml

from benchmarks.measure import Row
from benchmarks.workloads.scratch import scratch
from rayeks.launching.service import Service, serve_local
from rayeks.launching.workspace import free_ports
from workloads.manifests import ray_service
from workloads.serve import spec
from workloads.serve.load import Fates, load

CONCURRENCY = 64
WARM_S, MEASURED_S = 6, 15
REPLICAS = 2
"""Of the classifier, from first to last: replicas that start meanwhile would be measured with those that answer."""


@dataclass(frozen=True)
class Speed:
    """What a server did while it was asked all the time, and the cores that its processes took then and before."""

    per_second: float
    cores: float
    idle_cores: float
    p50_ms: float
    p99_ms: float

    @property
    def per_core(self) -> float:
        """Requests for each second of processor time that they cost: what is taken when nobody asks is not theirs."""
        return self.per_second / (self.cores - self.idle_cores)


def rows() -> Iterator[Row]:
    """Requests a second for each core, and latencies, of the composed sample beside bare uvicorn's."""
    bare = _bare()
    service = _service()
    beside = "the same model behind bare uvicorn, one process"
    yield Row("serve, requests a second per core", service.per_core, "/s", beside, bare.per_core, bound=0.6, least=True)
    yield Row("serve, requests a second", service.per_second, "/s", beside, bare.per_second)
    yield Row("serve, cores while nobody asks: Ray's own processes of three nodes", service.idle_cores, "")
    yield Row("serve, p50", service.p50_ms, "ms", beside, bare.p50_ms)
    yield Row("serve, p99", service.p99_ms, "ms", beside, bare.p99_ms)


def _bare() -> Speed:
    (port,) = free_ports(1)
    argv = [sys.executable, "-m", "uvicorn", "benchmarks.workloads.bare:api", f"--port={port}", "--log-level=warning"]
    process = subprocess.Popen([*argv, "--no-access-log"])
    try:
        url = f"http://127.0.0.1:{port}"
        _await(f"{url}/openapi.json", process)
        return _ask(url, [psutil.Process(process.pid)])
    finally:
        process.terminate()
        process.wait()


def _service() -> Speed:
    found: list[Speed] = []

    def hold(service: Service) -> None:
        found.append(_ask(service.url, [psutil.Process(member.process.pid) for member in service.cluster.members]))

    with scratch() as folder:
        manifest = ray_service(
            spec.service(namespace="ray-a", models_uri=str(folder), image="ray", team="a", most=REPLICAS)
        )
        config = yaml.safe_load(manifest["spec"]["serveConfigV2"])
        for stage in config["applications"][0]["deployments"]:
            stage["ray_actor_options"] = {"num_cpus": 0.1}  # so that a laptop holds two of each
        manifest["spec"]["serveConfigV2"] = yaml.safe_dump(config)
        serve_local(manifest, name="serve", env={}, progress=lambda line: None, hold=hold)
    return found[0]


def _ask(url: str, roots: list[psutil.Process]) -> Speed:
    async def drive(seconds: float) -> Fates:
        fates, until = Fates(), asyncio.Event()
        asking = asyncio.create_task(load(url, concurrency=CONCURRENCY, until=until, fates=fates))
        await asyncio.sleep(seconds)
        until.set()
        await asking
        return fates

    idle, _, _ = _measured(roots, lambda: time.sleep(WARM_S))
    asyncio.run(drive(WARM_S))
    cores, seconds, fates = _measured(roots, lambda: asyncio.run(drive(MEASURED_S)))
    if failed := fates.failed():
        raise RuntimeError(f"{url} failed: {dict(failed)}")
    share = {each: fates.percentile(each / 100) * 1000 for each in (50, 99)}
    return Speed(len(fates.all) / seconds, cores, idle, share[50], share[99])


def _measured(roots: list[psutil.Process], work: Callable[[], Any]) -> tuple[float, float, Any]:
    """The cores that processes take while `work` is done, its seconds, and what it gives."""
    spent, began = _processor_s(roots), time.monotonic()
    given = work()
    seconds = time.monotonic() - began
    return (_processor_s(roots) - spent) / seconds, seconds, given


def _processor_s(roots: list[psutil.Process]) -> float:
    """Seconds of processor time of processes and all that descend from them."""
    total = 0.0
    for process in [each for root in roots for each in (root, *root.children(recursive=True))]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _await(url: str, process: subprocess.Popen[bytes], timeout_s: float = 60) -> None:
    began = time.monotonic()
    while True:
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        if process.poll() is not None or time.monotonic() - began > timeout_s:
            raise RuntimeError(f"{url} does not answer")
        time.sleep(0.1)
