"""What a check says: findings with a status, the thing looked at, and what to do about it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Ground(StrEnum):
    """What a stack stands on, and a check asks."""

    AWS = "aws"
    KUBERNETES = "kubernetes"


class Unreadable(Exception):
    """A question that was not answered; `fix` says what would let it."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class Target(Protocol):
    """One account or one cluster through read-only eyes."""

    ground: Ground
    door: str
    """The check that says why nobody is let in, where it is so."""

    def facts(self) -> Mapping[str, str]:
        """What it is and as whom it is asked, as machines read it; `identity` is empty where nobody is let in."""
        ...

    def told(self, facts: Mapping[str, str]) -> str:
        """The same on one line, for people."""
        ...

    def close(self) -> None:
        """Ask nothing more."""
        ...


class Status(StrEnum):
    """From best to worst; `unknown` is what could not be looked at, and counts as no pass."""

    PASS = "pass"
    WARN = "warn"
    UNKNOWN = "unknown"
    FAIL = "fail"

    @property
    def rank(self) -> int:
        """Greater is worse."""
        return list(Status).index(self)


@dataclass(frozen=True)
class Finding:
    """One thing that a check looked at. `check` is filled in by the run."""

    status: Status
    subject: str
    message: str
    fix: str = ""
    check: str = ""

    def to_json(self) -> dict[str, str]:
        """The public form."""
        return {"check": self.check, **{key: str(value) for key, value in asdict(self).items() if key != "check"}}


def passed(subject: str, message: str) -> Finding:
    """All is well with the subject."""
    return Finding(Status.PASS, subject, message)


def warned(subject: str, message: str, fix: str) -> Finding:
    """The stack can go up, and somebody will be sorry later."""
    return Finding(Status.WARN, subject, message, fix)


def failed(subject: str, message: str, fix: str) -> Finding:
    """The stack cannot go up, or cannot become what its file says."""
    return Finding(Status.FAIL, subject, message, fix)


def unknown(subject: str, message: str, fix: str) -> Finding:
    """It could not be found out."""
    return Finding(Status.UNKNOWN, subject, message, fix)


def each(items: Iterable[T], name: Callable[[T], str], look: Callable[[T], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings item by item: what cannot be read of one leaves the others, and the same refusal is told once."""
    refused: dict[tuple[str, str], list[str]] = {}
    for item in items:
        try:
            yield from look(item)
        except Unreadable as error:
            refused.setdefault((error.message, error.fix), []).append(name(item))
    for (message, fix), subjects in refused.items():
        yield unknown(", ".join(subjects), message, fix)


Run = Callable[[Any, Any], Iterator[Finding]]
"""A check of a stack (`stack.Stack`, `stack.PortableStack`) on its target (`Account`, `Cluster`)."""


@dataclass(frozen=True)
class Check:
    """One question to a target. `advisory`: where it cannot be asked, that is a warning and no more."""

    name: str
    title: str
    run: Run
    of: Ground
    advisory: bool = False


CHECKS: dict[str, Check] = {}
"""Every check by name, in the order of the report."""


def check(name: str, *, of: Ground = Ground.AWS, advisory: bool = False) -> Callable[[Run], Run]:
    """Decorator: register a check; the first line of its docstring is its title."""

    def register(run: Run) -> Run:
        title = (run.__doc__ or name).splitlines()[0].rstrip(".")
        CHECKS[name] = Check(name, title, run, of, advisory)
        return run

    return register


@dataclass(frozen=True)
class Report:
    """Everything that was found out about one target for one stack; `about` and `where` say which it is."""

    stack: str
    about: Mapping[str, str]
    where: str
    findings: tuple[Finding, ...]
    seconds: float = 0.0
    strict: bool = False
    checks: tuple[str, ...] = field(default=())

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each status."""
        return {status.value: sum(finding.status == status for finding in self.findings) for status in Status}

    @property
    def ok(self) -> bool:
        """Whether nothing failed and nothing stayed unknown; with `strict`, whether nothing was warned of either."""
        allowed = {Status.PASS} if self.strict else {Status.PASS, Status.WARN}
        return all(finding.status in allowed for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The one document that machines read."""
        return {
            "stack": self.stack,
            **self.about,
            "ok": self.ok,
            "counts": self.counts,
            "checks": list(self.checks),
            "findings": [finding.to_json() for finding in self.findings],
            "seconds": round(self.seconds, 1),
        }


def stamped(finding: Finding, check: Check) -> Finding:
    """The finding with its check's name; an advisory check never leaves more than a warning of the unknown."""
    status = Status.WARN if check.advisory and finding.status is Status.UNKNOWN else finding.status
    return replace(finding, check=check.name, status=status)
