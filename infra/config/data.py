"""Databases and data lakes outside the stack that its jobs may read, named once and granted by team."""

from typing import Annotated, Literal

from pydantic import Field

from infra.config.base import KeyArn, Name, SecretArn, Slice

SecurityGroupId = Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Exact = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@+:/-]{1,127}$")]
"""A name that ends up in an ARN: in IAM, `*`, `?` and `$` would stand for more than it says."""


class S3Source(Slice):
    """Folders of a bucket that somebody else owns."""

    kind: Literal["s3"]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefixes: tuple[Annotated[str, Field(pattern=r"^[^/*?$][^*?$]*$|^$", max_length=512)], ...] = Field(min_length=1)
    """`["raw/", "curated/"]`; the whole bucket is `[""]`."""
    key_arn: KeyArn | None = None
    """The KMS key of the bucket, where it has one of its own."""


class GlueSource(Slice):
    """A database of the Glue catalogue, queried by Athena."""

    kind: Literal["glue"]
    database: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,255}$")]
    workgroup: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")] = "primary"


class RedshiftSource(Slice):
    """A Redshift cluster, through the Data API and temporary credentials of one database user."""

    kind: Literal["redshift"]
    cluster: Name
    database: Exact
    user: Exact


class RdsSource(Slice):
    """An RDS or Aurora database: IAM authentication, a way through its security group, an optional secret."""

    kind: Literal["rds"]
    resource_id: Annotated[str, Field(pattern=r"^(db|cluster)-[A-Z0-9]{10,60}$")]
    """The DbiResourceId or DbClusterResourceId, which IAM authentication names the database by."""
    user: Exact
    port: Port = 5432
    security_group: SecurityGroupId
    secret_arn: SecretArn | None = None


DataSource = Annotated[S3Source | GlueSource | RedshiftSource | RdsSource, Field(discriminator="kind")]
