"""Teams on the platform, and the Ray operator that they share."""

from typing import Annotated

from pydantic import Field

from infra import contract
from infra.config.base import Name, Principal, Quantity, Slice

ROLES = ("viewer", "developer", "admin")
TeamName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")]


class Quota(Slice):
    """What a team may hold at once."""

    cpu: Annotated[int, Field(ge=1, description="vCPUs")] = 64
    memory: Quantity = "256Gi"
    gpus: Annotated[int, Field(ge=0)] = 0
    gpu_parts: Annotated[int, Field(ge=0)] = 0
    """Shares and slices of GPUs, of each kind that the stack's node groups hand out."""
    pods: Annotated[int, Field(ge=1)] = 200
    storage: Quantity = "1Ti"
    """Of disks that claims make."""
    clusters: Annotated[int, Field(ge=1)] = 50
    """RayClusters at once, those of jobs and services included."""


class People(Slice):
    """IAM principals of a team, by what they may do in its namespace. EKS allows a principal one entry."""

    viewers: tuple[Principal, ...] = ()
    developers: tuple[Principal, ...] = ()
    admins: tuple[Principal, ...] = ()

    def by_role(self) -> dict[str, tuple[str, ...]]:
        """Role → principals."""
        return {"viewer": self.viewers, "developer": self.developers, "admin": self.admins}


class Team(Slice):
    """What a team is on any Kubernetes: a namespace with a quota."""

    cost_center: str = Field(min_length=1)
    quota: Quota = Quota()
    share: Annotated[float, Field(ge=0, le=1000)] = 1
    """Its weight where teams compete for what others leave idle; 0 lends without borrowing."""

    def groups(self, team: str) -> dict[str, tuple[str, ...]]:
        """Role → Kubernetes groups of the team's people."""
        return {role: (contract.group(team, role),) for role in ROLES}


class Tenant(Team):
    """One team on AWS, with an identity of its own."""

    people: People = People()
    scratch: bool = False
    """Whether the team's pods may mount the scratch file system, which its tenants share."""
    file_claims: Annotated[int, Field(ge=0, le=1000)] = 50
    """Folders of their own on EFS that the team's claims may make; a file system has 10,000 at the most."""
    scratch_claims_gib: Annotated[int, Field(ge=0, description="GiB")] = 0
    """Lustre that the team's claims may hold at once, where the stack has storage.scratch_claims."""
    reads: tuple[Name, ...] = ()
    """Data sources, by their names under `data_sources`, that the team's jobs may read."""


class Ray(Slice):
    """The KubeRay operator."""

    operator_replicas: Annotated[int, Field(ge=1, le=3)] = 1
    planned_pods: Annotated[int, Field(ge=1, le=50_000)] = 500
    """Ray pods at the peak; the operator's memory is sized from it (about 500 MB for 500 pods)."""
    cron_jobs: bool = False
    """KubeRay's RayCronJob, an alpha feature."""
