"""The samples of a stack as outputs, and those among them that the stack runs by itself."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource

from infra import contract, fleet, preference, queueing, samples
from infra.buckets import bucket_name
from infra.config import Platform
from infra.config.queueing import Queueing
from infra.config.samples import Samples
from infra.images import registry
from infra.samples import Names, Spec
from infra.schedulability import Supply
from infra.tenancy import Tenants
from workloads.manifests import Manifest
from workloads.spec import CronJob, Service

Launch = dict[str, Any]


class Deployed(pulumi.ComponentResource):
    """The samples that the stack file says to deploy. They wait for tenants, and so are gone before pools go."""

    def __init__(
        self, name: str, launched: Mapping[str, Launch], *, kubernetes: pulumi_kubernetes.Provider, tenants: Tenants
    ) -> None:
        super().__init__("rayeks:infra:Deployed", name)
        for sample, launch in launched.items():
            if launch["deployed"]:
                manifest = launch["manifest"]
                CustomResource(
                    sample,
                    api_version=manifest["apiVersion"],
                    kind=manifest["kind"],
                    metadata=manifest["metadata"],
                    spec=manifest["spec"],
                    opts=ResourceOptions(parent=self, provider=kubernetes, depends_on=[tenants]),
                )
        self.register_outputs({})


def launches(platform: Platform) -> dict[str, Launch]:
    """The launches of a stack on AWS."""
    specs = preference.specs(platform.samples, names(platform), supplies(platform), platform.region)
    return rendered(platform.samples, specs, stack=platform.environment, queues=platform.queues)


def supplies(platform: Platform) -> list[Supply]:
    """Everything in the stack that can run a pod."""
    return fleet.supplies(
        platform.pools,
        platform.node_groups,
        platform.placement_groups,
        region=platform.region,
        zones=platform.network.zones,
    )


def rendered(
    chosen: Samples,
    specs: dict[str, Spec],
    *,
    stack: str,
    queues: Queueing | None,
    placed: Callable[[Manifest], Manifest] = lambda manifest: manifest,
) -> dict[str, Launch]:
    """Sample name → `manifest` (the object as applied), `launch` (the command), `deployed`; a service has a `url`.

    `placed` has the last word on a manifest, for a cluster whose machines are not called as the contract has them.
    """
    found: dict[str, Launch] = {}
    timed = samples.pipeline(chosen, specs)
    for name, spec in (specs | ({"pipeline": timed} if timed else {})).items():
        queued = queues and not isinstance(spec, CronJob)
        found[name] = {
            "manifest": placed(samples.manifest(queueing.queued(spec) if queued else spec)),
            "launch": f"rayeks launch {name} --stack {stack}",
            "deployed": getattr(getattr(chosen, name), "deploy", False),
        }
        if isinstance(spec, Service):
            found[name]["url"] = contract.service_url(spec.name, spec.owner.namespace)
    return found


def names(platform: Platform) -> Names:
    """What this stack calls its buckets and images. Without a registry, images have the name of a laptop's."""
    own = f"{registry(platform.aws)}/{platform.name}" if platform.storage.images else None
    return Names(
        bucket=lambda purpose: bucket_name(platform.name, purpose, platform.aws),
        image=lambda gpu: contract.image(own, gpu=gpu),
    )
