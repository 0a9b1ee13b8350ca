"""The provider that the engine asks for `eks:index:Cluster`: it registers the children and returns the outputs."""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pulumi
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import main

from local.providers.eks.expand import expand
from local.providers.eks.graph import Child, Computed, Ref, Whole, pick
from local.providers.eks.kubeconfig import certificate_user
from rayeks.errors import UserError

CLUSTER = "eks:index:Cluster"
ENGINE_POLL_S = 0.5
OUTPUTS_READ = {
    "aws:eks/cluster:Cluster": ("name", "arn", "endpoint", "certificateAuthority", "identities", "vpcConfig"),
    "aws:iam/role:Role": ("name", "arn"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ("arn",),
    "aws:ec2/securityGroupRule:SecurityGroupRule": ("securityGroupRuleId",),
}
"""The outputs that references read, by type: an untyped resource returns only those that it is told to expect."""


class Made(pulumi.CustomResource):
    """A child whose type only its token tells."""


class Group(pulumi.ComponentResource):
    """A component inside the component."""


class EksProvider(Provider):
    """Serves one component type, with pulumi_eks's version so that the engine takes it for that plugin."""

    def __init__(self) -> None:
        super().__init__(version("pulumi-eks"))

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Registers the component and its children, which inherit parent, providers and protection."""
        if resource_type != CLUSTER:
            raise UserError(f"no component {resource_type}", "extend local/providers/eks/__main__.py")
        path = os.environ.get("RAYEKS_KUBECONFIG")
        expansion = expand(name, inputs, certificate_user(Path(path)) if path else None)
        component = Group(CLUSTER, name, None, options)
        made: dict[Child, pulumi.Resource] = {}
        for child in expansion.children:
            made[child] = _register(child, component, made)
        outputs = _resolve(expansion.outputs, made)
        component.register_outputs(outputs)
        return ConstructResult(urn=component.urn, state=outputs)


def _register(child: Child, component: pulumi.Resource, made: Mapping[Child, pulumi.Resource]) -> pulumi.Resource:
    options = pulumi.ResourceOptions(
        parent=made[child.parent] if child.parent else component,
        depends_on=[made[other] for other in child.depends_on],
        ignore_changes=list(child.ignore_changes) or None,
    )
    inputs = _resolve(child.inputs, made)
    if not child.custom:
        return Group(child.type, child.name, None, options)
    if child.type.startswith("pulumi:providers:"):
        package = child.type.removeprefix("pulumi:providers:")
        options.version = version(f"pulumi-{package}")
        return pulumi.ProviderResource(package, child.name, inputs, options)
    options.version = version(f"pulumi-{child.type.split(':')[0]}")
    expected: dict[str, Any] = dict.fromkeys(OUTPUTS_READ.get(child.type, ()))
    return Made(child.type, child.name, expected | inputs, options)


def _resolve(value: Any, made: Mapping[Child, pulumi.Resource]) -> Any:
    """A value of the expansion as the SDK takes it: references become outputs, functions are applied to them."""
    match value:
        case Whole(child):
            return made[child]
        case Ref(child, "id"):
            return made[child].__dict__["id"]
        case Ref(child, path):
            first, _, rest = path.partition(".")
            output = made[child].__dict__[first]
            return output.apply(lambda found: pick(found, rest)) if rest else output
        case Computed(function, arguments):
            resolved = pulumi.Output.all(*(_resolve(argument, made) for argument in arguments))
            return resolved.apply(lambda known: function(*known))
        case dict():
            return {key: _resolve(item, made) for key, item in value.items()}
        case list():
            return [_resolve(item, made) for item in value]
    return value


def _end_with(engine: int) -> None:
    """Ends this process when the engine that started it is gone; a killed engine says no farewell."""
    while os.getppid() == engine:
        time.sleep(ENGINE_POLL_S)
    os._exit(0)


if __name__ == "__main__":
    # The engine's farewell to its plugins, which are in a process group of their own.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    main(EksProvider(), sys.argv[1:])
