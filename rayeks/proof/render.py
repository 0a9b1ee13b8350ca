"""A proof for people: one line a launch, the faults last, where nobody misses them."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rayeks.proof.model import Placement, Proof


def render(proof: Proof) -> RenderableType:
    """The table of placements, what it took, and every fault."""
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    for header, right in (
        ("launched", False),
        ("pods", True),
        ("pool", False),
        ("machines", False),
        ("ready", True),
        ("$/h", True),
        ("left over", False),
    ):
        table.add_column(header, justify="right" if right else "left", no_wrap=header != "machines")
    for each in proof.placements:
        table.add_row(
            Text(each.what, style="red" if each.faults else "green"),
            str(each.pods),
            ", ".join(each.pools) or "-",
            each.bought or "-",
            "-" if each.faults else f"{each.seconds:.0f} s",
            f"{each.usd_per_hour:.2f}" if each.usd_per_hour is not None else "unknown",
            _stranded(each),
        )
    parts: list[RenderableType] = [table, Text(_summary(proof), style="bold")]
    parts += [Text(f"fault: {fault}", style="red") for each in proof.placements for fault in each.faults]
    parts += [Text(f"fault: {fault}", style="red") for fault in proof.faults]
    return Group(*parts)


def _summary(proof: Proof) -> str:
    memory = sum(proof.memory_mib.values())
    classes = f"{len(proof.classes)} EC2NodeClasses Ready under Karpenter's own role"
    drained = f", nodes gone in {proof.drained_s:.0f} s" if proof.drained_s is not None else ""
    return f"{classes}{drained}; {proof.seconds:.0f} s in all, {memory} MiB"


def _stranded(each: Placement) -> str:
    parts = []
    if cpu := each.stranded.get("cpu"):
        parts.append(f"{cpu:.1f} CPU")
    if memory := each.stranded.get("memory"):
        parts.append(f"{memory / 2**30:.0f} GiB")
    if gpus := round(each.stranded.get("nvidia.com/gpu", 0)):
        parts.append(f"{gpus} GPU")
    return ", ".join(parts)
