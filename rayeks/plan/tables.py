"""How capacity is written for people, whether the machines are to be launched or there already."""

from collections.abc import Mapping

from rich.table import Table

from infra.schedulability import spelt


def titled(title: str, *columns: str) -> Table:
    """An empty table with its title."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def amounts(held: Mapping[str, int]) -> dict[str, str]:
    """Amounts by resource, each with its unit."""
    return {name: spelt(name, amount) for name, amount in held.items()}


def listed(spelt_out: Mapping[str, str]) -> str:
    """Amounts on one line: `4 cpu, 16.0 GiB memory, 1 gpu`."""
    return ", ".join(f"{amount} {name.rpartition('/')[2]}" for name, amount in spelt_out.items())
