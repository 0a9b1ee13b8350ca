"""Everything at rest is encrypted, and what travels to it too."""

from collections.abc import Iterator

from infra.policies.core import UNKNOWN, Finding, Resource, Stack, at, differs, each, items, whole
from infra.policies.documents import denies_plain_http
from infra.policies.kinds import BUCKET, EFS, EKS, LUSTRE, NODE_CLASS, STORAGE_CLASS, TEMPLATE, holders


@whole(
    demands="every bucket encrypts with a KMS key",
    reason="S3's own key cannot be withdrawn, and nobody sees in CloudTrail who used it",
    fix="add a BucketServerSideEncryptionConfiguration with sseAlgorithm aws:kms and a key; infra/buckets.py does",
)
def buckets_are_encrypted(stack: Stack) -> Iterator[Finding]:
    settings = holders(stack, "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    for bucket in stack.of_type(BUCKET):
        rules = [rule for setting in settings(bucket) for rule in items(setting.get("rules"))]
        algorithms = {at(rule, "applyServerSideEncryptionByDefault.sseAlgorithm") for rule in rules}
        if not algorithms & {"aws:kms", "aws:kms:dsse", UNKNOWN}:
            yield Finding("has no encryption with a KMS key", bucket)


@whole(
    demands="every bucket refuses requests that do not come over TLS",
    reason="S3 answers plain HTTP too, and a client that is set wrongly would send data and signatures in the clear",
    fix="add a BucketPolicy that denies aws:SecureTransport false; infra/buckets.py does",
)
def buckets_refuse_plain_http(stack: Stack) -> Iterator[Finding]:
    policies = holders(stack, "aws:s3/bucketPolicy:BucketPolicy")
    for bucket in stack.of_type(BUCKET):
        documents = [policy.get("policy") for policy in policies(bucket)]
        if UNKNOWN not in documents and not any(denies_plain_http(document) for document in documents):
            yield Finding("has no policy that denies requests without TLS", bucket)


@each(
    EFS,
    LUSTRE,
    demands="every file system is encrypted",
    reason="encryption of a file system is decided for ever when it is made",
    fix="set encrypted on EFS, and kmsKeyId on both",
)
def file_systems_are_encrypted(resource: Resource, environment: str) -> Iterator[str]:
    if resource.type == EFS and differs(resource.get("encrypted"), True):
        yield "is not encrypted"
    if resource.get("kmsKeyId") is None:
        yield "has no KMS key of its own"


@each(
    TEMPLATE,
    NODE_CLASS,
    STORAGE_CLASS,
    "aws:ebs/volume:Volume",
    demands="every volume is encrypted: of nodes, of claims, and those made by hand",
    reason="Ray spills objects and caches data sets on its nodes' disks",
    fix="set ebs.encrypted on each block device, and parameters.encrypted on the storage class",
)
def volumes_are_encrypted(resource: Resource, environment: str) -> Iterator[str]:
    match resource.type:
        case "aws:ebs/volume:Volume":
            if differs(resource.get("encrypted"), True):
                yield "is not encrypted"
        case "kubernetes:storage.k8s.io/v1:StorageClass":
            yield from _class(resource)
        case _:
            path = "blockDeviceMappings" if resource.type == TEMPLATE else "spec.blockDeviceMappings"
            devices = resource.get(path)
            if not items(devices) and devices is not UNKNOWN:
                yield "says nothing of its volumes, so they are as the machine image says"
            for device in items(devices):
                if at(device, "ebs") is not None and differs(at(device, "ebs.encrypted"), True):
                    yield f"{at(device, 'deviceName')} is not encrypted"


def _class(resource: Resource) -> Iterator[str]:
    match resource.get("provisioner"):
        case "ebs.csi.aws.com":
            if differs(resource.get("parameters.encrypted"), "true"):
                yield "makes volumes that are not encrypted"
        case "efs.csi.aws.com":
            options = resource.get("mountOptions")
            if options is not UNKNOWN and "tls" not in items(options):
                yield "mounts folders without TLS"
        case "fsx.csi.aws.com":
            # FSx encrypts a SCRATCH file system by a key of its own, and takes no other.
            keeps = str(resource.get("parameters.deploymentType") or "SCRATCH_1").startswith("PERSISTENT")
            if keeps and resource.get("parameters.kmsKeyId") is None:
                yield "makes file systems without a KMS key of the stack"


@each(
    EKS,
    demands="Kubernetes' secrets are encrypted with the stack's own key",
    reason="who can use the key is then said in the account, and a copy of etcd says nothing",
    fix="give the cluster encryptionConfig with resources [secrets] and the ARN of a key",
)
def cluster_secrets_are_encrypted(resource: Resource, environment: str) -> Iterator[str]:
    covered = resource.get("encryptionConfig.resources")
    if covered is not UNKNOWN and "secrets" not in items(covered):
        yield "does not encrypt secrets with a key of the stack"


@each(
    "aws:kms/key:Key",
    demands="every KMS key rotates",
    reason="a key that leaked then opens only what was written in its year",
    fix="set enableKeyRotation",
)
def keys_rotate(resource: Resource, environment: str) -> Iterator[str]:
    asymmetric = differs(resource.get("customerMasterKeySpec"), None, "SYMMETRIC_DEFAULT")
    if not asymmetric and differs(resource.get("enableKeyRotation"), True):
        yield "does not rotate"


@each(
    "aws:sqs/queue:Queue",
    demands="every queue is encrypted",
    reason="interruption notices name instances and accounts",
    fix="set sqsManagedSseEnabled, or a kmsMasterKeyId",
)
def queues_are_encrypted(resource: Resource, environment: str) -> Iterator[str]:
    if resource.get("kmsMasterKeyId") is None and differs(resource.get("sqsManagedSseEnabled"), True):
        yield "is not encrypted"
