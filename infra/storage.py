"""What outlives the nodes: buckets, shared files, scratch and images."""

import pulumi
from pulumi import Output, ResourceOptions

from infra.buckets import Bucket, bucket_name
from infra.config.storage import Storage as Settings
from infra.filesystems import Files, Scratch, ScratchClaims
from infra.iam import Aws
from infra.images import Images
from infra.keys import DataKey
from infra.network import Network


class Storage(pulumi.ComponentResource):
    """The storage of a stack; what is absent from the stack file is None here."""

    buckets: dict[str, Output[str]]
    """Purpose → bucket name."""
    files: Files | None = None
    scratch: Scratch | None = None
    scratch_claims: ScratchClaims | None = None
    registry: Output[str] | None = None
    """The registry that images are pushed to and pulled from."""

    def __init__(self, name: str, settings: Settings, *, network: Network, key: DataKey, aws: Aws) -> None:
        super().__init__("rayeks:infra:Storage", name)
        child = ResourceOptions(parent=self)
        self.buckets = {
            purpose: Bucket(bucket_name(name, purpose, aws), bucket, key_arn=key.arn, aws=aws, opts=child).name
            for purpose, bucket in settings.buckets.items()
        }
        if settings.files:
            self.files = Files(name, settings.files, network=network, key_arn=key.arn, opts=child)
        if settings.scratch:
            self.scratch = Scratch(
                name, settings.scratch, network=network, buckets=self.buckets, key_arn=key.arn, opts=child
            )
        if settings.scratch_claims:
            self.scratch_claims = ScratchClaims(name, settings.scratch_claims, network=network, opts=child)
        if settings.images:
            self.registry = Images(name, settings.images, aws=aws, opts=child).registry
        self.register_outputs({})
