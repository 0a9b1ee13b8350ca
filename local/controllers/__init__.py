"""The real controllers as processes beside the local API server, with nodes and containers that KWOK plays."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import kubernetes, services, toolchain
from local.controllers import programs, rights, stages, webhooks
from local.controllers.programs import KARPENTER, KARPENTER_AWS, KUBERAY, KUEUE, KWOK, SCHEDULER
from local.files import write_json
from local.home import home
from local.ports import claim_port
from local.providers.kubernetes.client import ApiServer
from local.providers.kubernetes.kubeconfig import load
from local.services import Service

__all__ = ["ALL", "KARPENTER", "KARPENTER_AWS", "KUBERAY", "KUEUE", "KWOK", "SCHEDULER", "Cloud", "running"]
__all__ += ["start", "stop"]

Progress = Callable[[str], None]
ALL = (SCHEDULER, KWOK, KARPENTER, KARPENTER_AWS, KUBERAY, KUEUE)
SECOND = {
    KUBERAY: "kuberay-metrics",
    KARPENTER: f"{KARPENTER}-metrics",
    KARPENTER_AWS: f"{KARPENTER_AWS}-metrics",
    KUEUE: "kueue-webhooks",
}
"""Controllers that listen on a port beside that of their health."""

OWNER = "rayeks-local-controllers"


@dataclass(frozen=True)
class Cloud:
    """What a Karpenter gets its machines from.

    Of AWS: `settings` as its chart's flags and the `environment` of its AWS client. Or a list of `instance_types`,
    which the core's own simulation offers; `settings` are then the core's flags alone.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    instance_types: list[dict[str, Any]] | None = None

    @property
    def karpenter(self) -> str:
        """The program that suits it."""
        return KARPENTER if self.instance_types is not None else KARPENTER_AWS


def start(*, cloud: Cloud, kueue: Mapping[str, Any] | None = None, progress: Progress = print) -> None:
    """Have the scheduler, KWOK, Karpenter, KubeRay and, given its configuration, Kueue running and ready.

    The local Kubernetes must be up, with the CRDs that they ask for. What runs already with the same settings is
    kept. UserError when a tool can't be built, a port is taken or a controller ends by itself.
    """
    names = [SCHEDULER, KWOK, cloud.karpenter, KUBERAY] + [KUEUE] * (kueue is not None)
    found = toolchain.tools(names, progress=progress)
    cluster = kubernetes.start(nodes=True, progress=progress)
    ports = {name: claim_port(name, movable=True) for name in names}
    ports |= {SECOND[name]: claim_port(SECOND[name], service=name, movable=True) for name in names if name in SECOND}
    folder = home() / "controllers"
    folder.mkdir(mode=0o700, exist_ok=True)
    _grant(names, cluster.kubeconfig)
    chosen = [
        programs.scheduler(found[SCHEDULER], ports, kubernetes.certificates(), kubernetes.kubeconfig("scheduler")),
        programs.kwok(found[KWOK], ports, cluster.kubeconfig, stages.write_config(folder / "kwok.yaml")),
        _karpenter(found[cloud.karpenter], ports, cluster.kubeconfig, cloud, folder),
        programs.kuberay(found[KUBERAY], ports, _acting(KUBERAY)),
    ]
    if kueue is not None:
        acting = _acting(KUEUE)
        config = webhooks.prepare(folder / "kueue", ports, kueue)
        chosen.append(programs.kueue(found[KUEUE], ports, acting, config))
        _point_at_kueue(_api(cluster.kubeconfig), folder / "kueue", ports)
    services.start_all(chosen, progress=progress)


def stop(*, progress: Progress = print) -> list[str]:
    """End every controller that runs, Karpenter last, and take back their rights; returns who ran.

    What they made (nodes, pods) stays in the API server.
    """
    ended = [name for name in (KUEUE, KUBERAY, KARPENTER, KARPENTER_AWS, KWOK, SCHEDULER) if services.running(name)]
    for name in ended:
        services.stop(name, progress=progress)
    status = kubernetes.status()
    if status.endpoint and ended:
        api = _api(kubernetes.kubeconfig("admin"))
        if KUEUE in ended:
            _point_away_from_kueue(api)
        for item in (each for name in ended for each in rights.objects(name)):
            metadata = item["metadata"]
            kind = api.kind(item["apiVersion"], item["kind"])
            api.delete(kind, metadata.get("namespace"), metadata["name"], "Background")
        kubernetes.start(progress=progress)
    return ended


def running() -> list[str]:
    """The controllers that run, by name."""
    return [name for name in ALL if services.running(name)]


def _acting(name: str) -> Path:
    """A kubeconfig with the rights of the controller's own service account."""
    return kubernetes.kubeconfig("admin", acting_as=rights.IDENTITIES[name].user)


def _karpenter(program: Path, ports: Mapping[str, int], kubeconfig: Path, cloud: Cloud, folder: Path) -> Service:
    if cloud.instance_types is None:
        return programs.karpenter_aws(
            program, ports, kubeconfig, settings=cloud.settings, environment=cloud.environment
        )
    offered = folder / "instance-types.json"
    write_json(offered, cloud.instance_types)
    return programs.karpenter(program, ports, kubeconfig, offered, cloud.settings)


def _grant(names: Collection[str], kubeconfig: Path) -> None:
    api = _api(kubeconfig)
    for item in (each for name in names for each in rights.objects(name)):
        api.apply(api.kind(item["apiVersion"], item["kind"]), item, OWNER, force=True)


def _point_at_kueue(api: ApiServer, folder: Path, ports: Mapping[str, int]) -> None:
    for item in webhooks.objects(folder, ports):
        api.apply(api.kind(item["apiVersion"], item["kind"]), item, OWNER, force=True)
    _convert(api, webhooks.conversion(folder, ports))


def _point_away_from_kueue(api: ApiServer) -> None:
    """While its webhooks stood and Kueue did not answer, nothing of what they cover could be written."""
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        found = api.kind("admissionregistration.k8s.io/v1", kind)
        api.delete(
            found,
            None,
            f"kueue-{kind.removesuffix('WebhookConfiguration').lower()}-webhook-configuration",
            "Background",
        )
    api.delete(api.kind("v1", "Secret"), webhooks.NAMESPACE, webhooks.SECRET, "Background")
    _convert(api, {"strategy": "None"})


def _convert(api: ApiServer, conversion: Mapping[str, Any]) -> None:
    kind = api.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    change = [{"op": "replace", "path": "/spec/conversion", "value": conversion}]
    for plural in webhooks.CONVERTED:
        name = f"{plural}.kueue.x-k8s.io"
        if api.metadata(kind, None, name):  # the stack takes them down with the chart
            api.patch(kind, None, name, change)


def _api(kubeconfig: Path) -> ApiServer:
    return ApiServer(load(str(kubeconfig)), threading.Event())
