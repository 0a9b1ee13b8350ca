"""The Ray layer on a Kubernetes that is there already, by the real engine: up, no changes, down to what was before."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from rich.console import Console

from local import kubernetes, toolchain
from local.home import root
from local.providers.kubernetes import kubeconfig
from local.providers.kubernetes.client import ApiServer
from rayeks.engine import recovery, workspace
from rayeks.engine.ledger import Ledger
from rayeks.engine.session import Session
from rayeks.engine.workspace import POLICIES, environment, open_engine
from rayeks.errors import UserError
from rayeks.plan import plan

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STACK = "onprem"
FLEETING = ("Event", "Lease", "EndpointSlice", "Endpoints")
Run = Callable[..., Ledger]


class Site:
    """A cluster of somebody else's, and a checkout whose stack file leads to it."""

    def __init__(self, folder: Path, config: Path, context: str) -> None:
        self.root, self.config = folder, config
        shutil.copytree(root() / "stacks", folder / "stacks")
        shutil.copy(root() / "Pulumi.yaml", folder)
        self.file = folder / "stacks" / f"Pulumi.{STACK}.yaml"
        self.write(kubeconfig=str(config), context=context)

    def write(self, **cluster: str) -> None:
        """Change the stack file's `cluster` section."""
        stack = yaml.safe_load(self.file.read_text())
        stack["config"]["ray-on-eks:platform"]["cluster"] |= cluster
        self.file.write_text(yaml.safe_dump(stack))

    def run(self, verb: str) -> Ledger:
        """One run of the engine on the stack, without any AWS to speak to."""
        engine = open_engine(toolchain.tool("pulumi"), environment({}, None), STACK)
        session = Session(Console(width=200), SimpleNamespace(), engine, False)  # ty: ignore[invalid-argument-type]
        policies: dict[str, Any] = {} if verb == "destroy" else {"policy_packs": [str(POLICIES)]}
        progress, _ = session.run(
            verb, lambda stack, progress: getattr(stack, verb)(on_event=progress, color="never", **policies)
        )
        return progress.ledger

    def objects(self) -> Counter[tuple[str, str, str]]:
        """Every object of the cluster but those that come and go by themselves: kind, namespace, name."""
        api = ApiServer(kubeconfig.load(str(self.config)), Event())
        groups = api.request("GET", "/apis")["groups"]
        versions = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
        found: Counter[tuple[str, str, str]] = Counter()
        for version in versions:
            for kind in api.request("GET", version)["resources"]:
                if "list" in kind["verbs"] and kind["kind"] not in FLEETING:
                    for item in api.request("GET", f"{version}/{kind['name']}")["items"]:
                        metadata = item["metadata"]
                        found[kind["kind"], metadata.get("namespace", ""), metadata["name"]] += 1
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    """A fresh cluster in a home of its own: what is left over at the end is compared with what was there before."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(folder / "home"))
        config = kubernetes.start().kubeconfig
        context = yaml.safe_load(config.read_text())["current-context"]
        site = Site(folder / "checkout", config, context)
        patch.setattr(workspace, "root", lambda: site.root)
        patch.setattr("rayeks.engine.servers.remember", lambda servers: None)
        patch.setenv("PYTHONPATH", str(root()))
        try:
            yield site
        finally:
            kubernetes.stop()


def settled(site: Site) -> Counter[tuple[str, str, str]]:
    """The objects of the new cluster once its controllers have made what every namespace has."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = site.objects()
        kinds = Counter(kind for kind, _, name in found if name in ("kube-root-ca.crt", "default"))
        if kinds["ConfigMap"] == kinds["ServiceAccount"] == kinds["Namespace"] + 3:
            return found
        time.sleep(0.5)
    raise AssertionError("the cluster's own controllers made no default ServiceAccounts")


def test_the_stack_comes_up_is_whole_and_leaves_nothing(site: Site) -> None:
    before = settled(site)
    up = site.run("up")
    assert {step.op for step in up.changed} == {"create"}
    planned = plan(STACK, root=site.root)
    assert {r["urn"] for r in recovery.resources(STACK)} == {
        r.urn for r in planned.resources if r.custom and not r.type.startswith("pulumi:")
    }
    assert not [r for r in planned.resources if r.package in ("aws", "eks")]
    made = site.objects() - before
    kinds = Counter(kind for kind, _, _ in made)
    assert kinds["RayService"] == 1, "the sample that the stack deploys"
    assert kinds["ClusterQueue"] == 1
    assert kinds["ResourceFlavor"] == 4
    assert ("PersistentVolumeClaim", "ray-research", "shared") in made
    watching = {(kind, name) for kind, namespace, name in made if namespace == "monitoring"}
    assert {("PrometheusRule", "rayeks"), ("ServiceMonitor", "kueue"), ("ConfigMap", "rayeks-dashboards")} <= watching
    collected = {name for kind, name in watching if kind == "PodMonitor"}
    assert collected == {"ray", "kuberay", "fluent-bit", "dcgm", "gpu-operator"}

    assert not site.run("preview").changed

    destroyed = site.run("destroy")
    assert {step.op for step in destroyed.changed} == {"delete"}
    assert site.objects() == before
    assert recovery.resources(STACK) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"context": "elsewhere"}, "no context named 'elsewhere'"),
        ({"kubeconfig": "/nowhere/config"}, "/nowhere/config cannot be read: No such file"),
    ],
)
def test_a_cluster_that_cannot_be_found_is_named_before_anything_is_made(site: Site, wrong, told) -> None:
    right = site.file.read_text()
    site.write(**wrong)
    try:
        with pytest.raises(UserError, match=told):
            site.run("up")
        assert any("nothing can be changed from here" in warning for warning in plan(STACK, root=site.root).warnings)
    finally:
        site.file.write_text(right)
    assert not [r for r in recovery.resources(STACK) if r["type"].startswith("kubernetes:")]
