"""How a rule is written: a pure generator of problems whose parameters name the sections that it reads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake: where, what, and what to do about it."""

    path: str
    message: str
    fix: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.fix})" if self.fix else "")


Rule = Callable[..., Iterator[Problem]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Adds a rule; its parameters name sections of the platform."""
    RULES.append(function)
    return function
