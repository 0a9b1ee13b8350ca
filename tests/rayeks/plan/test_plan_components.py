"""A remote component is planned as its plugin would make it, children and dependencies and all."""

import json

import pytest

from rayeks.errors import UserError
from rayeks.plan import plan

CLUSTER = """
    import pulumi, pulumi_eks, pulumi_kubernetes
    from pulumi import ResourceOptions
    from pulumi_aws import ec2, iam, eks

    vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
    subnets = [ec2.Subnet(f"s{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24") for i in range(2)]
    admin = iam.Role("admin", name="admin", assume_role_policy="{}")
    cluster = pulumi_eks.Cluster(
        "c", name="ray", version="1.35", authentication_mode=pulumi_eks.AuthenticationMode.API,
        vpc_id=vpc.id, private_subnet_ids=[s.id for s in subnets], skip_default_node_group=True,
        skip_default_security_groups=SKIP, create_oidc_provider=True,
        kube_proxy_addon_options={"version": "v1"}, vpc_cni_options={"addon_version": "v2"},
        access_entries={"admin": {"principal_arn": admin.arn}},
        opts=ResourceOptions(protect=True),
    )
    group = ec2.SecurityGroup("after", vpc_id=vpc.id, tags={"cluster": cluster.cluster_security_group_id})
    provider = pulumi_kubernetes.Provider("k", kubeconfig=cluster.kubeconfig_json)
    addon = eks.Addon("own", cluster_name=cluster.eks_cluster.name, addon_name="coredns")
    waits = iam.Role("waits", name="w", assume_role_policy="{}", opts=ResourceOptions(depends_on=[cluster]))
    pulumi.export("issuer", cluster.oidc_issuer)
    pulumi.export("oidc", cluster.oidc_provider_arn)
    pulumi.export("endpoint", cluster.core.endpoint)
    pulumi.export("kubeconfig", cluster.kubeconfig)
"""


def one(found, name, kind=""):
    matches = [item for item in found.resources if item.name == name and kind in item.type]
    assert len(matches) == 1
    return matches[0]


def test_children_lie_below_the_component_with_their_full_types(planned):
    found = planned(CLUSTER.replace("SKIP", "True"))
    role = one(found, "c-eksRole-role")
    assert role.urn == "urn:pulumi:dev::toy::eks:index:Cluster$eks:index:ServiceRole$aws:iam/role:Role::c-eksRole-role"
    assert one(found, "c-eksCluster").parent == one(found, "c", "eks:index:Cluster").urn
    assert one(found, "c-vpc-cni", "eks/addon").parent == one(found, "c-vpc-cni", "VpcCniAddon").urn


def test_children_depend_on_what_the_components_inputs_came_from(planned):
    found = planned(CLUSTER.replace("SKIP", "False"))
    cluster = one(found, "c-eksCluster")
    for name in ("s0", "s1", "c-eksRole-role", "c-eksRole-4b490823", "c-eksClusterSecurityGroup"):
        assert one(found, name).urn in cluster.dependencies
    assert one(found, "vpc").urn in one(found, "c-nodeSecurityGroup").dependencies
    assert one(found, "admin", "iam").urn in one(found, "c-admin").dependencies, "its ARN is known, and still its own"
    assert cluster.property_dependencies["roleArn"] == (one(found, "c-eksRole-role").urn,)


def test_children_are_protected_with_the_component_and_use_the_default_provider(planned):
    found = planned(CLUSTER.replace("SKIP", "True"))
    cluster = one(found, "c-eksCluster")
    assert cluster.protect
    assert cluster.provider == one(found, "vpc").provider
    assert "bootstrapSelfManagedAddons" in cluster.ignore_changes


def test_what_uses_an_output_depends_on_the_child_behind_it(planned):
    found = planned(CLUSTER.replace("SKIP", "True"))
    cluster = one(found, "c-eksCluster")
    assert cluster.urn in one(found, "after").dependencies
    assert cluster.urn in one(found, "k").dependencies
    assert cluster.urn in one(found, "own").dependencies


def test_waiting_for_the_component_is_waiting_for_it_alone(planned):
    found = planned(CLUSTER.replace("SKIP", "True"))
    assert one(found, "waits").dependencies == (one(found, "c", "eks:index:Cluster").urn,)


def test_outputs_are_resolved_as_far_as_they_can_be_known(planned):
    outputs = planned(CLUSTER.replace("SKIP", "True")).to_json()["outputs"]
    assert outputs["endpoint"] is None
    assert outputs["issuer"] is None
    arguments = outputs["kubeconfig"]["users"][0]["user"]["exec"]["args"]
    assert arguments == ["--region", "eu-central-1", "eks", "get-token", "--cluster-name", "ray", "--output", "json"]


def test_the_clusters_name_reaches_what_is_made_on_it(planned):
    found = planned(CLUSTER.replace("SKIP", "False"))
    assert one(found, "own").inputs["clusterName"] == "ray"
    assert one(found, "c-nodeSecurityGroup").inputs["tags"]["kubernetes.io/cluster/ray"] == "owned"
    kubeconfig = json.loads(one(found, "k").to_json()["inputs"]["kubeconfig"])
    assert kubeconfig["clusters"][0]["cluster"] == {"server": None, "certificate-authority-data": None}


def test_a_component_that_refuses_its_inputs_fails_the_plan_in_its_own_words(project):
    root = project("""
        import pulumi_eks
        pulumi_eks.Cluster("c", vpc_id="vpc-1", fargate=True)
    """)
    with pytest.raises(UserError, match=r"eks\.Cluster c: inputs not represented: fargate"):
        plan("dev", root=root)


def test_a_component_that_nobody_can_look_into_is_refused(project):
    root = project("""
        import pulumi
        class Far(pulumi.ComponentResource):
            def __init__(self):
                super().__init__("far:index:Away", "away", {}, None, remote=True)
        Far()
    """)
    with pytest.raises(UserError, match="far:index:Away 'away' is a remote component"):
        plan("dev", root=root)


def test_a_transform_of_the_component_reaches_its_children(planned):
    found = planned("""
        import pulumi, pulumi_eks
        from pulumi import ResourceOptions, ResourceTransformResult
        from pulumi_aws import ec2, kms

        vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
        key = kms.Key("key")

        def beyond(args):
            if args.type_ == "aws:eks/cluster:Cluster":
                args.opts.protect, args.opts.replace_with = True, [vpc]
                more = {"zonalShiftConfig": {"enabled": True}, "tags": {"key": key.arn}}
                return ResourceTransformResult(props={**args.props, **more}, opts=args.opts)

        pulumi_eks.Cluster(
            "c", name="ray", authentication_mode=pulumi_eks.AuthenticationMode.API, vpc_id=vpc.id,
            private_subnet_ids=[vpc.id], skip_default_node_group=True, skip_default_security_groups=True,
            kube_proxy_addon_options={"version": "v1"}, vpc_cni_options={"addon_version": "v2"},
            opts=ResourceOptions(transforms=[beyond]),
        )
    """)
    cluster = one(found, "c-eksCluster")
    assert cluster.inputs["zonalShiftConfig"] == {"enabled": True}
    assert cluster.inputs["vpcConfig"]["subnetIds"] == [one(found, "vpc").id], "what it left alone stays"
    assert cluster.protect and not one(found, "c-kube-proxy").protect
    assert cluster.replace_with == (one(found, "vpc").urn,)
    assert cluster.inputs["tags"]["key"] == one(found, "key").outputs["arn"]
    assert one(found, "c-eksRole-role").urn in cluster.dependencies
    assert "bootstrapSelfManagedAddons" in cluster.ignore_changes


def test_a_transform_of_the_stack_reaches_every_resource(planned):
    found = planned("""
        import pulumi
        from pulumi import ResourceTransformResult
        from pulumi_aws import sqs
        pulumi.runtime.register_resource_transform(
            lambda args: ResourceTransformResult(props={**args.props, "tags": {"by": "stack"}}, opts=args.opts)
            if args.type_.startswith("aws:") else None
        )
        class Group(pulumi.ComponentResource):
            def __init__(self):
                super().__init__("toy:index:Group", "g")
                sqs.Queue("q", name="q", delay_seconds=3, opts=pulumi.ResourceOptions(parent=self))
        Group()
    """)
    assert one(found, "q").inputs == {"name": "q", "delaySeconds": 3, "tags": {"by": "stack"}}


def test_a_transform_that_fails_is_told_with_its_line(project):
    root = project("""
        from pulumi import ResourceOptions
        from pulumi_aws import sqs
        def broken(args):
            raise ValueError("not like this")
        sqs.Queue("q", name="q", opts=ResourceOptions(transforms=[broken]))
    """)
    with pytest.raises(UserError, match=r"stacks/__main__\.py:5\n  ValueError: not like this"):
        plan("dev", root=root)
