"""Account-wide settings of EC2 that clients read before they create anything."""

from local.aws.extensions.ec2.service import Document, ec2
from local.aws.moto import Call


@ec2
def get_ebs_default_kms_key_id(call: Call, request: Document) -> Document:
    """The key of volumes that name none: the service's own."""
    return {"KmsKeyId": "alias/aws/ebs"}


@ec2
def get_instance_metadata_defaults(call: Call, request: Document) -> Document:
    """The account's defaults for instance metadata: none are set."""
    return {"AccountLevel": {}}


@ec2
def get_snapshot_block_public_access_state(call: Call, request: Document) -> Document:
    """Whether snapshots may be shared with everybody."""
    return {"State": "unblocked", "ManagedBy": "account"}


@ec2
def get_allowed_images_settings(call: Call, request: Document) -> Document:
    """Whether only images of certain providers may be used."""
    return {"State": "disabled", "ImageCriteria": [], "ManagedBy": "account"}
