"""Everything that the local AWS knows beyond moto, installed by one call."""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import lru_cache

from moto import backends
from moto.core import responses
from moto.core.responses import BaseResponse

from local.aws.moto import Service, lock, override


@dataclass
class Kubernetes:
    """The API server that this account's EKS clusters answer with; None: one as AWS would name it."""

    endpoint: str | None = None
    ca: bytes | None = None


kubernetes = Kubernetes()


def install(*, endpoint: str | None = None, ca: bytes | None = None) -> None:
    """Add every extension of this folder to moto. Called once, before the first request."""
    kubernetes.endpoint, kubernetes.ca = endpoint, ca
    for info in pkgutil.walk_packages(__path__, f"{__name__}."):
        module = importlib.import_module(info.name)
        patch = getattr(module, "patch", None)
        if patch:
            patch()
    for service in Service.known:
        service.install()
    _one_request_at_a_time()
    _remember_what_never_changes()


def _one_request_at_a_time() -> None:
    """moto's state has no locks: operations run one after another, except the ones that wait for messages."""
    call_action = BaseResponse.call_action

    def serial(self: BaseResponse) -> object:
        # For the server's log: EC2 and its like name the operation in the body.
        self.normalized_request.environ["rayeks.operation"] = f"{self.service_name} {self._get_action()}"
        if self.service_name == "sqs":
            return call_action(self)
        with lock:
            return call_action(self)

    override(BaseResponse, "call_action", serial)


def _remember_what_never_changes() -> None:
    """moto lists its folder and inspects the response class at every request, which is two thirds of the time."""
    modules = tuple(backends.list_of_moto_modules())
    override(backends, "list_of_moto_modules", lambda: modules)
    override(responses, "method_names_from_class", lru_cache(responses.method_names_from_class))
