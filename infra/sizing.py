"""How large a stack may grow: nodes by pool and zone at the limits of its configuration. Pure arithmetic."""

import math
from collections.abc import Mapping, Sequence

from infra import instances
from infra.config.node_groups import NodeGroup
from infra.config.pools import GpuInferPool, GpuTrainPool, Pool


def pool_nodes(pool: Pool) -> int:
    """The most nodes a pool can have: its own limit, or its limits over the smallest machine that it may launch."""
    if isinstance(pool, GpuTrainPool):
        known = instances.facts(pool.instance_type)
        nodes = math.ceil(pool.limits.cpu / known.vcpus) if known else 0
    elif isinstance(pool, GpuInferPool):
        nodes = pool.limits.gpus
    else:
        nodes = math.ceil(pool.limits.cpu / pool.min_vcpus)
    return min(nodes, pool.limits.nodes or nodes)


def nodes_per_zone(
    zones: Sequence[str], node_groups: Mapping[str, NodeGroup], pools: Mapping[str, Pool]
) -> dict[str, int]:
    """Zone → the nodes it must have room for.

    What is pinned to a zone counts there in full. What may use several is shared evenly among them less one, so
    that the rest still hold it all when a zone fails.
    """
    wanted = dict.fromkeys(zones, 0)

    def share(nodes: int, among: Sequence[str]) -> None:
        for zone in among:
            if zone in wanted:
                wanted[zone] += math.ceil(nodes / max(1, len(among) - 1))

    for group in node_groups.values():
        share(group.max, group.zones or zones)
    for pool in pools.values():
        share(pool_nodes(pool), (pool.zone,) if isinstance(pool, GpuTrainPool) else pool.zones or zones)
    return wanted


TIERS = {"standard": 500, "tier-xl": 2_000, "tier-2xl": 5_000, "tier-4xl": 10_000, "tier-8xl": 40_000}
"""Control-plane tier → the nodes for which this project takes it.

AWS publishes API seats (1,700 for XL to 13,600 for 8XL), not nodes; these bounds hold Ray's load of a few pods a node,
with the standard tier's automatic scaling trusted to 500.
"""


def total_nodes(node_groups: Mapping[str, NodeGroup], pools: Mapping[str, Pool]) -> int:
    """The most nodes that the stack may have at once."""
    return sum(group.max for group in node_groups.values()) + sum(pool_nodes(pool) for pool in pools.values())


def control_plane_tier(nodes: int) -> str:
    """The smallest tier for so many nodes."""
    return next((tier for tier, most in TIERS.items() if nodes <= most), "tier-8xl")
