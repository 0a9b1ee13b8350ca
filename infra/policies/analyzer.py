"""The policies as an analyzer of Pulumi's engine (CrossGuard), which asks it over gRPC while it deploys.

Written on the SDK's own protocol rather than on pulumi-policy: 1.21 does not pass on the stack's configuration, which
the engine tells an analyzer by `ConfigureStack` alone, so no policy could know its environment or its exceptions;
it fixes how a policy is enforced before it knows the stack, gives up a whole policy at the first value that a preview
does not know, and holds protobuf back at 5.29.
"""

import json
import os
import signal
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

from infra.policies.core import POLICIES, UNKNOWN, Policy, Resource, Severity, Stack
from infra.policies.judge import EXCEPTIONS, Verdict, configured, judge, stale

pb: Any = analyzer_pb2
NAME, VERSION = "ray-on-eks", "1.0.0"
WEIGHT = {
    Severity.ERROR: pb.POLICY_SEVERITY_HIGH,
    Severity.WARNING: pb.POLICY_SEVERITY_MEDIUM,
    Severity.ADVICE: pb.POLICY_SEVERITY_LOW,
}
UNKNOWNS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        rpc.UNKNOWN,  # a string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)
"""What the engine writes for a value that it does not know yet. Source: sdk/go/common/resource/plugin/rpc.go."""
MESSAGE_BYTES = 400 * 1024 * 1024
POLL_S = 1.0


class Analyzer(analyzer_pb2_grpc.AnalyzerServicer):
    """Judges each resource before it is made, and the whole stack at the end. Called from several threads at once."""

    def __init__(self, policies: Iterable[Policy] = POLICIES, today: date | None = None) -> None:
        self.policies = tuple(policies)
        self.today = today or date.today()
        self.environment, self.settings = configured({})
        self._seen: list[Verdict] = []

    def Handshake(self, request, context):  # noqa: N802
        """The engine says hello."""
        return pb.AnalyzerHandshakeResponse()

    def ConfigureStack(self, request, context):  # noqa: N802
        """Takes the environment and the exceptions from the stack's configuration."""
        platform = request.config.get(f"{request.project}:platform", "{}")
        self.environment, self.settings = configured(json.loads(platform))
        return pb.AnalyzerStackConfigureResponse()

    def Configure(self, request, context):  # noqa: N802
        """Nothing is configured here: exceptions are written in the stack file."""
        return empty_pb2.__dict__["Empty"]()

    def GetPluginInfo(self, request, context):  # noqa: N802
        """The version of this list."""
        return plugin_pb2.__dict__["PluginInfo"](version=VERSION)

    def GetAnalyzerInfo(self, request, context):  # noqa: N802
        """The list itself."""
        infos = [
            pb.PolicyInfo(
                name=policy.name,
                description=policy.demands,
                message=policy.reason,
                remediation_steps=policy.fix,
                tags=[policy.subject],
                enforcementLevel=self._enforcement(policy.severity.get(self.environment)),
                policy_type=pb.POLICY_TYPE_RESOURCE if policy.alone else pb.POLICY_TYPE_STACK,
                severity=WEIGHT.get(policy.severity.get(self.environment), pb.POLICY_SEVERITY_UNSPECIFIED),
            )
            for policy in self.policies
        ]
        return pb.AnalyzerInfo(name=NAME, version=VERSION, policies=infos)

    def Analyze(self, request, context):  # noqa: N802
        """One resource, before it is made or changed: the policies that need no other."""
        stack = Stack(self.environment, (resource(request, request.options.parent),))
        return self._answer(stack, [policy for policy in self.policies if policy.alone])

    def AnalyzeStack(self, request, context):  # noqa: N802
        """The whole stack, after the last resource: the policies that need to see it, and its exceptions."""
        resources = tuple(resource(each, each.parent, tuple(each.dependencies)) for each in request.resources)
        stack = Stack(self.environment, resources, ceiling_usd=self.settings.monthly_ceiling_usd)
        response = self._answer(stack, [policy for policy in self.policies if not policy.alone])
        for verdict in stale(self._seen, self.settings.exceptions, self.policies, self.today):
            response.diagnostics.append(self._diagnostic(verdict))
        return response

    def Remediate(self, request, context):  # noqa: N802
        """No policy mends anything: what a stack is, its program says."""
        return pb.RemediateResponse()

    def Cancel(self, request, context):  # noqa: N802
        """Nothing here takes long enough to be cancelled."""
        return empty_pb2.__dict__["Empty"]()

    def _answer(self, stack: Stack, policies: list[Policy]) -> Any:
        verdicts = list(judge(stack, policies, self.settings.exceptions, self.today))
        self._seen += verdicts
        return pb.AnalyzeResponse(diagnostics=[self._diagnostic(verdict) for verdict in verdicts])

    def _diagnostic(self, verdict: Verdict) -> Any:
        demands = {policy.name: policy.demands for policy in self.policies}.get(verdict.policy, "")
        return pb.AnalyzeDiagnostic(
            policyName=verdict.policy,
            policyPackName=NAME,
            policyPackVersion=VERSION,
            description=demands or EXCEPTIONS,
            message=str(verdict).removeprefix(f"{verdict.policy}: "),
            urn=verdict.urn,
            enforcementLevel=pb.MANDATORY if verdict.stops else pb.ADVISORY,
            severity=WEIGHT[verdict.severity],
        )

    def _enforcement(self, severity: Severity | None) -> Any:
        if severity is None:
            return pb.DISABLED
        return pb.MANDATORY if severity is Severity.ERROR else pb.ADVISORY


def resource(message: Any, parent: str, dependencies: tuple[str, ...] = ()) -> Resource:
    """A resource of the engine as policies see it: secrets opened, unknown values UNKNOWN."""
    return Resource(
        urn=message.urn,
        type=message.type,
        name=message.name,
        props=properties(message.properties),
        protect=message.options.protect,
        parent=parent or None,
        dependencies=dependencies,
    )


def properties(struct: Any) -> Mapping[str, Any]:
    """The properties of a protobuf Struct as plain data; whole numbers are int, since protobuf knows only doubles."""
    return {key: _value(value) for key, value in struct.fields.items()}


def _value(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value in UNKNOWNS else value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case "struct_value":
            return _special(value.struct_value.fields)
    return None


def _special(fields: Mapping[str, Any]) -> Any:
    """A mapping, or what a signature in it marks: a secret, an output, a resource that is meant by its URN."""
    signature = fields[rpc._special_sig_key].string_value if rpc._special_sig_key in fields else None
    if signature in (rpc._special_secret_sig, rpc._special_output_value_sig):
        return _value(fields["value"]) if "value" in fields else UNKNOWN
    if signature == rpc._special_resource_sig:
        return fields["urn"].string_value
    return {key: _value(item) for key, item in fields.items() if key != rpc._special_sig_key}


def serve(analyzer: Analyzer) -> None:
    """Serve on a free loopback port, print it for the engine, and end when that engine is gone."""
    # The engine keeps its plugins in process groups of their own: SIGINT is its farewell, never a person's Ctrl-C.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    engine = os.getppid()
    options = [(f"grpc.max_{way}_message_length", MESSAGE_BYTES) for way in ("receive", "send")]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(analyzer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while os.getppid() == engine:
        time.sleep(POLL_S)
    os._exit(0)
