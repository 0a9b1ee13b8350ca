"""The engine's place in the plan: answers every registration as the engine and AWS would, and records it."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import resource_pb2

from rayeks.errors import UserError
from rayeks.plan.components import expanded
from rayeks.plan.foretold import WAITS_FOR_AWS, Place, foretold, invoked
from rayeks.plan.model import PROVIDERS, STACK_TYPE, Resource, Timeouts, urn
from rayeks.plan.shapes import properties, stand_ins
from rayeks.plan.transforms import Transforms
from rayeks.plan.values import Secret, unknown
from rayeks.plan.wire import Reference, decode, encode, origins, untracked

pb: Any = resource_pb2
FEATURES = (
    pb.RESOURCE_MONITOR_FEATURE_SECRETS,
    pb.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    pb.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    pb.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    pb.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
    pb.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
)
"""No resource references: an input then holds the resource's id, as the provider would see it."""


class Silent(Mocks):
    """The SDK's mock hooks, which this monitor answers itself."""

    def call(self, args: Any) -> Any:
        raise NotImplementedError(args.token)

    def new_resource(self, args: Any) -> Any:
        raise NotImplementedError(args.typ)


class Monitor(MockMonitor):
    """Records what the program registers. Called from several threads at once."""

    def __init__(self, stack: str, project: str, place: Place, config: Mapping[str, Any]) -> None:
        super().__init__(Silent())
        self.stack, self.project, self.place, self.config = stack, project, place, config
        self.recorded: dict[str, Resource] = {}
        self.unknowns: dict[str, tuple[str, str]] = {}
        self.outputs: dict[str, Any] = {}
        self.transforms = Transforms(self)
        self._lock = threading.Lock()

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: N802
        """What this engine can do."""
        return pb.DeploymentInfo(supportedFeatures=FEATURES)

    def SupportsFeature(self, request: Any) -> Any:  # noqa: N802
        """The same, asked one by one by older code."""
        known = {"secrets", "outputValues", "deletedWith", "replaceWith", "aliasSpecs", "transforms"}
        return pb.SupportsFeatureResponse(hasSupport=request.id in known)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        """Records a resource (and what a remote component makes of itself) and answers with its outputs."""
        try:
            return self._registered(request)
        except Exception as error:
            error.add_note(f"{_source(request)} ({request.type} {request.name!r})")
            raise

    def _registered(self, request: Any) -> Any:
        key = urn(self.stack, self.project, request.parent or None, request.type, request.name)
        self.transforms.add(key, request.transforms)
        inputs: Mapping[str, Any] = decode(request.object)
        resource = Resource(
            urn=key,
            type=request.type,
            name=request.name,
            inputs=untracked(inputs),
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                name: tuple(sorted(found.urns)) for name, found in sorted(request.propertyDependencies.items())
            },
            parent=request.parent or None,
            provider=self._provider(request),
            protect=request.protect,
            custom=request.custom,
            remote=request.remote,
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
            deleted_with=request.deletedWith or None,
            replace_with=tuple(request.replace_with),
            aliases=tuple(self._alias(alias, request) for alias in request.aliases),
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            secret_paths=tuple(sorted(request.additionalSecretOutputs)),
            timeouts=Timeouts(
                request.customTimeouts.create, request.customTimeouts.update, request.customTimeouts.delete
            ),
            source=_source(request),
        )
        resource, inputs = self.transformed(resource, inputs)
        if request.remote:
            self.default_provider(resource.package, request.version)
            return self._remote(resource, inputs)
        resource = self.complete(resource, request.version)
        self.record(resource)
        if request.type == STACK_TYPE:
            return pb.RegisterResourceResponse(urn=key)
        identity = "" if resource.id == rpc.UNKNOWN else resource.id  # as an engine says that it does not know it
        return pb.RegisterResourceResponse(urn=key, id=identity, object=encode(_marked(resource)))

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        """Records a resource that exists already and is only read."""
        key = urn(self.stack, self.project, request.parent or None, request.type, request.name)
        resource = Resource(
            urn=key,
            type=request.type,
            name=request.name,
            inputs=untracked(decode(request.properties)),
            id=request.id,
            dependencies=tuple(sorted(request.dependencies)),
            parent=request.parent or None,
            provider=self._provider(request),
            external=True,
        )
        resource = self.complete(resource, request.version)
        self.record(resource)
        return pb.ReadResourceResponse(urn=key, properties=encode(_marked(resource)))

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        """Keeps the stack's outputs; a component's say nothing that its resources do not."""
        if self.recorded[request.urn].type == STACK_TYPE:
            self.outputs = decode(request.outputs)
        return empty_pb2.__dict__["Empty"]()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """Answers what the configuration settles; anything else would be a call to AWS."""
        arguments = decode(request.args)
        if request.tok == "pulumi:pulumi:getResource":
            found = self.recorded[arguments["urn"]]
            answer: dict[str, Any] | None = {"urn": found.urn, "id": found.id, "state": _marked(found)}
        else:
            answer = invoked(request.tok, self.place)
        if answer is None:
            raise UserError(
                f"the program calls {request.tok}, which only the cloud can answer",
                "take the value from the stack file, or extend rayeks/plan/foretold.py",
            )
        return pb.ResourceInvokeResponse(**{"return": encode(answer)})

    def RegisterStackTransform(self, request: Any) -> Any:  # noqa: N802
        """Keeps a transform that is for every resource from here on."""
        self.transforms.add_everywhere(request)
        return empty_pb2.__dict__["Empty"]()

    def Call(self, request: Any) -> Any:  # noqa: N802
        """Methods run in a component's provider, which a plan does not start."""
        raise UserError(f"the program calls the method {request.tok}", "use the component's outputs instead")

    def record(self, resource: Resource) -> None:
        """Adds a resource. Raises UserError where the engine would: at the second of the same URN."""
        with self._lock:
            if resource.urn in self.recorded:
                first = self.recorded[resource.urn].source
                where = f" (the first one: {first})" if first else ""
                raise UserError(
                    f"two resources {resource.type} are called {resource.name!r}{where}", "give one another name"
                )
            self.recorded[resource.urn] = resource

    def complete(self, resource: Resource, version: str = "") -> Resource:
        """The resource with an id and the outputs that it will have: given, foretold, or a stand-in each."""
        if not resource.custom:
            return resource
        inputs = resource.inputs
        if resource.type.startswith(PROVIDERS) and version:
            inputs = {**inputs, "version": version}  # as the engine adds it
        missing, paths = stand_ins(resource.type, version, resource.urn, inputs)
        missing["id"] = resource.id or self._unknown(resource, "id")
        outputs = {**missing, **inputs}
        for path in WAITS_FOR_AWS.get(resource.type, ()):
            holder, _, leaf = path.partition(".")
            outputs[holder] = {leaf: self._unknown(resource, path), **(outputs.get(holder) or {})}
        offered = properties(resource.type, version)
        if resource.package == "aws":
            if "region" in offered:
                outputs["region"] = inputs.get("region", self.place.region)
            if "tagsAll" in offered:
                outputs["tagsAll"] = self._default_tags() | _mapping(inputs.get("tags"))
            outputs |= foretold(resource.type, inputs, outputs, self.place)
        if resource.package == "kubernetes":
            outputs |= self._kubernetes(resource)
        self.unknowns.update((token, (resource.urn, path)) for token, path in paths.items())
        return replace(resource, id=resource.id or outputs["id"], inputs=inputs, outputs=outputs)

    def _remote(self, component: Resource, inputs: Mapping[str, Any]) -> Any:
        """A remote component: its plugin would register its children, so they are registered here."""
        self.record(component)
        result = expanded(component, inputs, self)
        response = pb.RegisterResourceResponse(urn=component.urn, object=encode(result))
        for name, value in result.items():
            response.propertyDependencies[name].urns.extend(sorted(origins([value])))
        return response

    def transformed(self, resource: Resource, inputs: Mapping[str, Any]) -> tuple[Resource, Mapping[str, Any]]:
        """The resource and its tracked inputs as the program's transforms leave them."""
        above = []
        parent = resource.parent
        while parent:
            above.append(parent)
            parent = self.recorded[parent].parent
        return self.transforms.apply(resource, inputs, above)

    def reference(self, key: str) -> Reference:
        """A recorded resource as a value."""
        return Reference(key, self.recorded[key].id)

    def default_provider(self, package: str, version: str) -> str:
        """The URN of the package's default provider, which is recorded at its first use as the engine names it."""
        name = f"default_{version.replace('.', '_').replace('-', '_')}" if version else "default"
        key = urn(self.stack, self.project, None, f"{PROVIDERS}{package}", name)
        with self._lock:
            if key not in self.recorded:
                settings = self.config.get(package, {})
                inputs = {**settings, "version": version} if version else dict(settings)
                self.recorded[key] = Resource(key, f"{PROVIDERS}{package}", name, inputs, id=unknown(key, "id"))
        return key

    def _provider(self, request: Any) -> str | None:
        if request.provider:
            return request.provider.rpartition("::")[0]
        custom = getattr(request, "custom", True)  # only resources are read, never components
        if not custom or request.type.startswith("pulumi:"):
            return None
        return self.default_provider(request.type.split(":", 1)[0], request.version)

    def _alias(self, alias: Any, request: Any) -> str:
        """The URN that an alias means: the resource's own, with what the alias says otherwise."""
        spec = alias.spec
        if alias.urn:
            return alias.urn
        parent = None if spec.noParent else spec.parentUrn or request.parent or None
        return urn(
            spec.stack or self.stack,
            spec.project or self.project,
            parent,
            spec.type or request.type,
            spec.name or request.name,
        )

    def _unknown(self, resource: Resource, path: str) -> str:
        token = unknown(resource.urn, path)
        self.unknowns[token] = (resource.urn, path)
        return token

    def _default_tags(self) -> dict[str, Any]:
        return _mapping(_mapping(self.config.get("aws", {}).get("defaultTags")).get("tags"))

    def _kubernetes(self, resource: Resource) -> dict[str, Any]:
        """An object's name and id; the provider makes up a name where the program gives none."""
        if resource.type.startswith("kubernetes:helm.sh/v3:Release"):
            name = resource.inputs.get("name") or self._unknown(resource, "name")
            namespace = resource.inputs.get("namespace", "default")
            return {"id": f"{namespace}/{name}", "name": name}
        metadata = _mapping(resource.inputs.get("metadata"))
        name = metadata.get("name") or self._unknown(resource, "metadata.name")
        namespace = metadata.get("namespace")
        return {
            "id": f"{namespace}/{name}" if namespace else name,
            "metadata": {**metadata, "name": name},
        }


def _marked(resource: Resource) -> dict[str, Any]:
    """The outputs, with those that the resource declares secret marked so."""
    return {
        key: Secret(value) if key in resource.secret_paths and not isinstance(value, Secret) else value
        for key, value in resource.outputs.items()
        if key != "id"
    }


def _mapping(value: Any) -> dict[str, Any]:
    value = value.value if isinstance(value, Secret) else value
    return value if isinstance(value, dict) else {}


def _source(request: Any) -> str:
    """Where in the program the resource is written: `file:line`."""
    position = request.sourcePosition
    return f"{position.uri.removeprefix('file://')}:{position.line}" if position.uri else ""
