"""Budgets, Cost Explorer, data exports, prices and quotas of the local AWS."""

import json

import pytest

from infra import iam
from infra.iam import Aws

ACCOUNT = "123456789012"
HERE = Aws(ACCOUNT, "us-west-2")
TOPIC = f"arn:aws:sns:us-west-2:{ACCOUNT}:alerts"
ALARM = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}


def budget(aws, **given) -> None:
    about = {
        "BudgetName": "ray",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "1000", "Unit": "USD"},
        "CostFilters": {"TagKeyValue": ["user:team$ray"]},
    } | given
    aws("budgets").create_budget(
        AccountId=ACCOUNT,
        Budget=about,
        NotificationsWithSubscribers=[
            {"Notification": ALARM, "Subscribers": [{"SubscriptionType": "SNS", "Address": TOPIC}]}
        ],
        ResourceTags=[{"Key": "a", "Value": "1"}],
    )


def test_a_budget_is_made_read_back_changed_and_removed(aws) -> None:
    budgets, ask = aws("budgets"), {"AccountId": ACCOUNT, "BudgetName": "ray"}
    budget(aws)
    seen = budgets.describe_budget(**ask)["Budget"]
    assert seen["BudgetLimit"] == {"Amount": "1000.0", "Unit": "USD"}
    assert seen["CostFilters"] == {"TagKeyValue": ["user:team$ray"]}
    assert seen["CostTypes"]["IncludeTax"] is True
    assert seen["TimePeriod"]["End"].year == 2087
    assert [item["BudgetName"] for item in budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]] == ["ray"]
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/ray"
    budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "b", "Value": "2"}])
    budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["a"])
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "b", "Value": "2"}]
    changed = {key: seen[key] for key in ("BudgetName", "BudgetType", "TimeUnit", "CostFilters")}
    limit = {"Amount": "2000.5", "Unit": "USD"}
    budgets.update_budget(AccountId=ACCOUNT, NewBudget=changed | {"BudgetLimit": limit})
    assert budgets.describe_budget(**ask)["Budget"]["BudgetLimit"] == limit
    with aws.refused("DuplicateRecordException"):
        budget(aws)
    budgets.delete_budget(**ask)
    for operation in ("describe_budget", "delete_budget", "describe_notifications_for_budget"):
        with aws.refused("NotFoundException"):
            getattr(budgets, operation)(**ask)


def test_notifications_and_subscribers_come_and_go(aws) -> None:
    budgets, ask = aws("budgets"), {"AccountId": ACCOUNT, "BudgetName": "ray"}
    budget(aws)
    forecast = ALARM | {"NotificationType": "FORECASTED", "ThresholdType": "PERCENTAGE"}
    mail = {"SubscriptionType": "EMAIL", "Address": "team@example.com"}
    budgets.create_notification(**ask, Notification=forecast, Subscribers=[mail])
    seen = budgets.describe_notifications_for_budget(**ask)["Notifications"]
    assert [item["NotificationType"] for item in seen] == ["ACTUAL", "FORECASTED"]
    other = mail | {"Address": "other@example.com"}
    budgets.create_subscriber(**ask, Notification=forecast, Subscriber=other)
    budgets.delete_subscriber(**ask, Notification=forecast, Subscriber=mail)
    found = budgets.describe_subscribers_for_notification(**ask, Notification=forecast)["Subscribers"]
    assert found == [other]
    with aws.refused("DuplicateRecordException"):
        budgets.create_notification(**ask, Notification=forecast, Subscribers=[mail])
    budgets.update_notification(**ask, OldNotification=forecast, NewNotification=forecast | {"Threshold": 90.0})
    with aws.refused("NotFoundException"):
        budgets.delete_notification(**ask, Notification=forecast)


def test_wrong_budgets_and_subscribers_are_refused(aws) -> None:
    budgets, ask = aws("budgets"), {"AccountId": ACCOUNT, "BudgetName": "ray"}
    with aws.refused("InvalidParameterException", says="needs a limit"):
        about = {"BudgetName": "x", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
        budgets.create_budget(AccountId=ACCOUNT, Budget=about)
    budget(aws)
    with aws.refused("CreationLimitExceededException", says="SNS"):
        other = {"SubscriptionType": "SNS", "Address": TOPIC + "2"}
        budgets.create_subscriber(**ask, Notification=ALARM, Subscriber=other)
    with aws.refused("InvalidParameterException", says="not the ARN"):
        wrong = {"SubscriptionType": "SNS", "Address": "alerts"}
        other = ALARM | {"Threshold": 90.0}
        budgets.create_notification(**ask, Notification=other, Subscribers=[wrong])


def test_anomalies_are_watched_and_told(aws) -> None:
    ce = aws("ce")
    monitor = ce.create_anomaly_monitor(
        AnomalyMonitor={"MonitorName": "m", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"},
        ResourceTags=[{"Key": "a", "Value": "1"}],
    )["MonitorArn"]
    assert monitor.startswith(f"arn:aws:ce::{ACCOUNT}:anomalymonitor/")
    ce.update_anomaly_monitor(MonitorArn=monitor, MonitorName="n")
    seen = ce.get_anomaly_monitors(MonitorArnList=[monitor])["AnomalyMonitors"][0]
    assert (seen["MonitorName"], seen["MonitorDimension"]) == ("n", "SERVICE")
    threshold = {
        "Dimensions": {
            "Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
            "Values": ["100"],
            "MatchOptions": ["GREATER_THAN_OR_EQUAL"],
        }
    }
    about = {
        "SubscriptionName": "s",
        "Frequency": "IMMEDIATE",
        "MonitorArnList": [monitor],
        "Subscribers": [{"Type": "SNS", "Address": "arn:aws:sns:us-west-2:123456789012:alerts"}],
        "ThresholdExpression": threshold,
    }
    arn = ce.create_anomaly_subscription(AnomalySubscription=about)["SubscriptionArn"]
    seen = ce.get_anomaly_subscriptions(MonitorArn=monitor)["AnomalySubscriptions"][0]
    assert seen["SubscriptionArn"] == arn
    assert seen["ThresholdExpression"] == threshold
    ce.tag_resource(ResourceArn=monitor, ResourceTags=[{"Key": "b", "Value": "2"}])
    ce.untag_resource(ResourceArn=monitor, ResourceTagKeys=["a"])
    assert ce.list_tags_for_resource(ResourceArn=monitor)["ResourceTags"] == [{"Key": "b", "Value": "2"}]
    with aws.refused("ValidationException", says="e-mail"):
        ce.update_anomaly_subscription(SubscriptionArn=arn, Frequency="DAILY")
    with aws.refused("LimitExceededException"):
        ce.create_anomaly_monitor(
            AnomalyMonitor={"MonitorName": "o", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
        )
    ce.delete_anomaly_subscription(SubscriptionArn=arn)
    ce.delete_anomaly_monitor(MonitorArn=monitor)
    with aws.refused("UnknownMonitorException"):
        ce.get_anomaly_monitors(MonitorArnList=[monitor])
    with aws.refused("UnknownSubscriptionException"):
        ce.delete_anomaly_subscription(SubscriptionArn=arn)


def test_only_tags_that_are_in_use_can_be_activated(aws) -> None:
    ce = aws("ce")
    aws("ec2").create_vpc(
        CidrBlock="10.0.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "team", "Value": "ray"}]}],
    )
    aws.cluster(tags={"project": "ray"})
    listed = {tag["TagKey"]: tag["Status"] for tag in ce.list_cost_allocation_tags()["CostAllocationTags"]}
    assert listed["team"] == listed["project"] == "Inactive"
    answer = ce.update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[{"TagKey": key, "Status": "Active"} for key in ("team", "project", "none")]
    )
    assert [item["TagKey"] for item in answer["Errors"]] == ["none"]
    active = ce.list_cost_allocation_tags(Status="Active", Type="UserDefined")["CostAllocationTags"]
    assert {tag["TagKey"] for tag in active} == {"team", "project"}


QUERY = "SELECT identity_line_item_id, line_item_unblended_cost FROM COST_AND_USAGE_REPORT"


def export(aws, statement: str = QUERY, bucket: str = "cur", **settings: str) -> str:
    if bucket == "cur" and "cur" not in [item["Name"] for item in aws("s3").list_buckets()["Buckets"]]:
        aws("s3").create_bucket(Bucket="cur", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        policy = iam.document(iam.tls_only(HERE, "cur"), iam.bill_delivery(HERE, "cur"))
        aws("s3").put_bucket_policy(Bucket="cur", Policy=json.dumps(policy))
    output = {
        "OutputType": "CUSTOM",
        "Format": "PARQUET",
        "Compression": "PARQUET",
        "Overwrite": "OVERWRITE_REPORT",
    }
    return aws("bcm-data-exports", "us-east-1").create_export(
        Export={
            "Name": "cur2",
            "DataQuery": {
                "QueryStatement": statement,
                "TableConfigurations": {"COST_AND_USAGE_REPORT": settings},
            },
            "DestinationConfigurations": {
                "S3Destination": {
                    "S3Bucket": bucket,
                    "S3Prefix": "cur",
                    "S3Region": "us-west-2",
                    "S3OutputConfigurations": output,
                }
            },
            "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
        },
        ResourceTags=[{"Key": "a", "Value": "1"}],
    )["ExportArn"]


def test_an_export_is_made_filled_in_read_back_and_removed(aws) -> None:
    client = aws("bcm-data-exports", "us-east-1")
    arn = export(aws, TIME_GRANULARITY="HOURLY", INCLUDE_SPLIT_COST_ALLOCATION_DATA="TRUE")
    seen = client.get_export(ExportArn=arn)
    settings = seen["Export"]["DataQuery"]["TableConfigurations"]["COST_AND_USAGE_REPORT"]
    assert settings["INCLUDE_SPLIT_COST_ALLOCATION_DATA"] == "TRUE"
    assert settings["BILLING_VIEW_ARN"] == f"arn:aws:billing::{ACCOUNT}:billingview/primary"
    assert seen["ExportStatus"]["StatusCode"] == "HEALTHY"
    assert client.list_exports()["Exports"][0]["ExportArn"] == arn
    assert client.list_tags_for_resource(ResourceArn=arn)["ResourceTags"] == [{"Key": "a", "Value": "1"}]
    client.delete_export(ExportArn=arn)
    with aws.refused("ResourceNotFoundException"):
        client.get_export(ExportArn=arn)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"statement": "SELECT * FROM COST_AND_USAGE_REPORT"}, "list its columns"),
        ({"statement": "SELECT a FROM NOWHERE"}, "not one of"),
        ({"bucket": "nobody"}, "does not exist"),
        ({"TIME_GRANULARITY": "WEEKLY"}, "not supported"),
    ],
)
def test_a_wrong_export_is_refused(aws, given: dict, says: str) -> None:
    with aws.refused("ValidationException", says=says):
        export(aws, **given)


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [iam.tls_only(HERE, "cur")],
        [iam.bill_delivery(Aws("999999999999", "us-west-2"), "cur")],
        [iam.bill_delivery(HERE, "another")],
        [iam.bill_delivery(HERE, "cur") | {"Action": ["s3:GetBucketPolicy"]}],
        [iam.bill_delivery(HERE, "cur") | {"Principal": {"Service": "billingreports.amazonaws.com"}}],
    ],
)
def test_an_export_into_a_bucket_that_does_not_let_billing_write_is_refused(aws, statements) -> None:
    arn = export(aws)
    aws("bcm-data-exports", "us-east-1").delete_export(ExportArn=arn)
    aws("s3").delete_bucket_policy(Bucket="cur")
    if statements:
        aws("s3").put_bucket_policy(Bucket="cur", Policy=json.dumps(iam.document(*statements)))
    with aws.refused("ValidationException", says="can't be written"):
        export(aws)


def test_quotas_start_as_in_a_new_account_and_can_be_raised(aws) -> None:
    client = aws("service-quotas")
    gpus = {"ServiceCode": "ec2", "QuotaCode": "L-417A185B"}
    assert client.get_service_quota(**gpus)["Quota"]["Value"] == 0
    assert client.request_service_quota_increase(**gpus, DesiredValue=384)["RequestedQuota"]["Status"] == "APPROVED"
    quota = client.get_service_quota(**gpus)["Quota"]
    assert (quota["Value"], quota["QuotaName"]) == (384, "Running On-Demand P instances")
    assert client.get_aws_default_service_quota(**gpus)["Quota"]["Value"] == 0
    for service, code in (
        ("eks", "L-1194D53C"),
        ("fsx", "L-8F1B9C74"),
        ("vpc", "L-FE5A380F"),
        ("ebs", "L-7A658B76"),
        ("iam", "L-FE177D64"),
    ):
        assert client.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"] > 0
    codes = {item["QuotaCode"] for item in client.list_service_quotas(ServiceCode="ec2")["Quotas"]}
    assert {"L-1216C47A", "L-34B43A08", "L-DB2E81BA"} <= codes
    with aws.refused("NoSuchResourceException"):
        client.get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")


def test_the_price_list_names_the_price_of_an_instance(aws) -> None:
    filters = {"instanceType": "p5.48xlarge", "regionCode": "us-west-2", "operatingSystem": "Linux"}
    pages = (
        aws("pricing", "us-east-1")
        .get_paginator("get_products")
        .paginate(
            ServiceCode="AmazonEC2",
            Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters.items()],
        )
    )
    products = [json.loads(item) for page in pages for item in page["PriceList"]]
    assert len(products) == 1
    offer = next(iter(products[0]["terms"]["OnDemand"].values()))
    dimension = next(iter(offer["priceDimensions"].values()))
    assert float(dimension["pricePerUnit"]["USD"]) == 55.04


def test_resources_of_all_services_are_found_by_tag(aws) -> None:
    aws.cluster(tags={"team": "ray"})
    aws("efs").create_file_system(CreationToken="x", Tags=[{"Key": "team", "Value": "ray"}])
    aws("sqs").create_queue(QueueName="q", tags={"team": "ray"})
    found = aws("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "team", "Values": ["ray"]}])
    services = {item["ResourceARN"].split(":")[2] for item in found["ResourceTagMappingList"]}
    assert services == {"eks", "elasticfilesystem", "sqs"}
    arn = "arn:aws:eks:us-west-2:123456789012:cluster/ray"
    aws("resourcegroupstaggingapi").tag_resources(ResourceARNList=[arn], Tags={"b": "2"})
    assert aws("eks").describe_cluster(name="ray")["cluster"]["tags"] == {"team": "ray", "b": "2"}
