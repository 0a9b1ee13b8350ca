"""The program runs as under the engine: every registration recorded, every failure told with its place."""

import json
import subprocess
import sys

import pytest

from rayeks.errors import UserError
from rayeks.plan import Plan, plan

NETWORK = """
    import pulumi
    from pulumi import ResourceOptions
    from pulumi_aws import ec2

    class Network(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("toy:infra:Network", name)
            child = ResourceOptions(parent=self)
            self.vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=child)
            self.subnets = [
                ec2.Subnet(f"s{i}", vpc_id=self.vpc.id, cidr_block=f"10.0.{i}.0/24", opts=child) for i in range(3)
            ]

    network = Network("net")
    pulumi.export("vpc", network.vpc.id)
    pulumi.export("cidr", network.vpc.cidr_block)
"""


def one(found: Plan, name: str):
    matches = [resource for resource in found.resources if resource.name == name]
    assert len(matches) == 1, f"{name}: {[resource.urn for resource in matches]}"
    return matches[0]


def test_urns_are_those_of_the_real_engine(planned):
    found = planned(NETWORK)
    assert one(found, "vpc").urn == "urn:pulumi:dev::toy::toy:infra:Network$aws:ec2/vpc:Vpc::vpc"
    assert one(found, "net").parent == "urn:pulumi:dev::toy::pulumi:pulumi:Stack::toy-dev"


def test_an_id_that_only_aws_can_give_is_null_and_remembered(planned):
    found = planned(NETWORK)
    subnet = one(found, "s1")
    assert subnet.to_json()["inputs"] == {"cidrBlock": "10.0.1.0/24", "vpcId": None}
    assert found.unknowns[subnet.inputs["vpcId"]] == (one(found, "vpc").urn, "id")
    assert found.to_json()["outputs"] == {"cidr": "10.0.0.0/16", "vpc": None}


def test_dependencies_of_an_input_are_recorded_by_property(planned):
    found = planned(NETWORK)
    subnet, vpc = one(found, "s0"), one(found, "vpc")
    assert subnet.dependencies == (vpc.urn,)
    assert subnet.property_dependencies["vpcId"] == (vpc.urn,)


def test_every_resource_comes_after_what_it_waits_for(planned):
    found = planned(NETWORK)
    place = {resource.urn: index for index, resource in enumerate(found.resources)}
    for resource in found.resources:
        assert all(place[other] < place[resource.urn] for other in resource.waits_for)


def test_the_default_provider_carries_region_and_default_tags(planned):
    found = planned(NETWORK)
    provider = found.by_urn[one(found, "vpc").provider]
    assert provider.urn == "urn:pulumi:dev::toy::pulumi:providers:aws::default_7_51_1"
    assert provider.inputs["region"] == "eu-central-1"
    assert provider.inputs["defaultTags"] == {"tags": {"team": "ml"}}


def test_default_tags_reach_tags_all(planned):
    found = planned("""
        import pulumi
        from pulumi_aws import ec2
        vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags={"Name": "v"})
        pulumi.export("tags", vpc.tags_all)
    """)
    assert found.outputs["tags"] == {"team": "ml", "Name": "v"}


def test_options_of_a_resource_are_recorded(planned):
    found = planned("""
        from pulumi import CustomTimeouts, ResourceOptions
        from pulumi_aws import s3
        a = s3.Bucket("a", bucket="a", opts=ResourceOptions(protect=True, retain_on_delete=True))
        s3.BucketVersioning("b", bucket=a.id, versioning_configuration={"status": "Enabled"},
            opts=ResourceOptions(parent=a, deleted_with=a, ignore_changes=["mfa"], delete_before_replace=True,
                                 custom_timeouts=CustomTimeouts(delete="30m")))
    """)
    bucket, versioning = one(found, "a"), one(found, "b")
    assert (bucket.protect, bucket.retain_on_delete) == (True, True)
    assert versioning.protect, "a child is protected with its parent"
    assert versioning.deleted_with == bucket.urn
    assert versioning.ignore_changes == ("mfa",)
    assert versioning.delete_before_replace
    assert versioning.timeouts.delete == "30m"


def test_what_follows_from_a_name_is_known_before_aws_is_asked(planned):
    found = planned("""
        import json, pulumi
        from pulumi_aws import iam, s3, sqs
        role = iam.Role("r", name="worker", assume_role_policy="{}")
        bucket = s3.Bucket("b", bucket="data")
        queue = sqs.Queue("q", name="jobs")
        iam.RolePolicy("p", role=role.name, policy=pulumi.Output.json_dumps({"Resource": [bucket.arn, queue.arn]}))
        pulumi.export("role", role.arn)
        pulumi.export("host", bucket.bucket_regional_domain_name)
        pulumi.export("url", queue.url)
    """)
    assert found.outputs == {
        "role": "arn:aws:iam::111122223333:role/worker",
        "host": "data.s3.eu-central-1.amazonaws.com",
        "url": "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs",
    }
    policy = json.loads(one(found, "p").to_json()["inputs"]["policy"])
    assert policy == {"Resource": ["arn:aws:s3:::data", "arn:aws:sqs:eu-central-1:111122223333:jobs"]}


def test_a_document_keeps_what_is_known_around_an_unknown(planned):
    found = planned("""
        import pulumi
        from pulumi_aws import ec2, iam
        vpc = ec2.Vpc("v", cidr_block="10.0.0.0/16")
        iam.Policy("p", name="p", policy=pulumi.Output.json_dumps({"Action": "s3:*", "Resource": vpc.arn}))
        iam.Policy("k", name="k", policy=pulumi.Output.json_dumps({vpc.id: 1} if False else {"a": 1}))
        ec2.Subnet("s", vpc_id=vpc.id, cidr_block="10.0.0.0/24", tags={"Name": pulumi.Output.concat("in-", vpc.id)})
    """)
    assert json.loads(one(found, "p").to_json()["inputs"]["policy"]) == {"Action": "s3:*", "Resource": None}
    assert one(found, "s").to_json()["inputs"]["tags"] == {"Name": None}


def test_unknowns_are_seen_through_encoded_user_data(planned):
    found = planned("""
        import base64
        from pulumi_aws import ec2
        vpc = ec2.Vpc("v", cidr_block="10.0.0.0/16")
        text = vpc.id.apply(lambda i: base64.b64encode(("#!/bin/sh\\n" * 9 + f"join {i}").encode()).decode())
        ec2.LaunchTemplate("t", user_data=text)
    """)
    assert one(found, "t").to_json()["inputs"]["userData"] is None


def test_secrets_are_masked_everywhere(planned):
    found = planned("""
        import pulumi
        from pulumi_kubernetes.core.v1 import Secret
        from pulumi_aws import sqs
        word = pulumi.Output.secret("hunter2")
        Secret("s", metadata={"name": "s"}, string_data={"password": "hunter2"})
        queue = sqs.Queue("q", name="q", tags={"word": word})
        pulumi.export("word", word)
        pulumi.export("nested", {"a": [word]})
        pulumi.export("tags", queue.tags)
    """)
    text = found.document()
    assert "hunter2" not in text
    assert found.to_json()["outputs"]["word"] == "[secret]"
    assert one(found, "s").to_json()["inputs"]["stringData"] == "[secret]"


def test_whole_numbers_stay_whole(planned):
    found = planned("""
        from pulumi_aws import sqs
        from pulumi_kubernetes.apiextensions import CustomResource
        sqs.Queue("q", name="q", delay_seconds=5)
        CustomResource("c", api_version="ray.io/v1", kind="RayJob", metadata={"name": "c"},
                       spec={"replicas": 2, "fraction": 0.5})
    """)
    assert repr(one(found, "q").inputs["delaySeconds"]) == "5"
    assert one(found, "c").inputs["spec"] == {"replicas": 2, "fraction": 0.5}
    assert one(found, "c").type == "kubernetes:ray.io/v1:RayJob"


def test_config_reaches_the_program_as_the_engine_would_hand_it_over(planned):
    found = planned("""
        import pulumi
        config = pulumi.Config()
        pulumi.export("size", config.require_int("size"))
        pulumi.export("cpu", config.require("cpu"))
        pulumi.export("on", config.require("on"))
        pulumi.export("shape", config.require_object("shape"))
        pulumi.export("colour", config.require("colour"))
        pulumi.export("depth", config.require_int("depth"))
        pulumi.export("stack", pulumi.get_stack())
    """)
    assert found.outputs == {
        "size": 3,
        "cpu": "1.5",
        "on": "yes",
        "shape": {"zones": ["a", "b"], "deep": {"x": 1}},
        "colour": "blue",
        "depth": 7,
        "stack": "dev",
    }


def test_an_unknown_stack_names_the_ones_that_exist(project):
    with pytest.raises(UserError, match=r"no stack 'prd'") as failure:
        plan("prd", root=project("import pulumi"))
    assert "dev" in (failure.value.fix or "")


def test_a_stack_file_that_is_not_yaml_is_named(project):
    with pytest.raises(UserError, match=r"Pulumi\.dev\.yaml is not YAML"):
        plan("dev", root=project("import pulumi", stack_file="config: [1, 2"))


def test_a_program_that_raises_is_told_with_its_line(project):
    root = project("import pulumi\nx = {}\nprint(x['size'])\n")
    with pytest.raises(UserError, match=r"stacks/__main__\.py:3\n  KeyError: 'size'"):
        plan("dev", root=root)


def test_an_error_inside_an_apply_that_nobody_awaits_fails_the_plan(project):
    root = project("""
        from pulumi_aws import ec2
        vpc = ec2.Vpc("v", cidr_block="10.0.0.0/16")
        def broken(value):
            raise ValueError("not today")
        vpc.id.apply(broken)
    """)
    with pytest.raises(UserError, match=r"stacks/__main__\.py:5\n  ValueError: not today"):
        plan("dev", root=root)


def test_an_error_inside_an_apply_that_is_an_input_fails_the_plan(project):
    root = project("""
        from pulumi_aws import ec2
        vpc = ec2.Vpc("v", cidr_block="10.0.0.0/16")
        ec2.Subnet("s", vpc_id=vpc.id.apply(lambda i: i.nope), cidr_block="10.0.0.0/24")
    """)
    with pytest.raises(UserError, match=r"stacks/__main__\.py:4\n  AttributeError"):
        plan("dev", root=root)


def test_an_error_of_pulumi_itself_is_shown_without_a_place(project):
    with pytest.raises(UserError, match=r"^three mistakes$"):
        plan("dev", root=project("import pulumi\nraise pulumi.RunError('three mistakes')"))


def test_an_error_that_the_program_logs_fails_the_plan(project):
    with pytest.raises(UserError, match="reported an error: too small"):
        plan("dev", root=project("import pulumi\npulumi.log.error('too small')"))


def test_warnings_of_the_program_are_part_of_the_plan(planned):
    assert planned("import pulumi\npulumi.log.warn('old')").warnings == ("old",)


def test_two_resources_of_one_name_are_refused_as_the_engine_does(project):
    root = project("""
        from pulumi_aws import sqs
        sqs.Queue("q", name="a")
        sqs.Queue("q", name="b")
    """)
    with pytest.raises(UserError, match=r"two resources aws:sqs/queue:Queue are called 'q'.*__main__\.py:\d"):
        plan("dev", root=root)


def test_a_call_that_only_the_cloud_can_answer_is_refused(project):
    root = project("import pulumi_aws as aws\naws.ec2.get_ami(owners=['amazon'])")
    with pytest.raises(UserError, match="aws:ec2/getAmi:getAmi, which only the cloud can answer"):
        plan("dev", root=root)


def test_account_and_region_are_answered_from_the_stack_file(planned):
    found = planned("""
        import pulumi, pulumi_aws as aws
        pulumi.export("account", aws.get_caller_identity_output().account_id)
        pulumi.export("region", aws.get_region_output().region)
    """)
    assert found.outputs == {"account": "111122223333", "region": "eu-central-1"}


def test_a_resource_that_is_only_read_is_marked_and_keeps_its_id(planned):
    found = planned("""
        import pulumi
        from pulumi_aws import ec2
        vpc = ec2.Vpc.get("theirs", "vpc-123")
        ec2.Subnet("s", vpc_id=vpc.id, cidr_block="10.0.0.0/24")
        pulumi.export("arn", vpc.arn)
    """)
    assert one(found, "theirs").external
    assert one(found, "s").inputs["vpcId"] == "vpc-123"
    assert found.outputs["arn"] == "arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-123"


def test_outputs_of_kubernetes_objects_work_before_there_is_a_cluster(planned):
    found = planned("""
        import pulumi
        from pulumi_kubernetes.core.v1 import Namespace, Service
        from pulumi_kubernetes.helm.v3 import Release
        space = Namespace("team", metadata={"name": "team-a"})
        release = Release("op", chart="op", version="1.0", namespace=space.metadata.name, values={"replicas": 1})
        service = Service("web", metadata={"namespace": "team-a"}, spec={"type": "LoadBalancer"})
        pulumi.export("host", service.status.load_balancer.ingress[0].hostname)
        pulumi.export("name", space.metadata.name)
        pulumi.export("made-up", service.metadata.name)
        pulumi.export("release", release.status.name)
    """)
    assert one(found, "op").inputs["values"] == {"replicas": 1}
    assert one(found, "op").inputs["namespace"] == "team-a"
    assert found.to_json()["outputs"] == {"host": None, "name": "team-a", "made-up": None, "release": None}


def test_an_explicit_provider_is_recorded_by_its_urn(planned):
    found = planned("""
        import pulumi_kubernetes as k8s
        from pulumi import ResourceOptions
        cluster = k8s.Provider("cluster", kubeconfig="{}")
        k8s.core.v1.Namespace("n", metadata={"name": "n"}, opts=ResourceOptions(provider=cluster))
    """)
    assert one(found, "n").provider == one(found, "cluster").urn
    assert one(found, "cluster").type == "pulumi:providers:kubernetes"


def test_two_plans_of_one_stack_are_the_same_to_the_byte(project):
    root = project(NETWORK)
    assert plan("dev", root=root).document() == plan("dev", root=root).document()


def test_what_the_program_prints_stays_out_of_the_document(project):
    root = project("import pulumi\nprint('hello')\npulumi.export('a', 1)")
    script = (
        "import sys; from pathlib import Path; from rayeks.plan import plan;"
        "sys.stdout.write(plan('dev', root=Path(sys.argv[1])).document())"
    )
    result = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout)["outputs"] == {"a": 1}
    assert "hello" in result.stderr


def test_a_plan_leaves_the_process_as_it_was(planned, project):
    import pulumi

    planned(NETWORK)
    assert pulumi.get_stack() == "stack"
    assert pulumi.runtime.get_root_resource() is None
    with pytest.raises(UserError):
        plan("dev", root=project("raise ValueError"))
    assert planned(NETWORK).outputs["cidr"] == "10.0.0.0/16"
