"""What a team's pods may do in AWS, by the service account that they run as. Pure functions.

Drivers and Ray Train's controllers run on the head, tasks and actors on workers: a run's state and its models are the
head's to write, its data the workers'.
"""

from collections.abc import Mapping
from typing import Literal

from infra import contract, iam
from infra.iam import Aws, Document, allow

Access = Literal["read", "write"]

ACCESS: dict[str, dict[str, Access]] = {
    contract.HEAD_ACCOUNT: {"artifacts": "write", "checkpoints": "write", "datasets": "read", "logs": "write"},
    contract.WORKER_ACCOUNT: {"artifacts": "read", "checkpoints": "write", "datasets": "write", "logs": "write"},
    contract.SERVE_ACCOUNT: {"artifacts": "read", "logs": "write"},
    contract.NOTEBOOK_ACCOUNT: {"artifacts": "write", "checkpoints": "write", "datasets": "write", "logs": "read"},
}
"""Service account → what it may do with its team's prefix of each bucket; to write is to read as well."""

OTHER = "datasets"
"""A bucket of a name that is not above is used as this one is."""

READERS = (contract.HEAD_ACCOUNT, contract.WORKER_ACCOUNT, contract.NOTEBOOK_ACCOUNT)
"""Who reads the team's data sources: Ray Data plans reads on the head and runs them on workers; Serve reads none."""

BUCKETS = frozenset(bucket for access in ACCESS.values() for bucket in access)


def access(account: str, bucket: str) -> Access | None:
    """What pods of a service account may do with a bucket, by the bucket's name in the stack file."""
    return ACCESS[account].get(bucket if bucket in BUCKETS else OTHER)


def policies(
    account: str, *, aws: Aws, cluster: str, namespace: str, buckets: Mapping[str, str], sources: list[iam.Statement]
) -> dict[str, Document]:
    """Policy name → document of a service account's role.

    `buckets` are physical names by their names in the stack file, `sources` what reading the team's data sources takes.
    """
    granted = {physical: access(account, bucket) for bucket, physical in buckets.items()}
    found = {}
    if any(granted.values()):
        reads = [physical for physical, given in granted.items() if given]
        writes = [physical for physical, given in granted.items() if given == "write"]
        found["buckets"] = _buckets(aws, cluster, namespace, reads, writes)
    if sources and account in READERS:
        found["data-sources"] = iam.document(*sources)
    return found


def _buckets(aws: Aws, cluster: str, namespace: str, reads: list[str], writes: list[str]) -> Document:
    """One namespace's own prefix of each bucket, and no other."""
    arns = [aws.bucket(bucket) for bucket in reads]
    own = {"StringLike": {"s3:prefix": [namespace, f"{namespace}/*"]}}
    statements = [
        allow("ListOwnPrefix", ["s3:ListBucket"], arns, own),
        allow("LocateBuckets", ["s3:GetBucketLocation"], arns),
        allow("ReadOwnObjects", ["s3:GetObject"], [f"{arn}/{namespace}/*" for arn in arns]),
    ]
    if writes:
        statements.append(
            allow(
                "WriteOwnObjects",
                ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                [f"{aws.bucket(bucket)}/{namespace}/*" for bucket in writes],
            )
        )
    return iam.document(*statements, iam.use_data_key(aws, cluster, write=bool(writes)))
