"""IAM roles as components take them: one role with its policies, and a role for one service account's pods."""

import json
from collections.abc import Mapping, Sequence

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import eks, iam

from infra.iam import Aws, Document, pod_identity_trust


class Role(pulumi.ComponentResource):
    """An IAM role with managed and inline policies. `depends_on=[role]` waits for every policy to be attached."""

    arn: Output[str]
    name: Output[str]

    def __init__(
        self,
        name: str,
        *,
        trust: Document,
        managed: Sequence[str] = (),
        policies: Mapping[str, Input[str]] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """`managed` are policy ARNs; `policies` maps a name to a JSON document."""
        super().__init__("rayeks:infra:Role", name, None, opts)
        child = ResourceOptions(parent=self)
        role = iam.Role(name, name=name, assume_role_policy=json.dumps(trust), opts=child)
        for arn in managed:
            policy = arn.rsplit("/", 1)[-1]
            iam.RolePolicyAttachment(f"{name}-{policy}", role=role.name, policy_arn=arn, opts=child)
        for purpose, document in (policies or {}).items():
            iam.RolePolicy(f"{name}-{purpose}", name=purpose, role=role.name, policy=document, opts=child)
        self.arn, self.name = role.arn, role.name
        self.register_outputs({"arn": self.arn})


class PodRole(pulumi.ComponentResource):
    """A role that the pods of one service account hold through EKS Pod Identity, and no other pod can assume."""

    arn: Output[str]

    def __init__(
        self,
        name: str,
        *,
        aws: Aws,
        cluster: str,
        made: Input[str],
        namespace: str,
        service_account: str,
        managed: Sequence[str] = (),
        policies: Mapping[str, Input[str]] | None = None,
        after: Sequence[pulumi.Resource],
        opts: ResourceOptions | None = None,
    ) -> None:
        """`made` is the name of the cluster once it exists and `after` what the association waits for besides.

        The role itself waits for nothing.
        """
        super().__init__("rayeks:infra:PodRole", name, None, opts)
        role = Role(
            name,
            trust=pod_identity_trust(aws, cluster, namespace, service_account),
            managed=managed,
            policies=policies,
            opts=ResourceOptions(parent=self),
        )
        eks.PodIdentityAssociation(
            name,
            cluster_name=made,
            namespace=namespace,
            service_account=service_account,
            role_arn=role.arn,
            opts=ResourceOptions(parent=self, depends_on=[*after, role]),
        )
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})
