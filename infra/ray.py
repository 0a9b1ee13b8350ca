"""KubeRay: the operator that turns Ray objects into pods, and the CRDs of those objects."""

import math
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes
from pulumi import ResourceOptions
from pulumi_kubernetes.helm.v3 import Release

from infra import contract, versions
from infra.config.tenants import Ray as Settings
from infra.namespaces import platform_namespace

NAMESPACE = "kuberay"
REPOSITORY = "https://ray-project.github.io/kuberay-helm/"
CRD_CHART = "../infra/charts/kuberay-crds.tgz"
"""Seen from stacks/, where Pulumi runs the program; `python -m local.crd_chart` packs it."""


class KubeRay(pulumi.ComponentResource):
    """The operator and its CRDs; `depends_on=[kuberay]` waits for both."""

    crds: Release

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        kubernetes: pulumi_kubernetes.Provider,
        nodes: Sequence[pulumi.Resource] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`nodes` are what the operator's own pod runs on, where the stack makes it; `env` every Ray container gets."""
        super().__init__("rayeks:infra:KubeRay", name)
        namespace = platform_namespace(NAMESPACE, kubernetes=kubernetes, parent=self)
        # A release of their own, because Helm never upgrades a chart's crds folder, and because they are too large
        # for client-side apply and (4 MB) for a state that is written at every step.
        self.crds = Release(
            "kuberay-crds",
            name="kuberay-crds",
            chart=CRD_CHART,
            version=versions.KUBERAY,
            namespace=NAMESPACE,
            opts=ResourceOptions(parent=self, provider=kubernetes, depends_on=[namespace]),
        )
        Release(
            "kuberay-operator",
            name="kuberay-operator",
            chart="kuberay-operator",
            version=versions.KUBERAY,
            repository_opts={"repo": REPOSITORY},
            namespace=NAMESPACE,
            skip_crds=True,
            timeout=600,
            values=chart_values(settings, env),
            opts=ResourceOptions(
                parent=self,
                provider=kubernetes,
                depends_on=[namespace, self.crds, *nodes],
            ),
        )
        self.register_outputs({})


def operator_memory_mib(planned_pods: int) -> int:
    """The operator's memory: the chart says about 500 MB for 500 Ray pods; a quarter is kept in hand."""
    return max(512, math.ceil((256 + planned_pods) * 1.25 / 256) * 256)


def chart_values(settings: Settings, env: Mapping[str, str] | None = None) -> dict:
    """The chart's values: sized for the planned pods, on the system nodes, without an election it does not need."""
    memory = f"{operator_memory_mib(settings.planned_pods)}Mi"
    return {
        "replicas": settings.operator_replicas,
        "resources": {
            "requests": {"cpu": "200m", "memory": memory},
            "limits": {"cpu": "1", "memory": memory},
        },
        # A lone operator that loses its lease restarts for nothing (kuberay#2252).
        "leaderElectionEnabled": settings.operator_replicas > 1,
        "reconcileConcurrency": 4,
        "configuration": {"enabled": True, "defaultContainerEnvs": container_defaults(env)},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        # Helm replaces lists: gates that are not named keep the operator's own defaults.
        **({"featureGates": [{"name": "RayCronJob", "enabled": True}]} if settings.cron_jobs else {}),
        "priorityClassName": "system-cluster-critical",
    }


def container_defaults(env: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """What every Ray container of every cluster gets, whoever wrote its manifest; a manifest's own value stands."""
    return [{"name": name, "value": value} for name, value in sorted((contract.RAY_DEFAULTS | dict(env or {})).items())]
