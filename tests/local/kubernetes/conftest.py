"""Clients of the real API server, and a namespace for each test."""

import uuid
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client, config

if TYPE_CHECKING:
    from local.kubernetes import Kubernetes


class Api:
    """The API groups that the tests use, as one user."""

    def __init__(self, kubeconfig: str | None = None, connection: client.Configuration | None = None) -> None:
        if kubeconfig:
            connection = client.Configuration()
            config.load_kube_config(kubeconfig, client_configuration=connection)
        self.connection = connection or client.Configuration()
        api_client = client.ApiClient(self.connection)
        self.core: Any = client.CoreV1Api(api_client)
        self.rbac = client.RbacAuthorizationV1Api(api_client)
        self.version = client.VersionApi(api_client)
        self.extensions = client.ApiextensionsV1Api(api_client)
        self.custom = client.CustomObjectsApi(api_client)

    def bearing(self, token: str | None) -> "Api":
        """The same server for the holder of a token; None for nobody."""
        connection = client.Configuration(host=self.connection.host)
        connection.ssl_ca_cert = self.connection.ssl_ca_cert
        if token:
            connection.api_key = {"authorization": f"Bearer {token}"}
        return Api(connection=connection)

    def add_namespace(self, prefix: str) -> str:
        """The name of a new namespace."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        self.core.create_namespace({"metadata": {"name": name}})
        return name


@pytest.fixture(scope="session")
def connect() -> Callable[["Kubernetes"], Api]:
    """How to talk to a Kubernetes as its administrator."""
    return lambda cluster: Api(str(cluster.kubeconfig))


@pytest.fixture
def api(kubernetes: "Kubernetes", connect: Callable[["Kubernetes"], Api]) -> Api:
    """The shared Kubernetes, as its administrator."""
    return connect(kubernetes)


@pytest.fixture
def namespace(api: Api) -> Generator[str]:
    """A namespace of the test's own."""
    name = api.add_namespace("test")
    yield name
    api.core.delete_namespace(name)
