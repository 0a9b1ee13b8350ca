"""Karpenter's objects as pure functions: a typed pool in, an EC2NodeClass and a NodePool out.

Every rule of the table in the platform's design has one line here; field names are those of Karpenter 1.14.1.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from infra import instances
from infra.config.node_groups import PlacementGroup
from infra.config.pools import (
    DataPool,
    GpuInferPool,
    GpuTrainPool,
    HeadPool,
    Maintenance,
    Pool,
    _Choosing,
    _Flexible,
)
from infra.contract import POOLS
from infra.requirements import FAMILY, INSTANCE_TYPE
from infra.versions import AL2023_AMI

Object = dict[str, Any]
Requirement = dict[str, Any]

NODEPOOL_API = "karpenter.sh/v1"
NODECLASS_API = "karpenter.k8s.aws/v1"
DISCOVERY_TAG = "karpenter.sh/discovery"

DRAIN = {"ray-head": "1h", "ray-cpu": "1h", "ray-data": "1h", "ray-gpu-infer": "1h", "ray-gpu-train": "24h"}
"""Kind → terminationGracePeriod: how long a do-not-disrupt pod may hold a node that must go."""

PREFERRED_SHARE = 0.75
"""The part of a pool's limits that its preferred types have; the rest is for when EC2 has none of them left."""
REST = "-rest"

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""As cron counts them."""


def node_class(
    pool: Pool,
    *,
    cluster: str,
    role: Any,
    security_group: Any,
    tags: Mapping[str, str],
    placement_group: str | None = None,
    reservations: Sequence[Any] = (),
    efa_group: Any = None,
) -> Object:
    """The spec of the pool's EC2NodeClass.

    `role` (a name), `security_group`, `efa_group` and `reservations` (ids) may be Pulumi outputs; `placement_group`
    is the EC2 name of the group, where the pool has one. Encrypted gp3 roots, IMDSv2 with one hop, and the AMI
    pinned by alias, so that a release never drifts nodes by itself.
    """
    spec: Object = {
        "role": role,
        "amiSelectorTerms": [{"alias": f"al2023@{AL2023_AMI}"}],
        "subnetSelectorTerms": [{"tags": {DISCOVERY_TAG: cluster}}],
        "securityGroupSelectorTerms": [{"id": security_group}],
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        },
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "rootVolume": True,
                "ebs": {
                    "volumeType": "gp3",
                    "volumeSize": f"{pool.root_gib}Gi",
                    "iops": 3000,
                    "throughput": 600,
                    "encrypted": True,
                    "deleteOnTermination": True,
                },
            }
        ],
        "userData": node_config(),
        "tags": dict(tags),
    }
    if isinstance(pool, DataPool | GpuInferPool | GpuTrainPool):
        spec["instanceStorePolicy"] = "RAID0"
    if placement_group:
        spec["placementGroupSelector"] = {"name": placement_group}
    if isinstance(pool, GpuTrainPool):
        if reservations:
            spec["capacityReservationSelectorTerms"] = [{"id": reservation} for reservation in reservations]
        interfaces = efa_interfaces(pool.instance_type)
        if len(interfaces) > 2:
            spec["networkInterfaces"] = interfaces
            spec["securityGroupSelectorTerms"].append({"id": efa_group})
    return spec


def node_pools(name: str, pool: Pool) -> dict[str, Object]:
    """NodePool → spec: one, or where the pool prefers some types, one of those and one of the rest.

    Karpenter tries the heavier first and knows no limit over several NodePools, so the two share the pool's.
    """
    if not isinstance(pool, _Choosing) or not pool.prefer:
        return {name: node_pool(name, pool)}
    preferred, rest = _split(limits(pool))
    return {
        name: node_pool(name, pool, [_in(INSTANCE_TYPE, *pool.prefer)]) | {"limits": preferred},
        f"{name}{REST}": node_pool(name, pool, [_not_in(INSTANCE_TYPE, *pool.prefer)])
        | {"weight": pool.weight - 1, "limits": rest},
    }


def node_pool(name: str, pool: Pool, narrower: Sequence[Requirement] = ()) -> Object:
    """The spec of a NodePool over all that the pool may use, or `narrower`; `name` is also its EC2NodeClass's."""
    contract = POOLS[pool.kind]
    return {
        "weight": pool.weight,
        "limits": limits(pool),
        "template": {
            "metadata": {"labels": contract.labels()},
            "spec": {
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": name},
                "requirements": [*requirements(pool), *narrower],
                "taints": [taint.manifest() for taint in contract.taints],
                "expireAfter": pool.expire_after,
                "terminationGracePeriod": DRAIN[pool.kind],
            },
        },
        "disruption": {
            "consolidationPolicy": "WhenEmpty",
            "consolidateAfter": pool.consolidate_after,
            "budgets": budgets(pool),
        },
    }


def requirements(pool: Pool) -> list[Requirement]:
    """What instance types, zones and capacity the pool may use."""
    found = [_in("kubernetes.io/arch", "amd64"), _in("karpenter.sh/capacity-type", *_capacity(pool))]
    zones = (pool.zone,) if isinstance(pool, GpuTrainPool) else pool.zones
    if zones:
        found.append(_in("topology.kubernetes.io/zone", *zones))
    if isinstance(pool, _Flexible):
        found += _flexible(pool)
        # Exists with minValues: spot needs several families to move between.
        if pool.min_families > 1:
            found.append({"key": FAMILY, "operator": "Exists", "minValues": pool.min_families})
    if isinstance(pool, DataPool):
        found.append(_gte("karpenter.k8s.aws/instance-local-nvme", pool.min_nvme_gib))
    if isinstance(pool, GpuInferPool):
        found += [
            _in(FAMILY, *pool.families),
            _gte("karpenter.k8s.aws/instance-gpu-count", 1),
        ]
        if pool.max_gpus_per_node:
            found.append(_lte("karpenter.k8s.aws/instance-gpu-count", pool.max_gpus_per_node))
    if isinstance(pool, GpuTrainPool):
        found.append(_in(INSTANCE_TYPE, pool.instance_type))
    return found


def limits(pool: Pool) -> Object:
    """The most that the pool may hold at once."""
    held = {"cpu": str(pool.limits.cpu), "memory": f"{pool.limits.memory_gib}Gi"}
    if POOLS[pool.kind].gpu:
        held["nvidia.com/gpu"] = str(pool.limits.gpus)
    return held | ({"nodes": str(pool.limits.nodes)} if pool.limits.nodes else {})


def budgets(pool: Pool) -> list[Object]:
    """How many nodes may be disrupted at once, by reason; the strictest that is active holds.

    Expiry, interruption and repair ignore budgets.
    """
    at_once = "0" if isinstance(pool, GpuTrainPool) else "1" if isinstance(pool, HeadPool) else "10%"
    found: list[Object] = [
        {"nodes": "100%", "reasons": ["Empty"]},
        {"nodes": at_once, "reasons": ["Underutilized"]},
        {"nodes": "1" if pool.maintenance and at_once == "0" else at_once, "reasons": ["Drifted"]},
    ]
    return found + ([closed(pool.maintenance)] if pool.maintenance else [])


def closed(window: Maintenance) -> Object:
    """The budget that lets nothing drift outside a maintenance window.

    Karpenter knows no "except": the budget of 0 begins when the window ends, and lasts until it opens again.
    """
    end = window.start + window.hours
    day = "*" if window.day == "daily" else str((WEEKDAYS.index(window.day) + end // 24) % 7)
    hours = (24 if window.day == "daily" else 7 * 24) - window.hours
    return {"nodes": "0", "reasons": ["Drifted"], "schedule": f"0 {end % 24} * * {day}", "duration": f"{hours}h"}


def efa_interfaces(instance_type: str) -> list[Object]:
    """The interface layout that uses every EFA card of a type, from EC2's data; empty where the type has no EFA.

    Card 0 carries the primary interface, and every card that takes one an efa-only interface: as device 1 beside the
    primary, else as device 0. efa-only interfaces use no IP address. Layout: EKS user guide, "Manage EFA devices".
    """
    known = instances.facts(instance_type)
    if known is None or known.efa_interfaces == 0:
        return []
    primary = {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"}
    return [primary] + [
        {"networkCardIndex": card, "deviceIndex": 1 if card == 0 else 0, "interfaceType": "efa-only"}
        for card in known.efa_cards[: known.efa_interfaces]
    ]


def group_name(cluster: str, group: str) -> str:
    """The EC2 name of a placement group, which an EC2NodeClass selects by."""
    return f"{cluster}-{group}"


def placement_arguments(group: PlacementGroup) -> Object:
    """The inputs of the placement group beyond its name."""
    return {"strategy": group.strategy} | (
        {"partition_count": group.partitions} if group.partitions is not None else {}
    )


def node_config(*, raid0: bool = False) -> str:
    """nodeadm's settings of a node: FastImagePull fetches the layers of Ray's large images in parallel.

    Karpenter asks for RAID0 by `instanceStorePolicy`; a managed group asks nodeadm itself.
    """
    spec: Object = {"featureGates": {"FastImagePull": True}}
    if raid0:
        spec["instance"] = {"localStorage": {"strategy": "RAID0"}}
    return yaml.safe_dump({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}, sort_keys=False)


def _split(whole: Object) -> tuple[Object, Object]:
    """Limits in two parts of whole pieces, the preferred types' first; together they are the whole."""
    parts: tuple[Object, Object] = ({}, {})
    for resource, text in whole.items():
        unit = "Gi" if text.endswith("Gi") else ""
        number = int(text.removesuffix(unit))
        first = math.ceil(number * PREFERRED_SHARE)
        parts[0][resource], parts[1][resource] = f"{first}{unit}", f"{number - first}{unit}"
    return parts


def _capacity(pool: Pool) -> tuple[str, ...]:
    return ("on-demand",) if isinstance(pool, HeadPool) else pool.capacity


def _flexible(pool: _Flexible) -> list[Requirement]:
    return [
        _in("karpenter.k8s.aws/instance-category", *pool.categories),
        _gte("karpenter.k8s.aws/instance-generation", pool.min_generation),
        _gte("karpenter.k8s.aws/instance-cpu", pool.min_vcpus),
        *([_lte("karpenter.k8s.aws/instance-cpu", pool.max_vcpus)] if pool.max_vcpus else []),
        # Neither burstable nor shared: a GPU or a metal machine must never be bought for a CPU pod.
        {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "DoesNotExist"},
        {"key": "karpenter.k8s.aws/instance-hypervisor", "operator": "In", "values": ["nitro"]},
    ]


def _in(key: str, *values: str) -> Requirement:
    return {"key": key, "operator": "In", "values": list(values)}


def _not_in(key: str, *values: str) -> Requirement:
    return {"key": key, "operator": "NotIn", "values": list(values)}


def _gte(key: str, value: int) -> Requirement:
    return {"key": key, "operator": "Gte", "values": [str(value)]}


def _lte(key: str, value: int) -> Requirement:
    return {"key": key, "operator": "Lte", "values": [str(value)]}
