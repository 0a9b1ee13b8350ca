"""Container images: our own ECR repositories, and other registries pulled through this account."""

import json

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import ecr

from infra.config.storage import Images as Settings
from infra.iam import Aws

UPSTREAMS = {
    "ecr-public": "public.ecr.aws",
    "quay": "quay.io",
    "kubernetes": "registry.k8s.io",
}
"""Registry of the stack file → its address; these three need no credentials."""


class Images(pulumi.ComponentResource):
    """The registry of a stack."""

    registry: Output[str]

    def __init__(self, name: str, settings: Settings, *, aws: Aws, opts: ResourceOptions) -> None:
        super().__init__("rayeks:infra:Images", name, None, opts)
        child = ResourceOptions(parent=self)
        # These have no name of their own to be made under: the new one would be refused, or the old one's end would
        # take it along.
        alone = ResourceOptions(parent=self, delete_before_replace=True)
        for path in settings.repositories:
            full = f"{name}/{path}"
            repository = ecr.Repository(
                full,
                name=full,
                # A tag that has been deployed never means another image.
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration={"scan_on_push": True},
                encryption_configurations=[{"encryption_type": "AES256"}],
                opts=child,
            )
            ecr.LifecyclePolicy(
                full, repository=repository.name, policy=json.dumps(lifecycle(settings.keep_images)), opts=alone
            )
        for upstream in settings.pull_through:
            ecr.PullThroughCacheRule(
                f"{name}-{upstream}",
                ecr_repository_prefix=f"{name}-{upstream}",
                upstream_registry_url=UPSTREAMS[upstream],
                opts=alone,
            )
        self.registry = Output.from_input(registry(aws))
        self.register_outputs({"registry": self.registry})


def registry(aws: Aws) -> str:
    """The address of the account's registry in its region."""
    return f"{aws.account}.dkr.ecr.{aws.region}.{aws.domain}"


def lifecycle(keep: int) -> dict:
    """Drop what no tag names after two weeks, and all but the newest images."""

    def rule(priority: int, description: str, selection: dict) -> dict:
        return {
            "rulePriority": priority,
            "description": description,
            "selection": selection,
            "action": {"type": "expire"},
        }

    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
    newest = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep}
    return {
        "rules": [
            rule(1, "Untagged images after two weeks", untagged),
            rule(2, f"All but the newest {keep} images", newest),
        ]
    }
