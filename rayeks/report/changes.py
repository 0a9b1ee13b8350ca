"""A difference between two plans as rows that all renderings show alike."""

from collections.abc import Iterator
from dataclasses import dataclass

from rayeks.plan.difference import Difference, label
from rayeks.plan.steps import Op

ORDER = (Op.REPLACE, Op.DELETE, Op.UPDATE, Op.CREATE)
"""A reviewer's order: what is lost before what is won."""


@dataclass(frozen=True)
class Row:
    """What befalls one resource, and why."""

    op: str
    what: str
    why: str


def rows(found: Difference) -> Iterator[Row]:
    """Everything that changes, the gravest first."""
    for op in ORDER:
        for step in found.of(op):
            yield Row(str(op), label(step.resource), _why(step.replacing, step.changed, step.dragged_by, step.known))


def counts(found: Difference) -> dict[str, int]:
    """How many resources each thing befalls, in the rows' order."""
    return {str(op): found.counts[str(op)] for op in ORDER if found.counts.get(str(op))}


def _why(replacing: tuple[str, ...], changed: tuple[str, ...], dragged_by: str | None, known: bool) -> str:
    parts = []
    if replacing:
        parts.append(f"because of {', '.join(replacing)}")
    others = [name for name in changed if name not in replacing]
    if others:
        parts.append(f"{', '.join(others)}")
    if dragged_by:
        parts.append(f"because {dragged_by.rpartition('::')[2]} goes first")
    if not known:
        parts.append("by no known rule of its provider")
    return "; ".join(parts)
