"""The provider's gRPC face: the engine's messages to operations on plain data, and back."""

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from pulumi.runtime.proto import provider_pb2

from local.providers import wire
from local.providers.aws import functions, lifecycle, schema
from local.providers.aws.check import check, preview_state
from local.providers.aws.cloud import Cloud
from local.providers.aws.convert import words
from local.providers.aws.diff import Difference, differences
from local.providers.aws.operation import Deadline, Operation
from local.providers.aws.resource import Resource
from local.providers.aws.types import find
from rayeks.errors import UserError

VERSION = "7.51.1"  # the pulumi_aws whose types these are
SETTINGS = words(
    "region profile accessKey secretKey token maxRetries defaultTags allowedAccountIds forbiddenAccountIds",
    "skipCredentialsValidation skipMetadataApiCheck skipRegionValidation skipRequestingAccountId s3UsePathStyle",
    "version pluginDownloadURL",
)
READ_S = 120.0
KINDS: Any = provider_pb2.PropertyDiff


class AwsProvider(wire.Provider):
    """pulumi-aws's resources over boto3; each type is a row in `local/providers/aws/types`."""

    name, version = "aws", VERSION

    def __init__(self, engine_address: str | None = None) -> None:
        super().__init__(engine_address)
        self._cloud: Cloud | None = None
        self.default_tags: dict[str, str] = {}

    @property
    def cloud(self) -> Cloud:
        """The account, once configured."""
        if self._cloud is None:
            raise UserError("the aws provider is not configured")
        return self._cloud

    def check_config(self, args: dict[str, Any]) -> list[tuple[str, str]]:
        return [
            (key, f"aws:{key} is not supported by the local provider; extend local/providers/aws/provider.py")
            for key in sorted(args.keys() - SETTINGS)
        ]

    def configure(self, args: dict[str, Any]) -> None:
        settings = {key: _parsed(value) for key, value in args.items() if value not in (None, "")}
        self._cloud = Cloud(settings)
        default_tags = settings.get("defaultTags") or {}
        self.default_tags = dict(default_tags.get("tags") or {}) if isinstance(default_tags, Mapping) else {}
        allowed, forbidden = settings.get("allowedAccountIds"), settings.get("forbiddenAccountIds")
        if allowed or forbidden:
            account = self._cloud.account
            if (allowed and account not in allowed) or account in (forbidden or ()):
                fix = "use that account's credentials, or change aws:allowedAccountIds in the stack file"
                raise UserError(f"the credentials are of account {account}, which this stack does not allow", fix)

    def Check(self, request, context):  # noqa: N802
        resource, shape = _of(request.urn)
        autonaming = request.autonaming
        inputs, failures = check(
            resource,
            shape,
            wire.unmarshal(request.news),
            wire.unmarshal(request.olds),
            name=_name(request.urn),
            seed=request.randomSeed,
            proposed=autonaming.proposed_name or None,
            default_tags=self.default_tags,
            region=self.cloud.region,
        )
        hidden = _hidden(wire.secret_keys(request.news), resource)
        return provider_pb2.CheckResponse(
            inputs=wire.marshal(inputs, secrets=hidden), failures=wire.check_failures(failures)
        )

    def Diff(self, request, context):  # noqa: N802
        resource, shape = _of(request.urn)
        old, new = wire.unmarshal(request.old_inputs), wire.unmarshal(request.news)
        found = differences(old, new, resource)
        ignored = set(request.ignoreChanges)
        found = [each for each in found if each.path not in ignored and each.top not in ignored]
        changed = list(dict.fromkeys(each.top for each in found))
        replacing = list(dict.fromkeys(each.top for each in found if each.replaces))
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replacing,
            hasDetailedDiff=True,
            detailedDiff={each.path: _property_diff(each) for each in found},
            deleteBeforeReplace=bool(replacing) and _delete_first(resource, old, new),
            stables=[] if replacing else [name for name in ("arn", "id") if name in shape.state],
        )

    def Create(self, request, context):  # noqa: N802
        resource, shape = _of(request.urn)
        inputs = wire.unmarshal(request.properties)
        hidden = _hidden(wire.secret_keys(request.properties), resource)
        if request.preview:
            state = preview_state(shape, inputs, None, resource.volatile)
            return provider_pb2.CreateResponse(properties=wire.marshal(state, secrets=hidden))
        operation = self._operation(request, resource, "create", inputs=inputs)
        with _told("creating", request.urn, hidden):
            id, state = lifecycle.create(operation, self.default_tags)
        return provider_pb2.CreateResponse(id=id, properties=wire.marshal(state, secrets=hidden))

    def Read(self, request, context):  # noqa: N802
        resource, _ = _of(request.urn)
        state, old = wire.unmarshal(request.properties), wire.unmarshal(request.inputs)
        operation = self._operation(request, resource, "read", state=state, old=old)
        operation.id = request.id
        with _told("reading", request.urn):
            found = lifecycle.read(operation, self.default_tags)
        if found is None:
            return provider_pb2.ReadResponse()
        hidden = _hidden(wire.secret_keys(request.properties) | wire.secret_keys(request.inputs), resource)
        outputs, inputs = (wire.marshal(values, secrets=hidden) for values in found)
        return provider_pb2.ReadResponse(id=operation.id, properties=outputs, inputs=inputs)

    def Update(self, request, context):  # noqa: N802
        resource, shape = _of(request.urn)
        state, inputs = wire.unmarshal(request.olds), wire.unmarshal(request.news)
        hidden = _hidden(wire.secret_keys(request.news), resource)
        old = wire.unmarshal(request.old_inputs)
        if request.preview:
            changed = {each.top for each in differences(old, inputs, resource)} & resource.updatable
            promised = preview_state(shape, inputs, state, resource.volatile if changed else frozenset())
            return provider_pb2.UpdateResponse(properties=wire.marshal(promised, secrets=hidden))
        operation = self._operation(request, resource, "update", inputs=inputs, old=old, state=state)
        operation.id = request.id
        operation.ignored = frozenset(path.split(".")[0].split("[")[0] for path in request.ignoreChanges)
        with _told("updating", request.urn, hidden):
            outputs = lifecycle.update(operation, self.default_tags)
        return provider_pb2.UpdateResponse(properties=wire.marshal(outputs, secrets=hidden))

    def Delete(self, request, context):  # noqa: N802
        resource, _ = _of(request.urn)
        state, old = wire.unmarshal(request.properties), wire.unmarshal(request.old_inputs)
        operation = self._operation(request, resource, "delete", state={**old, **state}, old=old)
        operation.id = request.id
        with _told("deleting", request.urn):
            lifecycle.delete(operation)
        return wire.Empty()

    def Invoke(self, request, context):  # noqa: N802
        answer = functions.invoke(request.tok, wire.unmarshal(request.args), self.cloud)
        response: Any = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(wire.marshal(answer))
        return response

    def _operation(self, request: Any, resource: Resource, action: str, **values: Any) -> Operation:
        seconds = request.timeout or (READ_S if action == "read" else resource.timeout(action))

        def say(message: str) -> None:
            if message:
                self.say(message, request.urn)

        deadline = Deadline(seconds, self.cancelled)
        return Operation(resource, self.cloud, request.urn, deadline, say=say, **values)


@contextmanager
def _told(action: str, urn: str, hidden: Iterable[str] = ()) -> Generator[None]:
    """Put what was being done to which resource in front of an error's message."""
    prefix = f'{action} {_type(urn)} "{_name(urn)}": '
    try:
        yield
    except wire.ResourceInitError as error:
        error.reasons = [prefix + reason for reason in error.reasons]
        error.secrets = frozenset(hidden)
        raise
    except UserError as error:
        raise UserError(prefix + error.message, error.fix) from error


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _of(urn: str) -> tuple[Resource, schema.Schema]:
    resource = find(_type(urn))
    return resource, schema.load(resource.token)


def _hidden(keys: Iterable[str], resource: Resource) -> frozenset[str]:
    names = set(keys) | resource.secrets
    return frozenset(names | {"tagsAll"} if "tags" in names else names)


def _delete_first(resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """As pulumi-aws: where a type says so, or where a name that the program fixed stays the same."""
    if resource.delete_before_replace:
        return True
    if resource.naming is None:
        return False
    name = resource.naming.property
    return name not in new.get("__defaults", ()) and old.get(name) == new.get(name)


def _property_diff(difference: Difference) -> Any:
    kind = f"{difference.kind}_replace" if difference.replaces else difference.kind
    return KINDS(kind=KINDS.Kind.Value(kind.upper()), inputDiff=True)


def _parsed(value: Any) -> Any:
    """A provider setting as data; structured settings arrive from stack files as JSON texts."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value
