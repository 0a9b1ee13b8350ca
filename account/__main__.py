"""One AWS account before its first stack: where state lies, and which pipelines may look and deploy."""

import pulumi

from infra.account import GitHub, Pipelines, State
from infra.account_iam import secrets_provider
from infra.config.account import load

account = load()
aws = account.aws

state = State(account.state, aws=aws)
github = GitHub()
pipelines = {
    stack: Pipelines(stack, name, repository=account.repository, github=github, aws=aws)
    for stack, name in account.stacks.items()
}

pulumi.export("backend", pulumi.Output.concat("s3://", state.bucket, f"?region={aws.region}"))
pulumi.export("secrets_provider", secrets_provider(aws.region))
pulumi.export("roles", {stack: each.roles for stack, each in pipelines.items()})
