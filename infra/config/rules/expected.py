"""Whether what the bill expects is of things that the stack has."""

from collections.abc import Iterator

from infra.config.expected import Expected
from infra.config.pools import Pool
from infra.config.rules.base import Problem, rule
from infra.config.storage import Storage


@rule
def what_is_expected_is_of_what_is_there(
    expected: Expected, pools: dict[str, Pool], storage: Storage
) -> Iterator[Problem]:
    for section, named, known in (
        ("node_hours", expected.node_hours, pools),
        ("buckets_gib", expected.buckets_gib, storage.buckets),
    ):
        for name in named:
            if name not in known:
                there = ", ".join(known) or "none"
                yield Problem(f"expected.{section}.{name}", f"there is no {name}", f"there are {there}")
