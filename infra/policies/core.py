"""What a policy is, and what it looks at: resources as plain data, whoever recorded them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "unknown"})()
"""A value that only the cloud can say. It is never judged: an update judges it once it is known."""


class Severity(StrEnum):
    """How much a finding weighs: an error stops a deployment, the others are told."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


ENVIRONMENTS = ("local", "dev", "staging", "prod")
EVERYWHERE: Mapping[str, Severity] = dict.fromkeys(ENVIRONMENTS, Severity.ERROR)
WHERE_IT_COUNTS: Mapping[str, Severity] = {
    "local": Severity.ADVICE,
    "dev": Severity.WARNING,
    "staging": Severity.ERROR,
    "prod": Severity.ERROR,
}
"""For what is a convenience where nobody depends on it, and a danger elsewhere."""
IN_PROD: Mapping[str, Severity] = {"prod": Severity.ERROR}


@dataclass(frozen=True)
class Resource:
    """One resource: `props` are what the program asks for, by Pulumi's names, with `UNKNOWN` inside."""

    urn: str
    type: str
    name: str
    props: Mapping[str, Any]
    protect: bool = False
    parent: str | None = None
    dependencies: tuple[str, ...] = ()

    def get(self, path: str) -> Any:
        """The value at a dotted path, None where there is none, UNKNOWN where it is (or lies in) an unknown."""
        return at(self.props, path)


@dataclass(frozen=True)
class Stack:
    """What is judged as a whole; `monthly_usd` is its bill's floor and `ceiling_usd` what that may be."""

    environment: str
    resources: tuple[Resource, ...]
    monthly_usd: float | None = None
    ceiling_usd: float | None = None

    @cached_property
    def _by_type(self) -> Mapping[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    def of_type(self, *types: str) -> Iterator[Resource]:
        """The resources of these types, in the stack's order."""
        return (resource for kind in types for resource in self._by_type.get(kind, ()))


@dataclass(frozen=True)
class Finding:
    """One thing that a policy does not allow, and the resource that it is about (None: the stack itself)."""

    message: str
    resource: Resource | None = None


Check = Callable[[Stack], Iterable[Finding]]


@dataclass(frozen=True)
class Policy:
    """One demand on every stack; `subject` is what it is about.

    `severity` is by environment; where it has none the policy does not apply. `alone` is whether one resource is
    enough to judge it, so that an engine can stop before that resource is made.
    """

    name: str
    subject: str
    demands: str
    reason: str
    fix: str
    severity: Mapping[str, Severity]
    check: Check
    alone: bool

    def to_json(self) -> dict[str, Any]:
        """The policy for machines."""
        return {
            "name": self.name,
            "subject": self.subject,
            "severity": {environment: str(level) for environment, level in self.severity.items()},
            "demands": self.demands,
            "reason": self.reason,
            "fix": self.fix,
        }


POLICIES: list[Policy] = []
"""The one list: importing a module of policies adds its own."""


def each(
    *types: str, demands: str, reason: str, fix: str, severity: Mapping[str, Severity] = EVERYWHERE
) -> Callable[[Callable[[Resource, str], Iterator[str]]], Policy]:
    """Makes a policy of a function that says what is wrong with one resource of these types in an environment."""

    def add(function: Callable[[Resource, str], Iterator[str]]) -> Policy:
        def check(stack: Stack) -> Iterator[Finding]:
            for resource in stack.of_type(*types):
                for message in function(resource, stack.environment):
                    yield Finding(message, resource)

        return _added(Policy(*_names(function), demands, reason, fix, severity, check, alone=True))

    return add


def whole(
    *, demands: str, reason: str, fix: str, severity: Mapping[str, Severity] = EVERYWHERE
) -> Callable[[Check], Policy]:
    """Makes a policy of a function that needs to see the whole stack."""

    def add(function: Check) -> Policy:
        return _added(Policy(*_names(function), demands, reason, fix, severity, function, alone=False))

    return add


def at(value: Any, path: str) -> Any:
    """The value at a dotted path inside mappings; None where a step is missing, UNKNOWN where one is unknown."""
    for step in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def items(value: Any) -> list[Any]:
    """A list's items that are known; a single value counts as a list of it, as AWS spells documents."""
    if value is None or value is UNKNOWN:
        return []
    return [item for item in (value if isinstance(value, list) else [value]) if item is not UNKNOWN]


def members(value: Any) -> Mapping[str, Any]:
    """A mapping as it is, empty where there is none or it is unknown."""
    return value if isinstance(value, Mapping) else {}


def differs(value: Any, *wanted: Any) -> bool:
    """Whether a known value is none of those wanted; some of AWS's types spell booleans as text."""
    return value is not UNKNOWN and _spelt(value) not in [_spelt(other) for other in wanted]


def is_true(value: Any) -> bool:
    """Whether a value is known to be true."""
    return value is not UNKNOWN and not differs(value, True)


def _spelt(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _added(policy: Policy) -> Policy:
    POLICIES.append(policy)
    return policy


def _names(function: Any) -> tuple[str, str]:
    """The policy's name and subject: its function's, and its module's."""
    return function.__name__.replace("_", "-"), function.__module__.rpartition(".")[2]
