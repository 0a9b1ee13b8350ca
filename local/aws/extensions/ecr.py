"""ECR: pull-through cache rules and the templates of the repositories that they make."""

from datetime import UTC, datetime
from typing import Any

from local.aws.moto import Call, Fault, Service, State, paged

ecr = Service("ecr", invalid="InvalidParameterException")

Document = dict[str, Any]
# Registries that ECR pulls from, and whether they want credentials.
UPSTREAMS = {
    "public.ecr.aws": ("ecr-public", False),
    "quay.io": ("quay", False),
    "registry.k8s.io": ("k8s", False),
    "registry-1.docker.io": ("docker-hub", True),
    "ghcr.io": ("github-container-registry", True),
    "registry.gitlab.com": ("gitlab-container-registry", True),
    "cgr.dev": ("chainguard", True),
}


class Cache(State):
    """Rules and templates by prefix."""

    service = "ecr"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.rules: dict[str, Document] = {}
        self.templates: dict[str, Document] = {}


@ecr
def create_pull_through_cache_rule(call: Call, request: Document) -> Document:
    """Cache an upstream registry under a prefix."""
    rules, prefix, url = call.state(Cache).rules, request["ecrRepositoryPrefix"], request["upstreamRegistryUrl"]
    if prefix in rules:
        raise Fault(
            "PullThroughCacheRuleAlreadyExistsException",
            f"A pull through cache rule with the repository prefix '{prefix}' already exists.",
        )
    known, secret = UPSTREAMS.get(url, (None, False))
    if url.endswith(".amazonaws.com") and ".dkr.ecr." in url:
        known = "ecr"
    elif url.endswith(".azurecr.io"):
        known, secret = "azure-container-registry", True
    if known is None:
        raise Fault("UnsupportedUpstreamRegistryException", f"The upstream registry '{url}' is not supported.")
    if secret:
        _secret(call, request.get("credentialArn"))
    rules[prefix] = {
        "ecrRepositoryPrefix": prefix,
        "upstreamRegistryUrl": url,
        "upstreamRegistry": request.get("upstreamRegistry") or known,
        "createdAt": datetime.now(UTC),
        "updatedAt": datetime.now(UTC),
        "registryId": call.account,
        "credentialArn": request.get("credentialArn"),
        "customRoleArn": request.get("customRoleArn"),
        "upstreamRepositoryPrefix": request.get("upstreamRepositoryPrefix") or "ROOT",
    }
    return rules[prefix]


@ecr
def describe_pull_through_cache_rules(call: Call, request: Document) -> Document:
    """Rules, all or by prefix."""
    prefixes = request.get("ecrRepositoryPrefixes")
    rules = [_rule(call, prefix) for prefix in prefixes or call.state(Cache).rules]
    page, token = paged(rules, request)
    return {"pullThroughCacheRules": page, "nextToken": token}


@ecr
def update_pull_through_cache_rule(call: Call, request: Document) -> Document:
    """Change the credentials."""
    rule = _rule(call, request["ecrRepositoryPrefix"])
    if request.get("credentialArn"):
        _secret(call, request["credentialArn"])
    for key in ("credentialArn", "customRoleArn"):
        if request.get(key):
            rule[key] = request[key]
    rule["updatedAt"] = datetime.now(UTC)
    return rule


@ecr
def validate_pull_through_cache_rule(call: Call, request: Document) -> Document:
    """A rule's upstream could be reached: nothing leaves this machine, so the answer is about its form."""
    return _rule(call, request["ecrRepositoryPrefix"]) | {"isValid": True}


@ecr
def delete_pull_through_cache_rule(call: Call, request: Document) -> Document:
    """Stop caching; what was pulled stays."""
    rule = _rule(call, request["ecrRepositoryPrefix"])
    return call.state(Cache).rules.pop(rule["ecrRepositoryPrefix"])


@ecr
def create_repository_creation_template(call: Call, request: Document) -> Document:
    """Say how repositories under a prefix are made."""
    templates, prefix = call.state(Cache).templates, request["prefix"]
    if prefix in templates:
        raise Fault("TemplateAlreadyExistsException", f"A template with the prefix '{prefix}' already exists.")
    kept = {key: value for key, value in request.items() if value is not None}
    templates[prefix] = {
        "imageTagMutability": "MUTABLE",
        "encryptionConfiguration": {"encryptionType": "AES256"},
        **kept,
        "createdAt": datetime.now(UTC),
        "updatedAt": datetime.now(UTC),
    }
    return {"registryId": call.account, "repositoryCreationTemplate": templates[prefix]}


@ecr
def describe_repository_creation_templates(call: Call, request: Document) -> Document:
    """Templates, all or by prefix."""
    found = [_template(call, prefix) for prefix in request.get("prefixes") or call.state(Cache).templates]
    page, token = paged(found, request)
    return {"registryId": call.account, "repositoryCreationTemplates": page, "nextToken": token}


@ecr
def update_repository_creation_template(call: Call, request: Document) -> Document:
    """Change a template."""
    template = _template(call, request["prefix"])
    template |= {key: value for key, value in request.items() if value is not None} | {"updatedAt": datetime.now(UTC)}
    return {"registryId": call.account, "repositoryCreationTemplate": template}


@ecr
def delete_repository_creation_template(call: Call, request: Document) -> Document:
    """Remove a template."""
    template = _template(call, request["prefix"])
    del call.state(Cache).templates[request["prefix"]]
    return {"registryId": call.account, "repositoryCreationTemplate": template}


def _rule(call: Call, prefix: str) -> Document:
    found = call.state(Cache).rules.get(prefix)
    if found is None:
        raise Fault(
            "PullThroughCacheRuleNotFoundException",
            f"The pull through cache rule with the repository prefix '{prefix}' does not exist.",
        )
    return found


def _template(call: Call, prefix: str) -> Document:
    found = call.state(Cache).templates.get(prefix)
    if found is None:
        raise Fault("TemplateNotFoundException", f"The template with the prefix '{prefix}' does not exist.")
    return found


def _secret(call: Call, arn: str | None) -> None:
    if not arn or ":secret:ecr-pullthroughcache/" not in arn:
        raise Fault("ValidationException", "This upstream needs a secret whose name begins with ecr-pullthroughcache/.")
    secrets = call.backend("secretsmanager").secrets.values()
    if arn not in {secret.arn for secret in secrets}:
        raise Fault("SecretNotFoundException", f"The secret {arn} does not exist.")
