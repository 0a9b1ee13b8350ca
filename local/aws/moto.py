"""How an operation that moto lacks is added to moto: one function, its shapes checked and written by botocore's model.

An operation takes the call (who asks, where) and the request as a dict in AWS's own member names, and returns
the response as such a dict. A `Service` collects operations; `install()` binds them to moto's response class, or
registers the service where moto has none. State lives inside moto's backends, so moto's reset clears it too.
"""

import base64
import importlib
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Protocol, TypeVar

import moto.backend_index as backend_index
from botocore.model import OperationModel
from moto.backends import get_backend
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores, get_service_model

from local.aws.shapes import Violation, check

type_ = type
S = TypeVar("S", bound="State")


class Operation(Protocol):
    """One operation of AWS's API, named as the API names it, in snake case."""

    __name__: str

    def __call__(self, call: "Call", request: dict[str, Any], /) -> Mapping[str, Any] | None:
        """Do it; None where the API answers with nothing."""
        ...


# moto keeps the state of services without regions under the partition's name.
GLOBAL = {"iam", "sts", "budgets", "ce", "s3", "organizations", "bcm-data-exports"}

lock = threading.RLock()

# moto looks for `<region>.amazonaws.com` anywhere in the URL, but the ARN of an Identity Center role, in the path of
# an access entry, holds `sso.amazonaws.com` too: only the host names a region.
BaseResponse.region_regex = re.compile(r"^[a-z]+://[^/]*\.(?P<region>[^./]+)\.amazonaws\.com")


class Fault(ServiceException):
    """An error as AWS answers it: the code of the service's model, a message, and the model's own members."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(code, message)
        for name, value in members.items():
            setattr(self, name, value)


@dataclass(frozen=True)
class Call:
    """Who asks, and where."""

    account: str
    region: str
    partition: str
    service: str
    access_key: str = ""

    def backend(self, service: str | None = None, *, region: str | None = None) -> Any:
        """moto's own backend of a service (this one, unless named) in the caller's account and region."""
        name = service or self.service
        place = self.partition if name in GLOBAL else region or self.region
        backends: Any = get_backend
        return backends(name)[self.account][place]

    def state(self, kind: type_[S]) -> S:
        """The one instance of a kind of state in this account and region; forgotten when moto resets."""
        return kind.of(self.backend(kind.service))

    def arn(self, resource: str, service: str | None = None, *, region: str | None = None) -> str:
        """The ARN of a resource of a service (this one, unless named)."""
        place = self.region if region is None else region
        return f"arn:{self.partition}:{service or self.service}:{place}:{self.account}:{resource}"

    def regions(self) -> list[str]:
        """The regions in which this service holds something for the caller."""
        backends: Any = get_backend
        return list(backends(self.service)[self.account].keys())

    def at(self, service: str, region: str | None = None) -> "Call":
        """The same caller at another service or region."""
        return Call(self.account, region or self.region, self.partition, service, self.access_key)


class State:
    """What an extension remembers, kept inside the moto backend of `service`."""

    service: str

    def __init__(self, call: Call) -> None:
        self.call = call

    @classmethod
    def of(cls: type_[S], backend: BaseBackend) -> S:
        """The instance that lives in this backend, made at first use."""
        key = f"{cls.__module__}.{cls.__name__}"
        found = backend.__dict__.get(key)
        if found is None:
            call = Call(backend.account_id, backend.region_name, backend.partition, cls.service)
            found = backend.__dict__[key] = cls(call)
        return found


class Service:
    """The operations that this project gives to one AWS service."""

    known: ClassVar[list["Service"]] = []

    def __init__(self, name: str, *, invalid: str = "ValidationException") -> None:
        Service.known.append(self)
        self.name = name
        self.invalid = invalid
        self.operations: dict[str, Operation] = {}

    def __call__(self, function: Operation) -> Operation:
        """Decorator: make the function the operation of its own name (`create_addon` is CreateAddon)."""
        self.operations[function.__name__] = function
        return function

    def install(self) -> None:
        """Bind the operations to moto's response class of this service."""
        response = response_class(self.name)
        model = get_service_model(self.name)
        names = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in model.operation_names}
        for function_name, function in self.operations.items():
            operation = model.operation_model(names[function_name.replace("_", "")])
            # moto looks methods up by its own spelling of the operation's name.
            setattr(response, camelcase_to_underscores(operation.name), _method(self, operation, function))


def response_class(service: str) -> type_[BaseResponse]:
    """moto's response class of a service, or a new one where moto has none."""
    folder = service.replace("-", "")
    try:
        urls = importlib.import_module(f"moto.{folder}.urls")
    except ModuleNotFoundError:
        return _new_service(service, folder)
    responses = importlib.import_module(f"moto.{folder}.responses")
    response = next(
        value
        for value in vars(responses).values()
        if isinstance(value, type) and issubclass(value, BaseResponse) and value.__module__ == responses.__name__
    )
    if get_service_model(service).metadata["protocol"].startswith("rest"):
        urls.url_paths["{0}/(?P<anything>.+)$"] = response.dispatch
    return response


def override(owner: Any, name: str, value: Any) -> None:
    """Put `value` in the place of moto's own member."""
    setattr(owner, name, value)


def _method(service: Service, operation: OperationModel, function: Operation) -> Callable[[Any], ActionResult]:
    def method(self: Any) -> ActionResult:
        if not self.automated_parameter_parsing:
            self.parse_parameters(self.normalized_request)
        params = self.params
        request = dict(params.original_dict() if hasattr(params, "original_dict") else params)
        call = Call(self.current_account, self.region, self.partition, service.name, self.access_key)
        try:
            check(operation.input_shape, request)
        except Violation as wrong:
            raise Fault(service.invalid, str(wrong)) from None
        return ActionResult(function(call, request) or {})

    method.__name__ = function.__name__
    method.__doc__ = function.__doc__
    return method


def _new_service(name: str, folder: str) -> type_[BaseResponse]:
    """Register a service that moto has no package for."""

    class Response(BaseResponse):
        def __init__(self) -> None:
            super().__init__(service_name=name)

    class Backend(BaseBackend):
        @property
        def url_paths(self) -> dict[str, Any]:
            return {"/": Response.dispatch, "/.*": Response.dispatch}

    Response.__module__ = Backend.__module__ = f"moto.{folder}.models"
    package, models = ModuleType(f"moto.{folder}"), ModuleType(f"moto.{folder}.models")
    backends = BackendDict(Backend, name, use_boto3_regions=name not in GLOBAL, additional_regions=["aws"])
    for module in (package, models):
        setattr(module, f"{folder}_backends", backends)
    sys.modules[package.__name__], sys.modules[models.__name__] = package, models
    pattern = re.compile(rf"https?://{re.escape(name)}\.(.+)\.(amazonaws\.com|api\.aws)")
    backend_index.backend_url_patterns.insert(0, (name, pattern))
    return Response


def paged(
    items: Sequence[Any],
    request: Mapping[str, Any],
    *,
    token: str = "nextToken",
    size: str = "maxResults",
    most: int = 100,
) -> tuple[list[Any], str | None]:
    """The page of `items` that the request asks for, and the token of the next one."""
    given = request.get(token)
    try:
        start = int(base64.urlsafe_b64decode(given.encode()).decode()) if given else 0
    except ValueError:
        raise Fault("InvalidParameterException", f"Invalid {token}: {given}") from None
    end = start + int(request.get(size) or most)
    following = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return list(items[start:end]), following
