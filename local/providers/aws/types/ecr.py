"""ECR: repositories, their lifecycle policies, and other registries pulled through."""

import json
from typing import Any

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import Call, Change, Naming, Resource, Tagging


def _repository(operation: Operation) -> dict[str, Any] | None:
    found = operation.call("DescribeRepositories", {"repositoryNames": [operation.id]})["repositories"]
    return found[0] if found else None


def _lifecycle(operation: Operation) -> dict[str, Any]:
    found = operation.call("GetLifecyclePolicy", {"repositoryName": operation.id})
    return {**found, "repository": found["repositoryName"], "policy": found["lifecyclePolicyText"]}


def _cache_rule(operation: Operation) -> dict[str, Any] | None:
    found = operation.call("DescribePullThroughCacheRules", {"ecrRepositoryPrefixes": [operation.id]})
    return next(iter(found.get("pullThroughCacheRules") or ()), None)


def _same_text(shown: dict[str, Any], operation: Operation) -> None:
    """The policy in the program's words where it means the same: AWS keeps it as it likes."""
    wanted = (operation.inputs or operation.state).get("policy")
    if isinstance(wanted, str) and json.loads(wanted) == json.loads(shown["policy"]):
        shown["policy"] = wanted


REPOSITORY = Resource(
    token="aws:ecr/repository:Repository",
    service="ecr",
    id="{name}",
    create=Call(
        "CreateRepository", {"repositoryName": "{name}", "encryptionConfiguration": "{encryptionConfigurations}"}
    ),
    reads=(_repository, Call("ListTagsForResource", {"resourceArn": "{repositoryArn}"}, "{Tags: tags}")),
    changes=(
        Change(
            "imageTagMutability imageTagMutabilityExclusionFilters",
            Call("PutImageTagMutability", {"repositoryName": "{id}"}),
        ),
        Change("imageScanningConfiguration", Call("PutImageScanningConfiguration", {"repositoryName": "{id}"})),
    ),
    delete=(Call("DeleteRepository", {"repositoryName": "{id}", "force": "{forceDelete}"}),),
    replaces=words("name encryptionConfigurations"),
    kept=words("forceDelete"),
    computed=words("encryptionConfigurations imageScanningConfiguration"),
    defaults={"imageTagMutability": "MUTABLE", "forceDelete": False},
    cleared={"imageTagMutabilityExclusionFilters": None},
    names={
        "name": "repositoryName",
        "arn": "repositoryArn",
        "repositoryUrl": "repositoryUri",
        "encryptionConfigurations": "encryptionConfiguration",
        "encryptionConfigurations.encryptionType": "encryptionType",
        "encryptionConfigurations.kmsKey": "kmsKey",
    },
    naming=Naming(longest=256, lower=True),
    tagging=Tagging(
        create={"tags": "{tagsAll}"},
        add=Call("TagResource", {"resourceArn": "{arn}", "tags": "{newTags}"}),
        remove=Call("UntagResource", {"resourceArn": "{arn}", "tagKeys": "{tagKeys}"}),
    ),
)

LIFECYCLE_POLICY = Resource(
    token="aws:ecr/lifecyclePolicy:LifecyclePolicy",
    service="ecr",
    id="{repository}",
    create=Call(
        "PutLifecyclePolicy", {"repositoryName": "{repository}", "lifecyclePolicyText": "{policy}"}, "{name: null}"
    ),
    reads=(_lifecycle,),
    delete=(Call("DeleteLifecyclePolicy", {"repositoryName": "{id}"}),),
    replaces=words("repository policy"),
    documents=words("policy"),
    shown=_same_text,
)

PULL_THROUGH_CACHE_RULE = Resource(
    token="aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
    service="ecr",
    id="{ecrRepositoryPrefix}",
    create=Call("CreatePullThroughCacheRule"),
    reads=(_cache_rule,),
    changes=(
        Change("credentialArn customRoleArn", Call("UpdatePullThroughCacheRule", {"ecrRepositoryPrefix": "{id}"})),
    ),
    delete=(Call("DeletePullThroughCacheRule", {"ecrRepositoryPrefix": "{id}"}),),
    replaces=words("ecrRepositoryPrefix upstreamRegistryUrl upstreamRepositoryPrefix"),
    computed=words("upstreamRepositoryPrefix"),
    cleared={"credentialArn": None, "customRoleArn": None},
)

TYPES = (REPOSITORY, LIFECYCLE_POLICY, PULL_THROUGH_CACHE_RULE)
