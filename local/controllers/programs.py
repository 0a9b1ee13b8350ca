"""The command lines of the controllers: what runs in pods of the cluster, as processes on loopback."""

import contextlib
import http.client
from collections.abc import Callable, Mapping
from pathlib import Path

from local.kubernetes.servers import answers
from local.services import Service

SCHEDULER, KWOK, KUBERAY, KUEUE = "kube-scheduler", "kwok", "kuberay-operator", "kueue"
KARPENTER, KARPENTER_AWS = "karpenter", "karpenter-aws"

FAKE_NODE = {"kwok.x-k8s.io/node": "fake"}
"""The annotation of nodes that KWOK plays; both Karpenters put it on every node that they make."""


def scheduler(program: Path, ports: Mapping[str, int], pki: Path, kubeconfig: Path) -> Service:
    """Kubernetes' own scheduler; it says on each pod why no node fits, which is what Karpenter reads."""
    argv = {
        "bind-address": "127.0.0.1",
        "secure-port": ports[SCHEDULER],
        "tls-cert-file": pki / "scheduler.crt",
        "tls-private-key-file": pki / "scheduler.key",
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "leader-elect": "false",
        "kube-api-qps": 500,
        "kube-api-burst": 1000,
        "profiling": "false",
    }
    ready = answers(ports[SCHEDULER], "/healthz", pki, "ca", "admin")
    return Service(SCHEDULER, _command(program, argv), ready, ports[SCHEDULER])


def kwok(program: Path, ports: Mapping[str, int], kubeconfig: Path, config: Path) -> Service:
    """KWOK plays the kubelets: it makes fake nodes Ready and the pods on them Running, by the stages in `config`."""
    argv = {
        "kubeconfig": kubeconfig,
        "config": config,
        "manage-all-nodes": "false",
        "manage-nodes-with-annotation-selector": ",".join(f"{key}={value}" for key, value in FAKE_NODE.items()),
        "node-lease-duration-seconds": 40,
        "server-address": f"127.0.0.1:{ports[KWOK]}",
        "cidr": "10.64.0.0/10",  # room for the pods of a few thousand nodes
    }
    return Service(KWOK, _command(program, argv), _healthy(ports[KWOK], "/healthz"), ports[KWOK])


def kuberay(program: Path, ports: Mapping[str, int], kubeconfig: Path) -> Service:
    """KubeRay's operator, as fast as its flags let it be."""
    argv = {
        "kubeconfig": kubeconfig,
        "enable-leader-election": "false",
        "metrics-addr": f"127.0.0.1:{ports['kuberay-metrics']}",
        "health-probe-bind-address": f"127.0.0.1:{ports[KUBERAY]}",
        "enable-metrics": "true",
        "use-kubernetes-proxy": "true",  # it has no route to the services of pods
        "reconcile-concurrency": 4,
        "qps": 300,
        "burst": 500,
        "feature-gates": "RayCronJob=true",
    }
    return Service(KUBERAY, _command(program, argv), _healthy(ports[KUBERAY], "/readyz"), ports[KUBERAY])


def karpenter_aws(
    program: Path,
    ports: Mapping[str, int],
    kubeconfig: Path,
    *,
    settings: Mapping[str, str],
    environment: Mapping[str, str],
) -> Service:
    """Karpenter's AWS provider with its instances simulated: it asks AWS all that it asks anyway, and makes nodes.

    `settings` are those of the chart by their flags (`cluster-name` …), `environment` points its AWS client somewhere.
    It knows no address to listen on, so its two ports are open on every interface while it runs.
    """
    env = {"SYSTEM_NAMESPACE": "kube-system", **environment}
    return _karpenter(KARPENTER_AWS, program, ports, kubeconfig, settings, env)


def karpenter(
    program: Path, ports: Mapping[str, int], kubeconfig: Path, instance_types: Path, settings: Mapping[str, str]
) -> Service:
    """Karpenter's core with a cloud made of `instance_types`: for scale and for the cost of a day."""
    flags = {"instance-types-file-path": str(instance_types), **settings}
    return _karpenter(KARPENTER, program, ports, kubeconfig, flags, {})


def kueue(program: Path, ports: Mapping[str, int], kubeconfig: Path, config: Path) -> Service:
    """Kueue's manager, with its webhooks on loopback."""
    argv = [str(program), f"--config={config}"]
    return Service(
        KUEUE, argv, _healthy(ports[KUEUE], "/readyz"), ports[KUEUE], env={"KUBECONFIG": str(kubeconfig)}, timeout_s=90
    )


def _karpenter(
    name: str,
    program: Path,
    ports: Mapping[str, int],
    kubeconfig: Path,
    settings: Mapping[str, str],
    env: Mapping[str, str],
) -> Service:
    argv = {
        "disable-leader-election": "true",
        "metrics-port": ports[f"{name}-metrics"],
        "health-probe-port": ports[name],
        "kube-client-qps": 300,
        "kube-client-burst": 500,
        **settings,
    }
    ready = _healthy(ports[name], "/readyz")
    # Its flags know no kubeconfig.
    env = {"KUBECONFIG": str(kubeconfig), **env}
    return Service(name, _command(program, argv), ready, ports[name], env=env, timeout_s=120)


def _command(program: Path, flags: Mapping[str, object]) -> list[str]:
    return [str(program), *(f"--{name}={value}" for name, value in flags.items())]


def _healthy(port: int, path: str) -> Callable[[], bool]:
    """Whether the process on `port` says that it is well."""

    def ready() -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", path)
                return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    return ready
