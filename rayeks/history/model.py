"""The history of Ray clusters as plain data: what each was, what ran on it, and what of that failed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """A job that was submitted, or a driver that came by itself (a notebook, a client); times are Unix seconds.

    `status` is Ray's own of a submitted job, and RUNNING or ENDED of a driver, as it was when it was last heard of.
    """

    id: str
    status: str
    entrypoint: str
    started: float | None
    ended: float | None
    message: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it ran; None where its end was never heard of."""
        return self.ended - self.started if self.started and self.ended else None


@dataclass(frozen=True)
class Node:
    """A Ray node, by Ray's own id, from when it joined until the head gave it up."""

    id: str
    address: str
    head: bool
    started: float | None
    ended: float | None
    reason: str = ""


@dataclass(frozen=True)
class Failure:
    """Tasks of one name, or actors of one class, that failed in one way; `last` is when the last of them did."""

    what: str
    error: str
    job: str
    count: int
    last: float


@dataclass(frozen=True)
class Cluster:
    """One Ray cluster of a namespace; `heard` is when its last event was written, `logs` where its files lie."""

    namespace: str
    name: str
    started: float
    heard: float
    jobs: tuple[Job, ...]
    nodes: tuple[Node, ...]
    failures: tuple[Failure, ...]
    logs: tuple[str, ...]

    def named(self, name: str) -> bool:
        """Whether a person means it, or a job on it: by its own name, the RayJob's that made it, or a job's id."""
        return any(one == name or one.startswith(f"{name}-") for one in (self.name, *(job.id for job in self.jobs)))


@dataclass(frozen=True)
class History:
    """The clusters that were found, the latest first, and how many lines of their events could not be read."""

    clusters: tuple[Cluster, ...]
    unread: int = 0

    def only(self, name: str) -> "History":
        """What of it is about a cluster or a job."""
        return History(tuple(cluster for cluster in self.clusters if cluster.named(name)), self.unread)

    def names(self) -> Iterator[str]:
        """Every cluster, by its name."""
        yield from (cluster.name for cluster in self.clusters)

    def to_json(self) -> dict[str, Any]:
        """The history for machines; times are Unix seconds."""
        return asdict(self)
