"""A bare API server with KubeRay and Karpenter's core on a cloud of ours, for the measurements; gone afterwards."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from local import controllers, golang, kubernetes, services
from local.controllers import Cloud
from local.controllers.catalogue import Entry
from local.processes import hold_interrupts
from local.providers.kubernetes import charts, crds
from local.providers.kubernetes.client import ApiServer
from local.providers.kubernetes.kubeconfig import load
from local.toolchain import FAMILIES

Object = dict[str, Any]
Say = Callable[[str], None]
MANAGER = "rayeks-benchmarks"
SECONDS_FOR_CRDS = 120
QUICK = {"batch-idle-duration": "300ms", "batch-max-duration": "3s"}
"""Karpenter's windows, which a real cluster has at 1 s and 10 s: pods of one moment arrive here within a fraction."""


@contextmanager
def simulated(machines: list[Entry], say: Say, settings: Mapping[str, str] = QUICK) -> Generator[ApiServer]:
    """The API server, with the controllers running in a home of their own, which is removed whatever happens."""
    before = os.environ.get("RAYEKS_HOME")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["RAYEKS_HOME"] = folder
        try:
            started = kubernetes.start(nodes=True, progress=say)
            api = ApiServer(load(str(started.kubeconfig)), threading.Event())
            crds.install(api, definitions(), MANAGER, SECONDS_FOR_CRDS, lambda *_, **__: None)
            controllers.start(cloud=Cloud(settings=settings, instance_types=machines), progress=say)
            yield api
        except BaseException:
            keep_logs(Path(folder), say)
            raise
        finally:
            with hold_interrupts():  # a second Ctrl-C would leave servers behind
                for service in services.recorded():
                    services.stop(service.name, progress=lambda _: None)
            if before is None:
                del os.environ["RAYEKS_HOME"]
            else:
                os.environ["RAYEKS_HOME"] = before


def definitions() -> list[Object]:
    """The CRDs of Karpenter, of its simulated cloud, and of KubeRay, as their pinned modules have them."""
    texts = [
        text for name in ("karpenter-crd", "kuberay-crds") for text in charts.manifests(charts.CHARTS[name]).values()
    ]
    module = golang.module_folder(FAMILIES / "karpenter", "sigs.k8s.io/karpenter")
    texts += [file.read_text() for file in sorted((module / "kwok/apis/crds").glob("*.yaml"))]
    return [item for text in texts for item in yaml.load_all(text, Loader=charts.Loader) if item]


def apply(api: ApiServer, obj: Object) -> None:
    """Server-side apply."""
    api.apply(api.kind(obj["apiVersion"], obj["kind"]), obj, MANAGER, force=True)


def memory() -> dict[str, int]:
    """Resident MiB of each process."""
    found = {}
    for service in services.recorded():
        try:
            found[service.name] = psutil.Process(service.pid).memory_info().rss >> 20
        except psutil.Error:
            continue
    return found


def keep_logs(folder: Path, say: Say) -> None:
    """Put the logs of a run that failed beside the folder that is about to go."""
    kept = Path(tempfile.mkdtemp(prefix="rayeks-logs-"))
    shutil.copytree(folder / "logs", kept, dirs_exist_ok=True)
    say(f"the controllers' logs are in {kept}")
