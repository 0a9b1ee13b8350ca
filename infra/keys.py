"""The key of a stack's data at rest: buckets, file systems and log groups, so that one policy says who reads them."""

import json

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import kms

from infra import iam
from infra.iam import Aws


class DataKey(pulumi.ComponentResource):
    """The stack's data key and its alias, by which roles name it."""

    arn: Output[str]

    def __init__(self, name: str, *, keep: bool, bill: bool, aws: Aws) -> None:
        """`keep` protects the key with the data that it opens; `bill` lets AWS deliver the bill under it."""
        super().__init__("rayeks:infra:DataKey", name)
        key = kms.Key(
            f"{name}-data",
            description=f"Data at rest of {name}: buckets, file systems and logs",
            enable_key_rotation=True,
            deletion_window_in_days=30 if keep else 7,
            policy=json.dumps(iam.data_key(aws, name, bill=bill)),
            opts=ResourceOptions(parent=self, protect=keep),
        )
        kms.Alias(
            f"{name}-data", name=iam.data_key_alias(name), target_key_id=key.key_id, opts=ResourceOptions(parent=self)
        )
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})
