"""A permissions boundary on every IAM role of the stack, those that components of others make included."""

from collections.abc import Mapping

import pulumi
from pulumi import ResourceTransformArgs, ResourceTransformResult

from infra.iam import Aws


def bound(policy: str, *, aws: Aws) -> None:
    """Give every role that is registered from here on this policy of the account as its boundary."""
    arn = aws.policy(policy)

    def transform(args: ResourceTransformArgs) -> ResourceTransformResult | None:
        if args.type_ != "aws:iam/role:Role" or not isinstance(args.props, Mapping):
            return None
        return ResourceTransformResult(props={**args.props, "permissionsBoundary": arn}, opts=args.opts)

    pulumi.runtime.register_resource_transform(transform)
