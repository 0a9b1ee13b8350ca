"""What a person may change in a stack: pieces of its file and of its program, and what must be replaced by each."""

from dataclasses import dataclass, field

MORE = """

import pulumi_aws as more
from pulumi import Alias, ComponentResource, ResourceOptions


class Pair(ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("test:more:Pair", name, None, opts)
        self.role = more.iam.Role(
            f"{name}-role",
            name="more-role",
            assume_role_policy=__import__("json").dumps(
                {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
            ),
            opts=ResourceOptions(parent=self),
        )
        more.iam.RolePolicyAttachment(
            f"{name}-read", role=self.role.name, policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess",
            opts=ResourceOptions(parent=self),
        )


pair = Pair("pair")
auto = more.sqs.Queue("auto", sqs_managed_sse_enabled=True, message_retention_seconds=300)
fixed = more.sqs.Queue("fixed", name="more-fixed", sqs_managed_sse_enabled=True, message_retention_seconds=300)
watched = more.sqs.Queue("watched", name="more-watched", sqs_managed_sse_enabled=True, tags={"of": auto.name})
reader = more.sqs.QueuePolicy("reader", queue_url=auto.url, policy=auto.arn.apply(lambda arn: __import__("json").dumps(
    {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sqs:SendMessage", "Resource": arn}]}
)))
"""
"""Resources of the test's own after the program's: for options and relations that the program has no use for."""

FIRST = "platform = load()\n"


def transform(kind: str, change: str, name: str = "") -> tuple[str, str]:
    """An edit of the program: a transform that changes `props` (and `opts`) of the resources of a type."""
    which = f"args.type_ == {kind!r}" + (f" and args.name == {name!r}" if name else "")
    code = (
        "import pulumi\n\n\n"
        "def edited(args):\n"
        "    props, opts = dict(args.props), args.opts\n"
        f"    if {which}:\n"
        f"        {change}\n"
        "        return pulumi.ResourceTransformResult(props, opts)\n"
        "    return None\n\n\n"
        "pulumi.runtime.register_resource_transform(edited)\n"
    )
    return FIRST, code + FIRST


@dataclass(frozen=True)
class Edit:
    """What a person changes: pieces of the stack file, pieces of the program."""

    name: str
    file: tuple[tuple[str, str], ...] = ()
    program: tuple[tuple[str, str], ...] = ()
    replaces: bool = field(default=False, kw_only=True)
    changes: bool = field(default=True, kw_only=True)
    """Whether something must be replaced, and whether anything must change, so that nobody agrees on nothing."""


EDITS = [
    Edit("nothing", changes=False),
    Edit("a default tag", (("managed-by: ray-on-eks", "managed-by: ray-on-eks\n      owner: platform"),)),
    Edit("another cidr", (("cidr: 10.20.0.0/16", "cidr: 10.40.0.0/16"),), replaces=True),
    Edit("a NAT gateway in each zone", (("nat: single", "nat: per_zone"),)),
    Edit("no way out", (("nat: single", "nat: none\n      interface_endpoints: private"),)),
    Edit("an endpoint less", (("[s3, dynamodb]", "[s3]"),)),
    Edit("flow logs kept longer", (("flow_logs: { retention_days: 1 }", "flow_logs: { retention_days: 3 }"),)),
    Edit("all traffic logged", (("flow_logs: { ", "flow_logs: { traffic: ALL, "),), replaces=True),
    Edit("a narrower endpoint", (("[0.0.0.0/0]", "[203.0.113.0/24]"),)),
    Edit("zonal shift", (("public_access_cidrs", "zonal_shift: true\n      public_access_cidrs"),)),
    Edit(
        "other services' addresses",
        (("public_access_cidrs", "service_cidr: 172.21.0.0/16\n      public_access_cidrs"),),
        replaces=True,
    ),
    Edit("the next Kubernetes", (('version: "1.35"', 'version: "1.36"'),)),
    Edit("another administrator", (("AdministratorAccess_0123456789abcdef", "Other_0123456789abcdef"),), replaces=True),
    Edit("another type of node", (("instance_types: [m7i.large]", "instance_types: [m7i.xlarge]"),), replaces=True),
    Edit("more nodes", (("max: 3", "max: 4"),)),
    Edit(
        "more nodes at once, which Karpenter decides",
        (("desired: 2\n        max: 3", "desired: 3\n        max: 3"),),
        changes=False,
    ),
    Edit("larger disks", (("disk_gib: 200", "disk_gib: 300"),)),
    Edit("a node group less", (("      gpu: # off", "      gpus: # off"),)),
    Edit("two machines reserved", (("count: 1, placement_group", "count: 2, placement_group"),)),
    Edit("other machines to train on", (("p5.48xlarge", "p4d.24xlarge"),), replaces=True),
    Edit("a larger pool", (("limits: { cpu: 64, memory_gib: 256 }", "limits: { cpu: 128, memory_gib: 256 }"),)),
    Edit("a pool of another name", (("      ray-data:\n", "      ray-shuffle:\n"),)),
    Edit("a bucket more", (("      buckets:\n", "      buckets:\n        extra: { keep: false }\n"),)),
    Edit(
        "versions kept longer",
        (("artifacts: { keep: false, noncurrent_days: 1 }", "artifacts: { keep: false, noncurrent_days: 2 }"),),
    ),
    Edit("files kept at hand", (("files: { keep: false", "files: { archive_days: 7, keep: false"),)),
    Edit("scratch of another size", (("size_gib: 1200", "size_gib: 2400"),)),
    Edit(
        "scratch in another zone",
        (("        zone: us-west-2b\n        size_gib", "        zone: us-west-2a\n        size_gib"),),
        replaces=True,
    ),
    Edit("a link to another folder", (("path: /datasets", "path: /data"),), replaces=True),
    Edit("fewer images", (("images: { keep_images: 5 }", "images: { keep_images: 4 }"),), replaces=True),
    Edit("more pods", (("planned_pods: 100", "planned_pods: 4000"),)),
    Edit("a tenant's quota", (("quota: { cpu: 64", "quota: { cpu: 96"),)),
    Edit("a tenant more", (("    tenants:\n", "    tenants:\n      vision: { cost_center: vision }\n"),)),
    Edit("a budget", (("everything: { monthly_usd: 100 }", "everything: { monthly_usd: 200 }"),)),
    Edit("another subscriber", (("[you@example.com]", "[me@example.com]"),)),
    Edit("another name of everything", (("name: ray-local", "name: ray-other"),), replaces=True),
    Edit("another description of a key", program=(transform("aws:kms/key:Key", 'props["description"] = "another"'),)),
    Edit(
        "another use of a key",
        program=(
            transform(
                "aws:kms/key:Key",
                'props.update(keyUsage="SIGN_VERIFY", customerMasterKeySpec="RSA_2048", enableKeyRotation=False)',
                "ray-local-secrets",
            ),
        ),
        replaces=True,
    ),
    Edit(
        "a dedicated network",
        program=(transform("aws:ec2/vpc:Vpc", 'props["instanceTenancy"] = "dedicated"'),),
        replaces=True,
    ),
    Edit(
        "another description of security groups",
        program=(transform("aws:ec2/securityGroup:SecurityGroup", 'props["description"] = "another"'),),
        replaces=True,
    ),
    Edit(
        "roles on another path",
        program=(transform("aws:iam/role:Role", 'props["path"] = "/ray/"', "ray-local-node"),),
        replaces=True,
    ),
    Edit(
        "a binding to another role",
        program=(
            transform(
                "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
                'props["roleRef"] = {**props["roleRef"], "name": "view"}',
            ),
        ),
        replaces=True,
    ),
    Edit(
        "other volumes by default",
        program=(
            transform(
                "kubernetes:storage.k8s.io/v1:StorageClass",
                'props["parameters"] = {**props["parameters"], "type": "gp2"}',
            ),
        ),
        replaces=True,
    ),
    Edit(
        "a namespace of another name",
        program=(
            transform(
                "kubernetes:core/v1:Namespace",
                'props["metadata"] = {**props["metadata"], "name": "other"}',
                "ray-research",
            ),
        ),
        replaces=True,
    ),
    Edit(
        "a release of another name",
        program=(transform("kubernetes:helm.sh/v3:Release", 'props["name"] = "other"', "kuberay-operator"),),
        replaces=True,
    ),
    Edit(
        "a change that the program ignores",
        program=(
            transform(
                "aws:sqs/queue:Queue",
                'props["messageRetentionSeconds"] = 600; opts.ignore_changes = ["messageRetentionSeconds"]',
                "auto",
            ),
        ),
        changes=False,
    ),
    Edit(
        "a change that the program wants to replace",
        program=(
            transform(
                "aws:sqs/queue:Queue",
                'props["messageRetentionSeconds"] = 600; opts.replace_on_changes = ["messageRetentionSeconds"]',
                "auto",
            ),
        ),
        replaces=True,
    ),
    Edit(
        "a renamed resource with an alias",
        program=(
            (
                '"fixed", name="more-fixed",',
                '"mended", name="more-fixed", opts=ResourceOptions(aliases=[Alias(name="fixed")]),',
            ),
        ),
        changes=False,
    ),
    Edit("a renamed resource without one", program=(('"fixed", name="more-fixed",', '"mended", name="more-mended",'),)),
    Edit(
        "a renamed component with an alias",
        program=(('Pair("pair")', 'Pair("couple", ResourceOptions(aliases=[Alias(name="pair")]))'),),
        changes=False,
    ),
    Edit(
        "a replacement that waits for nothing",
        program=(('"fixed", name="more-fixed",', '"fixed", name="more-other",'),),
        replaces=True,
    ),
    Edit(
        "a resource replaced with another",
        program=(
            ('"auto", sqs', '"auto", name_prefix="x", sqs'),
            ('tags={"of": auto.name}', 'tags={"of": "x"}, opts=ResourceOptions(replace_with=[auto])'),
        ),
        replaces=True,
    ),
    Edit(
        "a resource that another one drags along",
        program=(('name="more-role",', 'name="more-role", path="/x/",'),),
        replaces=True,
    ),
    Edit(
        "a queue that goes first",
        program=(('"auto", sqs', '"auto", fifo_queue=True, opts=ResourceOptions(delete_before_replace=True), sqs'),),
        replaces=True,
    ),
]
