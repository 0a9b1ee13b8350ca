"""The words in which a component says what it makes before anything exists: children, references, functions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False, repr=False)
class Child:
    """One resource of the component; identity is the object, as a component and its child may share a name.

    `inputs` may hold `Ref`, `Whole` and `Computed` at any depth, and values that only the caller understands
    (a Pulumi output, for one), which are passed on untouched. No parent means the component itself.
    """

    type: str
    name: str
    inputs: dict[str, Any]
    parent: "Child | None" = None
    depends_on: tuple["Child", ...] = ()
    ignore_changes: tuple[str, ...] = ()
    custom: bool = True

    def __repr__(self) -> str:
        return f"<{self.type} {self.name}>"


@dataclass(frozen=True)
class Ref:
    """An output of a child that is known once the child exists: `id`, `arn`, `certificateAuthority.data`."""

    child: Child
    output: str


@dataclass(frozen=True)
class Whole:
    """A child itself as a value (a resource reference)."""

    child: Child


@dataclass(frozen=True)
class Computed:
    """A pure function of values of which some are known only later."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass
class Expansion:
    """What a component makes, in the order in which it can be made, and what it returns."""

    children: list[Child] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def add(self, child: Child) -> Child:
        """Appends a child and hands it back, so that later ones can refer to it."""
        self.children.append(child)
        return child


def pick(value: Any, path: str) -> Any:
    """What lies at a dotted path of an output (`identities.0.oidcs.0.issuer`); None where the path leads nowhere."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list | tuple) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def plain(value: Any) -> bool:
    """Whether a value is known all through: JSON and nothing else."""
    if isinstance(value, dict):
        return all(plain(item) for item in value.values())
    if isinstance(value, list):
        return all(plain(item) for item in value)
    return value is None or isinstance(value, str | int | float | bool)


def computed(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result where every argument is known now, else a `Computed` for whoever can wait."""
    if all(plain(argument) for argument in arguments):
        return function(*arguments)
    return Computed(function, arguments)


def present(**inputs: Any) -> dict[str, Any]:
    """The inputs that are given at all: one that is None is left out."""
    return {key: value for key, value in inputs.items() if value is not None}
