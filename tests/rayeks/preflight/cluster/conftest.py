"""A real API server with nodes as objects: the cluster that stacks/Pulumi.onprem.yaml speaks of."""

import copy
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from infra.config.platform import parse_portable
from local.home import root
from rayeks.preflight import Cluster, Finding, PortableStack, Report, preflight, read
from tests.conftest import of_its_own

EXAMPLE = yaml.safe_load((root() / "stacks/Pulumi.onprem.yaml").read_text())["config"]["ray-on-eks:platform"]
GPU = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
TAINT = {"key": "dedicated", "value": "training", "effect": "NoSchedule"}
INFO = (
    *("architecture", "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "machineID"),
    *("operatingSystem", "osImage", "systemUUID"),
)
Node = dict[str, Any]


def node(name: str, labels: dict[str, str], taints: tuple[dict[str, str], ...] = (), **allocatable: str) -> Node:
    """A node object that says it is ready; no kubelet stands behind it."""
    held = {key.replace("__", "/").replace("_", "."): value for key, value in allocatable.items()} | {"pods": "110"}
    info = dict.fromkeys(INFO, "")
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": list(taints)},
        "status": {
            "allocatable": held,
            "capacity": held,
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": info | {"kubeletVersion": "v1.35.4"},
        },
    }


def machines() -> Iterator[Node]:
    """The nodes that the example counts on, each with a little more than it says."""
    for number in range(2):
        yield node(f"head-{number}", {"rayeks/pool": "ray-head"}, cpu="16", memory="60Gi")
        yield node(f"gpu-{number}", GPU, (TAINT,), cpu="126", memory="1000Gi", nvidia_com__gpu="8")
    for number in range(6):
        yield node(f"cpu-{number}", {"rayeks/pool": "ray-cpu"}, cpu="64", memory="250Gi")
    yield node("shared", {"rayeks/pool": "ray-gpu-shared"}, cpu="32", memory="128Gi", nvidia_com__gpu_shared="8")


class There:
    """The cluster as its owner changes it. What a test made is gone after it."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self.context: str = yaml.safe_load(Path(kubeconfig).read_text())["current-context"]
        connection = client.Configuration()
        config.load_kube_config(kubeconfig, client_configuration=connection)
        api = client.ApiClient(connection)
        self.core: Any = client.CoreV1Api(api)
        self.apps: Any = client.AppsV1Api(api)
        self.rbac: Any = client.RbacAuthorizationV1Api(api)
        self.storage: Any = client.StorageV1Api(api)
        self.extensions: Any = client.ApiextensionsV1Api(api)
        self.undo: list[Callable[[], Any]] = []

    def add_node(self, wanted: Node) -> None:
        """A node and its status; the taint that admission gives to what has just come is taken off."""
        self.core.create_node(wanted)
        self.undo.append(lambda: self.core.delete_node(wanted["metadata"]["name"]))
        self.change(wanted["metadata"]["name"], spec={"taints": wanted["spec"]["taints"]}, status=wanted["status"])

    def change(self, name: str, *, spec: Node | None = None, status: Node | None = None, labels: Any = None) -> None:
        """Change a node."""
        if spec or labels:
            self.core.patch_node(name, {"spec": spec or {}, "metadata": {"labels": labels or {}}})
        if status:
            self.core.patch_node_status(name, {"status": status})

    def add_class(self, name: str, provisioner: str, *, default: bool = False) -> None:
        """A StorageClass."""
        notes = {"storageclass.kubernetes.io/is-default-class": str(default).lower()}
        self.storage.create_storage_class(
            {"metadata": {"name": name, "annotations": notes}, "provisioner": provisioner}
        )
        self.undo.append(lambda: self.storage.delete_storage_class(name))

    def add_namespace(self, name: str, **labels: str) -> None:
        """A namespace that somebody made by hand."""
        self.core.create_namespace({"metadata": {"name": name, "labels": labels}})
        self.undo.append(lambda: self._end_namespace(name))

    def _end_namespace(self, name: str) -> None:
        self.core.delete_namespace(name)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and name in {each.metadata.name for each in self.core.list_namespace().items}:
            time.sleep(0.2)

    def add_pod(self, name: str, namespace: str, spec: Node | None = None, **metadata: Any) -> None:
        """A pod of one container; a namespace has its default service account some moments after itself."""
        pod = {
            "metadata": {"name": name, **metadata},
            "spec": {"containers": [{"name": "x", "image": "x"}]} | (spec or {}),
        }
        deadline = time.monotonic() + 30
        while True:
            try:
                self.core.create_namespaced_pod(namespace, pod)
                break
            except ApiException as error:
                if error.status != 403 or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        self.undo.append(lambda: self.core.delete_namespaced_pod(name, namespace, grace_period_seconds=0))

    def add_daemons(self, name: str, namespace: str = "kube-system") -> str:
        """The uid of a DaemonSet, of which nothing runs."""
        labels = {"app": name}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
        spec = {"selector": {"matchLabels": labels}, "template": pod}
        made = self.apps.create_namespaced_daemon_set(namespace, {"metadata": {"name": name}, "spec": spec})
        self.undo.append(lambda: self.apps.delete_namespaced_daemon_set(name, namespace))
        return made.metadata.uid

    def restore(self) -> None:
        """Take back what was made, the last first."""
        while self.undo:
            try:
                self.undo.pop()()
            except ApiException as error:
                if error.status != 404:
                    raise


@pytest.fixture(scope="session")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Generator[There]:
    """A cluster of its own: nodes are everybody's."""
    for started in of_its_own(tmp_path_factory.mktemp("site"), lambda line: None):
        there = There(str(started.kubeconfig))
        there.core.create_namespace({"metadata": {"name": "elsewhere"}})
        yield there


@pytest.fixture
def there(owner: There) -> Generator[There]:
    """The cluster, ready for the example."""
    for wanted in machines():
        owner.add_node(wanted)
    owner.add_class("nfs", "nfs.csi.k8s.io")
    owner.add_class("fast", "driver.longhorn.io", default=True)
    owner.add_daemons("calico-node")
    yield owner
    owner.restore()


@pytest.fixture(scope="session")
def example() -> PortableStack:
    """The example as the real program plans it, once."""
    found = read("onprem", root())
    assert isinstance(found, PortableStack)
    return found


Ask = Callable[..., Report]


@pytest.fixture
def ask(there: There, example: PortableStack) -> Ask:
    """`ask("nodes", pools__ray_cpu__nodes=7)`: the report of these checks, of the example with those changes."""

    def run(*only: str, strict: bool = False, kubeconfig: str = "", context: str = "", **changes: Any) -> Report:
        values = copy.deepcopy(EXAMPLE)
        values["cluster"]["api_port"] = api_port(there)
        for path, value in changes.items():
            *parents, last = [step.replace("ray_", "ray-") for step in path.split("__")]
            at: Any = values
            for step in parents:
                at = at[step]
            at[last] = value
        stack = replace(example, platform=parse_portable(values))
        target = Cluster(kubeconfig or there.kubeconfig, context or there.context)
        return preflight(stack, target, only=only, strict=strict)

    return run


@pytest.fixture
def find(ask: Ask) -> Callable[..., list[Finding]]:
    """As `ask`, for one check: its findings."""
    return lambda *given, **changes: list(ask(*given, **changes).findings)


def api_port(there: There) -> int:
    """The port on which the API server of the tests listens."""
    return int(there.core.api_client.configuration.host.rpartition(":")[2])
