"""Whether what is kept warm leaves room for what it is kept for."""

from collections.abc import Iterator

from infra.config.pools import Pool
from infra.config.rules.base import Problem, rule
from infra.headroom_size import worker


@rule
def headroom_is_within_the_limits(pools: dict[str, Pool]) -> Iterator[Problem]:
    for name, pool in pools.items():
        each = worker(pool)
        for what, held, most in (
            ("vCPUs", each.cpu * pool.headroom, pool.limits.cpu),
            ("GiB of memory", each.memory_gib * pool.headroom, pool.limits.memory_gib),
            ("GPUs", each.gpus * pool.headroom, pool.limits.gpus),
        ):
            if held > most:
                fix = "ask for less headroom, or raise the pool's limits"
                yield Problem(f"pools.{name}.headroom", f"{held:g} {what} are more than the pool may hold: {most}", fix)
