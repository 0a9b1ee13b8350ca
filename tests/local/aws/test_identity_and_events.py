"""IAM, SQS and EventBridge of the local AWS, as an infrastructure client creates and reads them back."""

import json
from urllib.parse import urlsplit

import boto3

POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)
NODE = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"


def test_a_role_is_deleted_only_without_policies_and_profiles(aws) -> None:
    iam = aws("iam")
    aws.role("node", "ec2.amazonaws.com")
    iam.attach_role_policy(RoleName="node", PolicyArn=NODE)
    iam.put_role_policy(RoleName="node", PolicyName="inline", PolicyDocument=POLICY)
    iam.create_instance_profile(InstanceProfileName="node")
    iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    for undo in (
        lambda: iam.detach_role_policy(RoleName="node", PolicyArn=NODE),
        lambda: iam.delete_role_policy(RoleName="node", PolicyName="inline"),
        lambda: iam.remove_role_from_instance_profile(InstanceProfileName="node", RoleName="node"),
    ):
        with aws.refused("DeleteConflict", 409):
            iam.delete_role(RoleName="node")
        undo()
    iam.delete_role(RoleName="node")
    for operation in ("get_role", "delete_role", "list_attached_role_policies"):
        with aws.refused("NoSuchEntity", 404):
            getattr(iam, operation)(RoleName="node")


def test_a_role_is_read_back_and_changed(aws) -> None:
    iam = aws("iam")
    aws.role("node", "ec2.amazonaws.com")
    with aws.refused("EntityAlreadyExists", 409):
        aws.role("node", "ec2.amazonaws.com")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    iam.update_assume_role_policy(RoleName="node", PolicyDocument=json.dumps(trust))
    iam.update_role(RoleName="node", Description="d", MaxSessionDuration=7200)
    iam.tag_role(RoleName="node", Tags=[{"Key": "a", "Value": "1"}])
    seen = iam.get_role(RoleName="node")["Role"]
    assert seen["AssumeRolePolicyDocument"] == trust
    assert (seen["Description"], seen["MaxSessionDuration"]) == ("d", 7200)
    assert iam.list_role_tags(RoleName="node")["Tags"] == [{"Key": "a", "Value": "1"}]
    iam.untag_role(RoleName="node", TagKeys=["a"])
    assert iam.list_role_tags(RoleName="node")["Tags"] == []
    assert iam.list_instance_profiles_for_role(RoleName="node")["InstanceProfiles"] == []


def test_a_boundary_must_be_a_policy_of_the_account(aws) -> None:
    iam = aws("iam")
    absent = "arn:aws:iam::123456789012:policy/fence"
    with aws.refused("NoSuchEntity", 404):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=POLICY, PermissionsBoundary=absent)
    made = iam.create_policy(PolicyName="fence", PolicyDocument=POLICY)["Policy"]["Arn"]
    assert made == absent
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=POLICY, PermissionsBoundary=made)
    assert iam.get_role(RoleName="r")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == made
    with aws.refused("NoSuchEntity", 404):
        iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=f"{made}s")


def test_a_policy_is_versioned_and_deleted_only_when_detached(aws) -> None:
    iam = aws("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=POLICY, Tags=[{"Key": "a", "Value": "1"}])["Policy"]["Arn"]
    aws.role("r", "ec2.amazonaws.com")
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    with aws.refused("DeleteConflict", 409):
        iam.delete_policy(PolicyArn=arn)
    iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=True)
    with aws.refused("LimitExceeded", 409):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=True)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v5"
    for version in ("v1", "v2", "v3", "v4"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)
    with aws.refused("NoSuchEntity", 404):
        iam.get_policy(PolicyArn=arn)
    with aws.refused("NoSuchEntity", 404):
        iam.attach_role_policy(RoleName="r", PolicyArn=arn)


def test_the_managed_policies_of_eks_are_there(aws) -> None:
    for name in (
        "AmazonEKSClusterPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonEC2ContainerRegistryReadOnly",
        "AmazonSSMManagedInstanceCore",
        "service-role/AmazonEBSCSIDriverPolicy",
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEKSWorkerNodeMinimalPolicy",
        "AmazonEKSVPCResourceController",
    ):
        policy = aws("iam").get_policy(PolicyArn=f"arn:aws:iam::aws:policy/{name}")["Policy"]
        document = aws("iam").get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        assert document["PolicyVersion"]["Document"]["Statement"]


def test_an_instance_profile_holds_its_role_and_tags(aws) -> None:
    iam = aws("iam")
    aws.role("node", "ec2.amazonaws.com")
    iam.create_instance_profile(InstanceProfileName="node", Tags=[{"Key": "a", "Value": "1"}])
    iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    seen = iam.get_instance_profile(InstanceProfileName="node")["InstanceProfile"]
    assert seen["Roles"][0]["RoleName"] == "node"
    assert iam.list_instance_profile_tags(InstanceProfileName="node")["Tags"] == [{"Key": "a", "Value": "1"}]
    with aws.refused("DeleteConflict", 409):
        iam.delete_instance_profile(InstanceProfileName="node")
    iam.remove_role_from_instance_profile(InstanceProfileName="node", RoleName="node")
    iam.delete_instance_profile(InstanceProfileName="node")
    with aws.refused("NoSuchEntity", 404):
        iam.get_instance_profile(InstanceProfileName="node")


def test_permissions_are_simulated_from_a_roles_policies(aws) -> None:
    iam = aws("iam")
    arn = aws.role("reader", "ec2.amazonaws.com")
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "arn:aws:s3:::data/*"},
            {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/secret/*"},
        ],
    }
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=json.dumps(document))

    def decision(action: str, resource: str) -> str:
        answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource])[
            "EvaluationResults"
        ][0]
        assert (answer["EvalActionName"], answer["EvalResourceName"]) == (action, resource)
        return answer["EvalDecision"]

    assert decision("s3:GetObject", "arn:aws:s3:::data/x") == "allowed"
    assert decision("s3:GetObject", "arn:aws:s3:::data/secret/x") == "explicitDeny"
    assert decision("s3:PutObject", "arn:aws:s3:::data/x") == "implicitDeny"
    with aws.refused("NoSuchEntity", 404):
        iam.simulate_principal_policy(PolicySourceArn=arn + "x", ActionNames=["s3:GetObject"])


def test_a_new_account_has_its_administrators_role(aws) -> None:
    role = aws("iam").get_role(RoleName="AWSReservedSSO_AdministratorAccess_0123456789abcdef")["Role"]
    assert role["Path"] == "/aws-reserved/sso.amazonaws.com/"
    aws.cluster()
    where = {"clusterName": "ray", "principalArn": role["Arn"]}
    aws("eks").create_access_entry(**where)
    assert aws("eks").describe_access_entry(**where)["accessEntry"]["principalArn"] == role["Arn"]


def test_rights_are_enforced_where_a_caller_is_known(aws) -> None:
    arn = aws.role("reader", "ec2.amazonaws.com")
    held = aws("sts").assume_role(RoleArn=arn, RoleSessionName="reader")["Credentials"]
    keys = {"aws_access_key_id": held["AccessKeyId"], "aws_secret_access_key": held["SecretAccessKey"]}
    session = boto3.Session(**keys, aws_session_token=held["SessionToken"], region_name="us-west-2")
    eks = session.client("eks", endpoint_url=aws.endpoint)
    aws.enforce(True)
    try:
        with aws.refused("AccessDeniedException", 403, "eks:ListClusters"):
            eks.list_clusters()
        with aws.refused("UnauthorizedOperation", 403):
            session.client("ec2", endpoint_url=aws.endpoint).describe_vpcs()
        with aws.refused("AccessDeniedException"):
            session.client("ssm", endpoint_url=aws.endpoint).describe_parameters()
        with aws.refused("AccessDenied", 403):
            session.client("iam", endpoint_url=aws.endpoint).list_roles()
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "eks:ListClusters", "Resource": "*"}],
        }
        # The account's owner goes on meanwhile.
        aws("iam").put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=json.dumps(document))
        assert eks.list_clusters()["clusters"] == []
    finally:
        aws.enforce(False)


def test_the_oidc_provider_of_a_cluster_is_made_and_found(aws) -> None:
    iam = aws("iam")
    issuer = aws.cluster()["identity"]["oidc"]["issuer"]
    made = iam.create_open_id_connect_provider(
        Url=issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["9" * 40], Tags=[{"Key": "a", "Value": "1"}]
    )
    arn = made["OpenIDConnectProviderArn"]
    seen = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert issuer.endswith(seen["Url"])
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with aws.refused("NoSuchEntity", 404):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_a_queue_keeps_its_attributes_policy_and_tags(aws) -> None:
    sqs = aws("sqs")
    attributes = {"MessageRetentionPeriod": "300", "SqsManagedSseEnabled": "true"}
    url = sqs.create_queue(QueueName="karpenter", Attributes=attributes, tags={"a": "1"})["QueueUrl"]
    assert urlsplit(url).path == "/123456789012/karpenter"
    assert url.startswith(aws.endpoint)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": POLICY, "VisibilityTimeout": "60"})
    seen = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert seen["QueueArn"] == "arn:aws:sqs:us-west-2:123456789012:karpenter"
    assert json.loads(seen["Policy"]) == json.loads(POLICY)
    assert seen.items() >= (attributes | {"VisibilityTimeout": "60"}).items()
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    with aws.refused("QueueAlreadyExists"):
        sqs.create_queue(QueueName="karpenter", Attributes={"MessageRetentionPeriod": "600"})
    sqs.delete_queue(QueueUrl=url)
    with aws.refused("AWS.SimpleQueueService.NonExistentQueue"):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])


def test_a_rule_delivers_its_events_to_the_queue(aws) -> None:
    sqs, events = aws("sqs"), aws("events")
    url = sqs.create_queue(QueueName="karpenter")["QueueUrl"]
    arn = "arn:aws:sqs:us-west-2:123456789012:karpenter"
    pattern = json.dumps({"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]})
    made = events.put_rule(Name="spot", EventPattern=pattern, Tags=[{"Key": "a", "Value": "1"}])
    events.put_targets(Rule="spot", Targets=[{"Id": "queue", "Arn": arn}])
    seen = events.describe_rule(Name="spot")
    assert json.loads(seen["EventPattern"]) == json.loads(pattern)
    assert (seen["State"], seen["EventBusName"]) == ("ENABLED", "default")
    assert events.list_targets_by_rule(Rule="spot")["Targets"] == [{"Id": "queue", "Arn": arn}]
    assert events.list_tags_for_resource(ResourceARN=made["RuleArn"])["Tags"] == [{"Key": "a", "Value": "1"}]
    detail = {"instance-id": "i-1", "instance-action": "terminate"}
    for kind in ("EC2 Spot Instance Interruption Warning", "Another"):
        entry = {"Source": "aws.ec2", "DetailType": kind, "Detail": json.dumps(detail), "Resources": ["i-1"]}
        events.put_events(Entries=[entry])
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["detail"] for message in messages] == [detail]
    with aws.refused("ValidationException"):
        events.delete_rule(Name="spot")
    events.remove_targets(Rule="spot", Ids=["queue"])
    events.delete_rule(Name="spot")
    with aws.refused("ResourceNotFoundException"):
        events.describe_rule(Name="spot")
    with aws.refused("ResourceNotFoundException"):
        events.list_targets_by_rule(Rule="spot")


def test_the_caller_is_known(aws) -> None:
    about = aws("sts").get_caller_identity()
    assert about["Account"] == "123456789012"
    assert about["Arn"].startswith("arn:aws:")
