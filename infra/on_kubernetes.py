"""The architecture on a Kubernetes that is there already: the same Ray layer, and nothing of AWS below it."""

from functools import partial

import pulumi
import pulumi_kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import PersistentVolumeClaim

from infra import contract, logs, observability_portable, portable, samples
from infra.config.portable import Claim, PortablePlatform
from infra.isolation import AGENTS
from infra.launches import Deployed, rendered
from infra.namespaces import platform_namespace
from infra.observability import Observability
from infra.queues import Queues
from infra.ray import KubeRay
from infra.tenancy import Tenants
from infra.volumes import UNAWAITED


def deploy(platform: PortablePlatform) -> None:
    """KubeRay, queues, tenants and samples on a cluster of somebody else's; machines and drivers are its owner's."""
    name, settings = platform.name, platform.cluster
    if problem := portable.unusable(settings.kubeconfig, settings.context):
        pulumi.log.warn(f"{problem}. A plan needs neither; nothing can be changed from here")
    kubernetes = pulumi_kubernetes.Provider(
        name,
        kubeconfig=settings.kubeconfig,
        context=settings.context,
        # The context says which cluster it is: another file for it changes nothing, another context is another cluster.
        cluster_identifier=settings.context,
        enable_server_side_apply=True,
    )
    shipped = platform.observability.logs if platform.observability else None
    env = logs.events(tasks=shipped.tasks) if shipped else None
    kuberay = KubeRay(name, platform.ray, kubernetes=kubernetes, env=env)
    after: list[pulumi.Resource] = [kuberay]
    if platform.queues:
        queues = Queues(
            name,
            platform.queues,
            tenants=platform.tenants,
            flavours=portable.flavours(platform.pools),
            kubernetes=kubernetes,
            kuberay=kuberay,
        )
        after.append(queues)
    if seen := platform.observability:
        to = observability_portable.destinations(platform, seen)
        if to.logs:
            pulumi.export("logs", {"prefix": name, **to.logs})
        Observability(
            name,
            seen,
            watched=observability_portable.watched(platform, seen),
            to=to,
            kubernetes=kubernetes,
            agents=platform_namespace(AGENTS, kubernetes=kubernetes),
            after=[],
        )
    tenants = Tenants(
        name,
        platform.tenants,
        kubernetes=kubernetes,
        walls=portable.walls(platform),
        queues=platform.queues,
        gpu_parts=portable.parts(platform),
        after=after,
    )
    claims = {contract.SHARED_CLAIM: platform.storage.shared, contract.SCRATCH_CLAIM: platform.storage.scratch}
    for team, made in tenants.teams.items():
        for claim, wanted in claims.items():
            if wanted:
                inside = ResourceOptions(parent=made.namespace, provider=kubernetes)
                _claim(contract.namespace(team), claim, wanted, inside)
    launched = rendered(
        platform.samples,
        samples.specs(platform.samples, portable.names(platform)),
        stack=pulumi.get_stack(),
        queues=platform.queues,
        placed=partial(portable.placed, platform=platform),
    )
    Deployed(name, launched, kubernetes=kubernetes, tenants=tenants)

    pulumi.export("cluster", settings.context)
    pulumi.export("kubeconfig_file", settings.kubeconfig)
    pulumi.export("buckets", dict(platform.storage.buckets))
    pulumi.export("namespaces", tenants.namespaces)
    pulumi.export("pools", {key: pool.kind for key, pool in platform.pools.items()})
    pulumi.export("workloads", launched)


def _claim(namespace: str, claim: str, wanted: Claim, opts: ResourceOptions) -> None:
    PersistentVolumeClaim(
        f"{namespace}-{claim}",
        # A class that waits for the first pod binds nothing before; the stack need not wait.
        metadata={"name": claim, "namespace": namespace, "annotations": UNAWAITED},
        spec={
            "access_modes": ["ReadWriteMany"],
            "storage_class_name": wanted.storage_class,
            "resources": {"requests": {"storage": f"{wanted.size_gib}Gi"}},
        },
        opts=opts,
    )
