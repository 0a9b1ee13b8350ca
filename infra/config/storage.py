"""Sizes and choices of what outlives the nodes."""

from typing import Annotated

from pydantic import Field

from infra.config.base import Name, Slice

Days = Annotated[int, Field(ge=1, le=3650)]


class Bucket(Slice):
    """One S3 bucket: versioned, encrypted, private, TLS only."""

    expire_days: Days | None = None
    """Delete objects of this age; leave it out to keep them."""
    noncurrent_days: Days = 30
    """Keep overwritten and deleted versions for so long."""
    keep: bool = True
    """Protect the bucket from deletion. Where it is false, `destroy` empties it first."""


class Storage(Slice):
    """What outlives the nodes."""

    buckets: dict[Name, Bucket] = Field(min_length=1)
