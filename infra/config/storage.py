"""Sizes and choices of what outlives the nodes: buckets, shared files, scratch, images."""

from typing import Annotated, Literal

from pydantic import Field

from infra.config.base import Gib, Name, Slice, Zone

Days = Annotated[int, Field(ge=1, le=3650)]
ImageName = Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$", max_length=200)]


class Bucket(Slice):
    """One S3 bucket: versioned, encrypted with the stack's key, private, TLS only."""

    expire_days: Days | None = None
    """Delete objects of this age; leave it out to keep them."""
    tier_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    """Move objects of this age to Intelligent-Tiering, which pays for data sets that are read now and then."""
    noncurrent_days: Days = 30
    """Keep overwritten and deleted versions for so long."""
    keep: bool = True
    """Protect the bucket from deletion. Where it is false, `destroy` empties it first."""


class Files(Slice):
    """An EFS file system with elastic throughput: home folders and small shared files, one access point a tenant."""

    backups: bool = True
    archive_days: Literal[1, 7, 14, 30, 60, 90, 180, 270, 365] = 30
    """Files untouched for so long move to Infrequent Access, at a tenth of the price; a read brings them back."""
    keep: bool = True


class ScratchLink(Slice):
    """A folder of the file system that mirrors a bucket: read on first use, written back as files change."""

    bucket: Name
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]*$")] = "/"
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9!_.*'()-][A-Za-z0-9!_.*'()/-]*)?$", max_length=512)] = ""


class Scratch(Slice):
    """An FSx for Lustre file system (PERSISTENT_2, SSD) in one zone, beside the training pool that reads it."""

    zone: Zone
    size_gib: Gib
    throughput: Literal[125, 250, 500, 1000] = 250
    """MB/s for each TiB."""
    efa: bool = False
    """Clients reach it over EFA and GPUDirect. Decided for ever when the file system is made."""
    links: tuple[ScratchLink, ...] = Field((), max_length=8)
    keep: bool = True


class ScratchClaims(Slice):
    """The storage class `lustre`: each claim of it makes an FSx for Lustre file system, which goes with the claim."""

    zone: Zone
    deployment: Literal["SCRATCH_2", "PERSISTENT_2"] = "SCRATCH_2"
    """SCRATCH_2 keeps no second copy, for the time of a job; PERSISTENT_2 survives a failed server."""
    throughput: Literal[125, 250, 500, 1000] | None = None
    """MB/s for each TiB of a PERSISTENT_2; a SCRATCH_2 always has 200."""


class Images(Slice):
    """ECR repositories of our own, and other registries to pull through."""

    repositories: tuple[ImageName, ...] = Field(("ray-on-eks/workloads",), min_length=1)
    keep_images: Annotated[int, Field(ge=1, le=1000)] = 30
    pull_through: tuple[Literal["ecr-public", "quay", "kubernetes"], ...] = ("ecr-public", "quay", "kubernetes")
    """Registries that need no credentials, cached in this account so that a node never waits for them."""


class Storage(Slice):
    """What outlives the nodes."""

    buckets: dict[Name, Bucket] = Field(min_length=1)
    files: Files | None = None
    scratch: Scratch | None = None
    scratch_claims: ScratchClaims | None = None
    images: Images | None = None

    @property
    def keeps(self) -> bool:
        """Whether some bucket is protected from deletion."""
        return any(bucket.keep for bucket in self.buckets.values())
