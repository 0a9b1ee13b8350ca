"""Topics, secrets and flow logs of the local AWS, as an infrastructure client creates and reads them back."""

import json


def test_a_topic_keeps_attributes_tags_and_subscriptions(aws) -> None:
    sns, sqs = aws("sns"), aws("sqs")
    key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
    arn = sns.create_topic(
        Name="alerts", Attributes={"KmsMasterKeyId": key, "DisplayName": "Alerts"}, Tags=[{"Key": "a", "Value": "1"}]
    )["TopicArn"]
    seen = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert arn == "arn:aws:sns:us-west-2:123456789012:alerts"
    assert (seen["KmsMasterKeyId"], seen["DisplayName"], seen["Owner"]) == (key, "Alerts", "123456789012")
    assert json.loads(seen["Policy"])["Statement"]
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=queue,
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    about = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert (about["Endpoint"], about["RawMessageDelivery"]) == (queue, "true")
    sns.publish(TopicArn=arn, Message="hello")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    sns.unsubscribe(SubscriptionArn=subscription)
    with aws.refused("NotFound", 404):
        sns.get_subscription_attributes(SubscriptionArn=subscription)
    sns.delete_topic(TopicArn=arn)
    with aws.refused("NotFound", 404):
        sns.get_topic_attributes(TopicArn=arn)


def test_a_secret_keeps_its_versions_and_is_deleted_with_a_window(aws) -> None:
    client = aws("secretsmanager")
    made = client.create_secret(Name="db", SecretString="one", Description="d", Tags=[{"Key": "a", "Value": "1"}])
    client.put_secret_value(SecretId="db", SecretString="two")
    assert client.get_secret_value(SecretId="db")["SecretString"] == "two"
    assert client.get_secret_value(SecretId="db", VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    seen = client.describe_secret(SecretId=made["ARN"])
    assert (seen["Description"], seen["Tags"]) == ("d", [{"Key": "a", "Value": "1"}])
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId="db")
    with aws.refused("ResourceExistsException"):
        client.create_secret(Name="db", SecretString="x")
    client.delete_secret(SecretId="db", RecoveryWindowInDays=7)
    with aws.refused("InvalidRequestException"):
        client.get_secret_value(SecretId="db")
    client.restore_secret(SecretId="db")
    client.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)
    with aws.refused("ResourceNotFoundException"):
        client.describe_secret(SecretId="db")


def test_flow_logs_go_to_a_log_group_or_a_bucket(aws) -> None:
    ec2 = aws("ec2")
    vpc, _ = aws.network("a")
    role = aws.role("flow", "vpc-flow-logs.amazonaws.com")
    aws("logs").create_log_group(logGroupName="/vpc/flow")
    aws("s3").create_bucket(Bucket="flow", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    tags = [{"Key": "Name", "Value": "flow"}]
    first = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogDestination="arn:aws:logs:us-west-2:123456789012:log-group:/vpc/flow",
        DeliverLogsPermissionArn=role,
        MaxAggregationInterval=60,
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tags}],
    )["FlowLogIds"]
    second = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="REJECT",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::flow",
    )["FlowLogIds"]
    seen = {item["FlowLogId"]: item for item in ec2.describe_flow_logs()["FlowLogs"]}
    assert set(seen) == {*first, *second}
    about = seen[first[0]]
    assert (about["ResourceId"], about["TrafficType"], about["MaxAggregationInterval"]) == (vpc, "ALL", 60)
    assert about["DeliverLogsPermissionArn"] == role
    assert about["LogDestination"] == "arn:aws:logs:us-west-2:123456789012:log-group:/vpc/flow"
    assert (about["FlowLogStatus"], about["Tags"]) == ("ACTIVE", tags)
    assert seen[second[0]]["LogDestinationType"] == "s3"
    ec2.delete_flow_logs(FlowLogIds=[*first, *second])
    assert ec2.describe_flow_logs()["FlowLogs"] == []


def test_account_settings_are_answered(aws) -> None:
    ec2 = aws("ec2")
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    ec2.enable_ebs_encryption_by_default()
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
    assert ec2.get_allowed_images_settings()["State"] == "disabled"
    regions = {item["RegionName"]: item["OptInStatus"] for item in ec2.describe_regions()["Regions"]}
    assert regions["us-west-2"] == "opt-in-not-required"
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert {zone["State"] for zone in zones} == {"available"}
