"""What cannot be made again is not lost by a word in a file."""

from collections.abc import Iterator

from infra.policies.core import (
    IN_PROD,
    UNKNOWN,
    WHERE_IT_COUNTS,
    Finding,
    Resource,
    Stack,
    differs,
    each,
    is_true,
    items,
    whole,
)
from infra.policies.kinds import BUCKET, EFS, EKS, KEY, LUSTRE, holders


@each(
    BUCKET,
    EFS,
    LUSTRE,
    KEY,
    demands="in prod, whatever holds data is protected from deletion",
    reason="a section that is renamed, or a tear-down of the wrong stack, would take the data with it",
    fix="leave `keep` true in the stack file; who really wants it gone turns it off first, in a change of its own",
    severity=IN_PROD,
)
def data_is_protected(resource: Resource, environment: str) -> Iterator[str]:
    if not resource.protect:
        yield "is not protected"
    if is_true(resource.get("forceDestroy")):
        yield "is emptied when it is deleted"


@each(
    EKS,
    demands="prod's cluster is protected from deletion, by AWS and by Pulumi",
    reason="with the cluster go its volumes, its load balancers and every job that runs",
    fix="set cluster.deletion_protection",
    severity=IN_PROD,
)
def cluster_is_protected(resource: Resource, environment: str) -> Iterator[str]:
    if differs(resource.get("deletionProtection"), True):
        yield "AWS would delete it when asked"
    if not resource.protect:
        yield "Pulumi would delete it when asked"


@whole(
    demands="buckets keep what is overwritten",
    reason="a job that writes to the wrong prefix is undone by versions, and by nothing else",
    fix="add a BucketVersioning with status Enabled; infra/buckets.py does",
    severity=WHERE_IT_COUNTS,
)
def buckets_keep_versions(stack: Stack) -> Iterator[Finding]:
    settings = holders(stack, "aws:s3/bucketVersioning:BucketVersioning")
    for bucket in stack.of_type(BUCKET):
        found = [setting.get("versioningConfiguration.status") for setting in settings(bucket)]
        if not {"Enabled", UNKNOWN} & set(found):
            yield Finding("keeps no versions", bucket)


@whole(
    demands="prod's home folders are backed up",
    reason="EFS has no versions: what is deleted there is gone",
    fix="leave storage.files.backups true",
    severity=IN_PROD,
)
def files_are_backed_up(stack: Stack) -> Iterator[Finding]:
    policies = holders(stack, "aws:efs/backupPolicy:BackupPolicy", "fileSystemId")
    for system in stack.of_type(EFS):
        found = [policy.get("backupPolicy.status") for policy in policies(system)]
        if not {"ENABLED", UNKNOWN} & set(items(found)):
            yield Finding("is not backed up", system)


@each(
    KEY,
    demands="a key that was deleted can be brought back for two weeks in prod",
    reason="without the key everything that it encrypted is noise",
    fix="set deletionWindowInDays to 14 or more",
    severity=IN_PROD,
)
def keys_wait_before_they_go(resource: Resource, environment: str) -> Iterator[str]:
    days = resource.get("deletionWindowInDays")
    if isinstance(days, int | float) and days < 14:
        yield f"is gone {days:.0f} days after its deletion"
