"""Tags across services: what the Resource Groups Tagging API finds, with the services that are not moto's."""

from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource, iter_taggable_backends
from moto.resourcegroupstaggingapi import models

from local.aws.extensions.budgets import Budgets
from local.aws.extensions.efs.systems import Efs
from local.aws.extensions.eks.others import resources
from local.aws.extensions.eks.service import Eks
from local.aws.extensions.fsx.lustre import Fsx
from local.aws.moto import Call, override


class Extensions:
    """What this project's services hold, in the form that moto's tagging API asks its own backends for."""

    def __init__(self, account: str, region: str) -> None:
        self.call = Call(account, region, "aws", "eks")

    def iter_tagged_resources(self) -> Iterator[Any]:
        """Everything with its tags."""
        for arn, kind, tags in self._items():
            yield TaggedResource(arn=arn, tags=_plain(tags), resource_type=kind)

    def owns_arn(self, arn: str) -> bool:
        """Whether a thing is ours."""
        return any(known == arn for known, _, _ in self._items())

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        """Add tags to a thing of ours."""
        self._change(arn, lambda held: held | tags)

    def untag_resource(self, arn: str, tag_keys: list[str]) -> None:
        """Take tags from a thing of ours."""
        self._change(arn, lambda held: {key: value for key, value in held.items() if key not in tag_keys})

    def _change(self, arn: str, change: Any) -> None:
        for known, _, tags in self._items():
            if known != arn:
                continue
            wanted = change(_plain(tags))
            if isinstance(tags, dict):
                tags.clear()
                tags.update(wanted)
            else:
                tags[:] = [{"Key": key, "Value": value} for key, value in wanted.items()]

    def _items(self) -> Iterator[tuple[str, str, Any]]:
        for cluster in self.call.state(Eks).clusters.values():
            for arn, item in resources(cluster):
                yield arn, f"eks:{arn.split(':')[5].split('/')[0]}", item["tags"]
        for system in self.call.state(Efs).systems.values():
            yield system["FileSystemArn"], "elasticfilesystem:file-system", system["Tags"]
        for point in self.call.state(Efs).points.values():
            yield point["AccessPointArn"], "elasticfilesystem:access-point", point["Tags"]
        for system in self.call.state(Fsx).systems.values():
            yield system["ResourceARN"], "fsx:file-system", system["Tags"]
        for association in self.call.state(Fsx).associations.values():
            yield association["ResourceARN"], "fsx:association", association["Tags"]
        for arn, tags in self.call.state(Budgets).tags.items():
            yield arn, "budgets:budget", tags


def patch() -> None:
    """Let the tagging API see both moto's services and ours."""

    def both(account: str, region: str) -> Iterator[Any]:
        # Ours first: moto's own backends claim every ARN of their service.
        yield Extensions(account, region)
        yield from iter_taggable_backends(account, region)

    override(models, "iter_taggable_backends", both)


def tagged_resources(call: Call) -> Iterator[Any]:
    """Everything with tags in the account, in all regions that hold something."""
    regions = {call.region, *call.at("ec2").regions()}
    for region in regions:
        for backend in models.iter_taggable_backends(call.account, region):
            yield from backend.iter_tagged_resources()


def _plain(tags: Any) -> dict[str, str]:
    if isinstance(tags, dict):
        return dict(tags)
    return {tag["Key"]: tag["Value"] for tag in tags}
