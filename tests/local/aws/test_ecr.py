"""ECR in the local AWS: repositories, their rules, and pull-through caches."""

import json


def test_a_repository_keeps_scanning_immutability_key_policy_and_tags(aws) -> None:
    ecr = aws("ecr")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    made = ecr.create_repository(
        repositoryName="ray/train",
        imageScanningConfiguration={"scanOnPush": True},
        imageTagMutability="IMMUTABLE",
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key},
        tags=[{"Key": "a", "Value": "1"}],
    )["repository"]
    seen = ecr.describe_repositories(repositoryNames=["ray/train"])["repositories"][0]
    assert seen["imageTagMutability"] == "IMMUTABLE"
    assert seen["imageScanningConfiguration"] == {"scanOnPush": True}
    assert seen["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key}
    assert seen["repositoryArn"] == "arn:aws:ecr:us-west-2:123456789012:repository/ray/train"
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "a", "Value": "1"}]
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
        "action": {"type": "expire"},
    }
    text = json.dumps({"rules": [rule]})
    ecr.put_lifecycle_policy(repositoryName="ray/train", lifecyclePolicyText=text)
    seen = ecr.get_lifecycle_policy(repositoryName="ray/train")["lifecyclePolicyText"]
    assert json.loads(seen) == json.loads(text)
    ecr.put_image_tag_mutability(repositoryName="ray/train", imageTagMutability="MUTABLE")
    ecr.delete_lifecycle_policy(repositoryName="ray/train")
    with aws.refused("LifecyclePolicyNotFoundException"):
        ecr.get_lifecycle_policy(repositoryName="ray/train")
    with aws.refused("RepositoryAlreadyExistsException"):
        ecr.create_repository(repositoryName="ray/train")
    ecr.delete_repository(repositoryName="ray/train")
    with aws.refused("RepositoryNotFoundException"):
        ecr.describe_repositories(repositoryNames=["ray/train"])


def test_a_pull_through_cache_rule_is_made_found_and_removed(aws) -> None:
    ecr = aws("ecr")
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="quay", upstreamRegistryUrl="quay.io")
    seen = ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["quay"])["pullThroughCacheRules"][0]
    assert seen["upstreamRegistryUrl"] == "quay.io"
    assert seen["upstreamRegistry"] == "quay"
    assert seen["registryId"] == "123456789012"
    assert seen["upstreamRepositoryPrefix"] == "ROOT"
    with aws.refused("PullThroughCacheRuleAlreadyExistsException"):
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="quay", upstreamRegistryUrl="quay.io")
    with aws.refused("UnsupportedUpstreamRegistryException"):
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="other", upstreamRegistryUrl="example.com")
    ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="quay")
    with aws.refused("PullThroughCacheRuleNotFoundException"):
        ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["quay"])


def test_docker_hub_needs_a_secret(aws) -> None:
    ecr = aws("ecr")
    rule = {"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"}
    with aws.refused("ValidationException"):
        ecr.create_pull_through_cache_rule(**rule)
    arn = aws("secretsmanager").create_secret(Name="ecr-pullthroughcache/hub", SecretString="{}")["ARN"]
    made = ecr.create_pull_through_cache_rule(**rule, credentialArn=arn)
    assert made["credentialArn"] == arn


def test_a_creation_template_is_made_changed_and_removed(aws) -> None:
    ecr = aws("ecr")
    ecr.create_repository_creation_template(prefix="quay", appliedFor=["PULL_THROUGH_CACHE"])
    ecr.update_repository_creation_template(prefix="quay", imageTagMutability="IMMUTABLE")
    seen = ecr.describe_repository_creation_templates(prefixes=["quay"])["repositoryCreationTemplates"][0]
    assert seen["imageTagMutability"] == "IMMUTABLE"
    ecr.delete_repository_creation_template(prefix="quay")
    with aws.refused("TemplateNotFoundException"):
        ecr.delete_repository_creation_template(prefix="quay")
