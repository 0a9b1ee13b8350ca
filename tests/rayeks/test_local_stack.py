"""The stack `local` itself, on the real engine: what it makes, what befalls it, and how it comes back.

The tests share one stack and run in the order of this file; each leaves it up and whole.
"""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from rich.console import Console

from local import aws, services
from local.home import root
from rayeks.engine import recovery, workspace
from rayeks.engine.down import down, processes
from rayeks.engine.ledger import Ledger
from rayeks.engine.lock import exclusive
from rayeks.engine.up import Outcome, up
from rayeks.errors import UserError
from rayeks.plan import plan
from tests.conftest import taken_down

pytestmark = [pytest.mark.engine, pytest.mark.slow]


class Stack:
    """A checkout of its own, so that a test may edit the stack file, with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        shutil.copytree(root() / "stacks", self.root / "stacks")
        shutil.copy(root() / "Pulumi.yaml", self.root)
        self.file = self.root / "stacks" / "Pulumi.local.yaml"
        self.original = self.file.read_text()
        self.home = folder / "home"

    def up(self, *, refresh: bool = False) -> Outcome:
        """`rayeks up local`."""
        return up(Console(width=160), refresh=refresh)

    def edit(self, old: str, new: str) -> None:
        """Edit the stack file as a person would."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def client(self, service: str) -> Any:
        """A boto3 client at the local endpoint."""
        running = aws.status()
        assert running
        return boto3.client(
            service,
            endpoint_url=running.endpoint,
            region_name=running.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """The stack, taken down at the end with whatever a failed test left."""
    stack = Stack(tmp_path_factory.mktemp("local"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(stack.home))
        patch.setattr(workspace, "root", lambda: stack.root)
        patch.setattr("rayeks.engine.up.root", lambda: stack.root)
        with taken_down():
            yield stack


def verbs(ledger: Ledger) -> Counter[str]:
    """What befell the resources that were changed."""
    return Counter(step.op for step in ledger.changed)


def whole() -> None:
    """The state and the account agree: nothing is in one without being in the other."""
    assert not recovery.deployment().get("pending_operations")
    held = Counter(resource["type"] for resource in recovery.resources())
    running = aws.status()
    assert running
    left = aws.inventory(running.endpoint)
    for kind, type_ in (
        ("ec2:vpc", "aws:ec2/vpc:Vpc"),
        ("ec2:subnet", "aws:ec2/subnet:Subnet"),
        ("s3:bucket", "aws:s3/bucket:Bucket"),
        ("eks:cluster", "aws:eks/cluster:Cluster"),
        ("iam:role", "aws:iam/role:Role"),
        ("sqs:queue", "aws:sqs/queue:Queue"),
    ):
        assert len(left.get(kind, ())) == held[type_], f"{kind}: {left.get(kind)}"


def test_a_stack_file_with_five_mistakes_is_told_all_five_and_starts_nothing(stack: Stack) -> None:
    stack.edit("nat: single", "nat: some")
    stack.edit("max: 3", "max: 1")
    stack.edit("cidr: 10.20.0.0/16", "cidr: 10.20.0.0/27")
    stack.edit("kind: ray-cpu", "kind: ray-cpus")
    stack.edit("planned_pods: 100", "planned_podz: 100")
    try:
        with pytest.raises(UserError) as told:
            stack.up()
    finally:
        stack.file.write_text(stack.original)
    for path in ("network.nat", "node_groups.system", "network.cidr", "pools.ray-cpu", "ray.planned_podz"):
        assert path in told.value.message
    assert services.recorded() == []
    assert recovery.resources() == []


def test_up_makes_what_the_plan_foretells(stack: Stack) -> None:
    outcome = stack.up()
    assert set(verbs(outcome.ledger)) == {"create"}
    planned = plan("local", root=stack.root)
    foretold = {r.urn for r in planned.resources if r.custom and not r.type.startswith("pulumi:")}
    assert {r["urn"] for r in recovery.resources()} == foretold
    assert outcome.outputs.keys() == planned.outputs.keys()
    manifest = outcome.outputs["workloads"]["train"]["manifest"]
    assert outcome.outputs["buckets"]["checkpoints"] in str(manifest)
    whole()


def test_a_second_run_changes_nothing_with_or_without_reading_everything_back(stack: Stack) -> None:
    assert verbs(stack.up().ledger) == {}
    assert verbs(stack.up(refresh=True).ledger) == {}


def test_a_tag_in_the_stack_file_is_an_update_and_never_a_replacement(stack: Stack) -> None:
    stack.edit("managed-by: ray-on-eks", "managed-by: ray-on-eks\n      owner: platform-team")
    ledger = stack.up().ledger
    assert set(verbs(ledger)) == {"update"}
    [vpc] = stack.client("ec2").describe_vpcs(Filters=[{"Name": "tag:owner", "Values": ["platform-team"]}])["Vpcs"]
    assert {"Key": "environment", "Value": "local"} in vpc["Tags"]


def test_a_bucket_that_was_deleted_by_other_hands_is_made_again(stack: Stack) -> None:
    s3 = stack.client("s3")
    bucket = "ray-local-checkpoints-123456789012-us-west-2"
    s3.delete_bucket(Bucket=bucket)
    ledger = stack.up(refresh=True).ledger
    made = {step.type for step in ledger.changed if step.op == "create"}
    assert "aws:s3/bucket:Bucket" in made
    assert set(verbs(ledger)) == {"create"}
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    whole()


def test_what_other_hands_changed_in_a_dozen_resource_types_is_put_back(stack: Stack) -> None:
    ec2, s3, iam, sqs = (stack.client(service) for service in ("ec2", "s3", "iam", "sqs"))
    events, logs, kms, eks = (stack.client(service) for service in ("events", "logs", "kms", "eks"))
    ecr, efs, fsx, sns = (stack.client(service) for service in ("ecr", "efs", "fsx", "sns"))
    bucket = "ray-local-checkpoints-123456789012-us-west-2"
    queue = sqs.get_queue_url(QueueName="ray-local")["QueueUrl"]
    key = kms.describe_key(KeyId="alias/ray-local-data")["KeyMetadata"]["KeyId"]
    system = efs.describe_file_systems()["FileSystems"][0]["FileSystemId"]
    topic = sns.list_topics()["Topics"][0]["TopicArn"]
    repository = ecr.describe_repositories()["repositories"][0]["repositoryName"]
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["ray-local"]}])["Vpcs"][0]["VpcId"]
    member = {"Name": "tag:Name", "Values": ["ray-local-efa"]}
    group = ec2.describe_security_groups(Filters=[member])["SecurityGroups"][0]

    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "stranger"}])
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=bucket)
    iam.delete_role_policy(RoleName="ray-local-karpenter", PolicyName="interruption")
    iam.detach_role_policy(RoleName="ray-local-node", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "60"})
    events.put_rule(Name="ray-local-spot", EventPattern='{"source": ["stranger"]}')
    logs.put_retention_policy(logGroupName="/aws/eks/ray-local/cluster", retentionInDays=365)
    kms.disable_key_rotation(KeyId=key)
    eks.update_nodegroup_config(
        clusterName="ray-local", nodegroupName="ray-local-system", labels={"addOrUpdateLabels": {"rayeks/pool": "mine"}}
    )
    ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability="MUTABLE")
    efs.put_backup_policy(FileSystemId=system, BackupPolicy={"Status": "ENABLED"})
    lustre = fsx.describe_file_systems()["FileSystems"][0]["FileSystemId"]
    fsx.update_file_system(FileSystemId=lustre, LustreConfiguration={"DataCompressionType": "NONE"})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="stranger")

    outcome = stack.up(refresh=True)
    mended = {step.type for step in outcome.ledger.changed}
    assert len(mended) >= 12, sorted(mended)
    assert not {"replace", "create-replacement"} & set(verbs(outcome.ledger))
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert iam.get_role_policy(RoleName="ray-local-karpenter", PolicyName="interruption")
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    labels = eks.describe_nodegroup(clusterName="ray-local", nodegroupName="ray-local-system")["nodegroup"]["labels"]
    assert labels == {"rayeks/pool": "system"}
    whole()
    assert not stack.up(refresh=True).ledger.changed


def test_another_cidr_replaces_the_network_inside_out_and_then_builds_it_again(stack: Stack) -> None:
    stack.edit("cidr: 10.20.0.0/16", "cidr: 10.40.0.0/16")
    ledger = stack.up().ledger

    def when(op: str, type_: str) -> list[float]:
        found = [step.ended or 0 for step in ledger.changed if (step.op, step.type) == (op, type_)]
        assert found, f"no {op} of {type_}"
        return found

    inside_out = [
        "aws:eks/nodeGroup:NodeGroup",
        "aws:eks/cluster:Cluster",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
    ]
    for inner, outer in itertools.pairwise(inside_out):
        assert max(when("delete-replaced", inner)) < min(when("delete-replaced", outer))
        assert max(when("create-replacement", outer)) < min(when("create-replacement", inner))
    assert max(when("delete-replaced", "aws:ec2/vpc:Vpc")) < min(when("create-replacement", "aws:ec2/vpc:Vpc"))
    [found] = [v for v in stack.client("ec2").describe_vpcs()["Vpcs"] if not v["IsDefault"]]
    assert found["CidrBlock"] == "10.40.0.0/16"
    whole()
    assert verbs(stack.up(refresh=True).ledger) == {}


def test_an_api_server_that_was_killed_is_started_again_with_all_that_it_held(stack: Stack) -> None:
    server = services.running("kube-apiserver")
    assert server
    os.kill(server.pid, signal.SIGKILL)
    assert verbs(stack.up().ledger) == {}


def when_half_way(then: Callable[[psutil.Process], None]) -> threading.Thread:
    """Do something to the engine once it has made some thirty things and more are in flight."""

    def watch() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            time.sleep(0.02)
            made = len(recovery.created(workspace.journal()))
            if made >= 30 and recovery.deployment().get("pending_operations"):
                for process in psutil.Process().children():
                    with suppress(psutil.Error):
                        if "up" in process.cmdline():
                            then(process)
                            return

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_an_aws_that_came_back_empty_and_an_engine_killed_half_way_are_both_got_over(stack: Stack) -> None:
    server = services.running("aws")
    assert server
    os.kill(server.pid, signal.SIGKILL)
    killing = when_half_way(lambda engine: engine.kill())
    with pytest.raises(UserError):
        stack.up()
    killing.join()
    assert recovery.deployment().get("pending_operations")
    ledger = stack.up().ledger
    assert {"aws:ec2/subnet:Subnet", "aws:eks/cluster:Cluster"} <= {step.type for step in ledger.done}
    whole()
    assert verbs(stack.up(refresh=True).ledger) == {}


def test_a_port_that_a_stranger_took_is_named_with_its_holder(stack: Stack) -> None:
    server = services.running("aws")
    assert server and server.port
    services.stop("aws")
    with socket.create_server(("127.0.0.1", server.port)), pytest.raises(UserError) as told:
        stack.up()
    assert str(server.port) in told.value.message and str(os.getpid()) in told.value.message
    stack.up()
    whole()


def test_up_while_another_runs_is_refused_and_says_which(stack: Stack) -> None:
    holding = f"""
import time
from pathlib import Path
from rayeks.engine.lock import exclusive
with exclusive(Path({str(stack.home / "lock")!r}), "rayeks up local"):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"`rayeks up local` is running .pid {other.pid}"):
            stack.up()
        other.kill()


def test_what_the_stack_did_not_make_is_named_by_down_before_anything_is_stopped(stack: Stack) -> None:
    s3 = stack.client("s3")
    s3.create_bucket(Bucket="somebody-elses", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    with pytest.raises(UserError) as told:
        down(Console(width=160))
    assert "somebody-elses" in told.value.message
    assert recovery.resources() == []
    assert aws.status(), "so that it can be looked at"
    s3.delete_bucket(Bucket="somebody-elses")


def test_down_leaves_nothing_and_says_so_again(stack: Stack) -> None:
    bucket = stack.up().outputs["buckets"]["checkpoints"]
    stack.client("s3").put_object(Bucket=bucket, Key="runs/1", Body=b"a checkpoint")
    outcome = down(Console(width=160))
    assert outcome.ledger and set(verbs(outcome.ledger)) == {"delete"}
    assert recovery.resources() == []
    assert processes() == []
    again = down(Console(width=160))
    assert (again.ledger, again.stopped) == (None, [])


def test_the_lock_of_the_home_is_free_at_the_end(stack: Stack) -> None:
    with exclusive(stack.home / "lock", "rayeks up local"):
        pass
