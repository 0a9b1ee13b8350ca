"""A real API server for the tests of the Kubernetes provider, and the engine's part in a few lines."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from local import kubernetes
from local.providers import wire
from local.providers.kubernetes import kubeconfig
from local.providers.kubernetes.client import ApiServer
from local.providers.kubernetes.provider import KubernetesProvider
from tests.conftest import of_its_own


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kubernetes.Kubernetes]:
    """A Kubernetes of its own for this session, in a home of its own."""
    yield from of_its_own(tmp_path_factory.mktemp("home"), lambda _line: None)


@pytest.fixture(scope="session")
def api(cluster: kubernetes.Kubernetes) -> ApiServer:
    """Direct access to the API server."""
    return ApiServer(kubeconfig.load(str(cluster.kubeconfig)), threading.Event())


@pytest.fixture
def live(api: ApiServer) -> Callable[..., Any]:
    """`live("v1", "ConfigMap", "name")`: an object as the API server has it, or None."""

    def get(api_version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        return api.get(api.kind(api_version, kind), namespace, name)

    return get


@dataclass
class Resource:
    """One resource as the engine handles it, over the provider's own messages: check, diff, then what they call for."""

    provider: KubernetesProvider
    token: str
    name: str
    id: str = ""
    inputs: Any = None
    state: Any = None
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.urn = f"urn:pulumi:test::trial::{self.token}::{self.name}"
        self.provider.say = lambda message, urn="", ephemeral=True: self.said.append(message)

    def check(self, inputs: Mapping[str, Any]) -> Any:
        olds = self.inputs or wire.marshal({})
        request = provider_pb2.CheckRequest(urn=self.urn, olds=olds, news=wire.marshal(inputs))
        return self.provider.Check(request, None)

    def diff(self, inputs: Mapping[str, Any]) -> Any:
        news = self.check(inputs).inputs
        request = provider_pb2.DiffRequest(urn=self.urn, id=self.id, olds=self.state, old_inputs=self.inputs, news=news)
        return self.provider.Diff(request, None)

    def preview(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        news = self.check(inputs).inputs
        if self.state is None:
            return wire.unmarshal(self._create(news, preview=True).properties)
        return wire.unmarshal(self._update(news, preview=True).properties)

    def up(self, inputs: Mapping[str, Any], *, timeout_s: float = 0, ignore: Sequence[str] = ()) -> str:
        """Create, update or replace the resource as the engine would; says which, or "same"."""
        checked = self.check(inputs)
        assert not checked.failures, [failure.reason for failure in checked.failures]
        if self.state is None:
            created = self._create(checked.inputs, timeout_s=timeout_s)
            self.id, self.inputs, self.state = created.id, checked.inputs, created.properties
            return "create"
        diff = self.diff(inputs)
        if diff.replaces:
            assert diff.deleteBeforeReplace, "creation first is the engine's other way; not needed here"
            self.delete()
            self.up(inputs, timeout_s=timeout_s)
            return "replace"
        if diff.changes == diff.DIFF_NONE:
            return "same"
        self.state = self._update(checked.inputs, timeout_s=timeout_s, ignore=ignore).properties
        self.inputs = checked.inputs
        return "update"

    def refresh(self) -> bool:
        """Read the live resource; whether it is still there."""
        request = provider_pb2.ReadRequest(urn=self.urn, id=self.id, inputs=self.inputs, properties=self.state)
        found = self.provider.Read(request, None)
        self.inputs, self.state = (found.inputs, found.properties) if found.id else (None, None)
        return bool(found.id)

    def delete(self, timeout_s: float = 0) -> None:
        request = provider_pb2.DeleteRequest(urn=self.urn, id=self.id, properties=self.state, timeout=timeout_s)
        self.provider.Delete(request, None)
        self.state = None

    @property
    def seen(self) -> dict[str, Any]:
        """The inputs that the state holds, after a refresh with what drifted."""
        return wire.unmarshal(self.inputs)

    @property
    def outputs(self) -> dict[str, Any]:
        return wire.unmarshal(self.state)

    def _create(self, inputs: Any, *, preview: bool = False, timeout_s: float = 0) -> Any:
        request = provider_pb2.CreateRequest(urn=self.urn, properties=inputs, preview=preview, timeout=timeout_s)
        return self.provider.Create(request, None)

    def _update(self, inputs: Any, *, preview: bool = False, timeout_s: float = 0, ignore: Sequence[str] = ()) -> Any:
        request = provider_pb2.UpdateRequest(
            urn=self.urn,
            id=self.id,
            olds=self.state,
            old_inputs=self.inputs,
            news=inputs,
            preview=preview,
            timeout=timeout_s,
            ignoreChanges=ignore,
        )
        return self.provider.Update(request, None)


@pytest.fixture
def resource(cluster: kubernetes.Kubernetes) -> Iterator[Callable[..., Resource]]:
    """`resource("kubernetes:core/v1:ConfigMap", "name", **provider_arguments)`; deleted after the test."""
    made: list[Resource] = []

    def make(token: str, name: str, **arguments: Any) -> Resource:
        provider = KubernetesProvider()
        provider.configure({"kubeconfig": str(cluster.kubeconfig), **arguments})
        made.append(Resource(provider, token, name))
        return made[-1]

    yield make
    for item in reversed(made):
        if item.state is not None:
            item.delete()
