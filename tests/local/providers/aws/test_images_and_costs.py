"""Registries, topics, budgets and anomaly alerts on the real engine: created, read back, repaired, changed, deleted."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation

from infra import iam
from infra.iam import Aws, topic
from infra.images import lifecycle

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def program(
    keep=30, usd="100.00", threshold=80, impact="50.0", mutable="IMMUTABLE", frequency="IMMEDIATE", upstream="quay.io"
):
    def run():
        alone = pulumi.ResourceOptions(delete_before_replace=True)
        repository = aws.ecr.Repository(
            "repository",
            name="ray/workloads",
            image_tag_mutability=mutable,
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "AES256"}],
        )
        aws.ecr.LifecyclePolicy("images", repository=repository.name, policy=json.dumps(lifecycle(keep)), opts=alone)
        aws.ecr.PullThroughCacheRule(
            "quay", ecr_repository_prefix="ray-quay", upstream_registry_url=upstream, opts=alone
        )
        alerts = aws.sns.Topic("alerts", name="ray-cost", display_name="Cost of ray")
        here = Aws("123456789012", "us-west-2")
        aws.sns.TopicPolicy(
            "who",
            arn=alerts.arn,
            policy=alerts.arn.apply(lambda arn: json.dumps(topic(here, arn, ["budgets.amazonaws.com"]))),
        )
        aws.sns.TopicSubscription("mail", topic=alerts.arn, protocol="email", endpoint="ml@example.com")
        aws.budgets.Budget(
            "budget",
            name="ray-everything",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=usd,
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": ["user:environment$prod"]}],
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "notification_type": kind,
                    "subscriber_sns_topic_arns": [alerts.arn],
                }
                for kind, percent in (("ACTUAL", threshold), ("FORECASTED", 100))
            ],
        )
        monitor = aws.costexplorer.AnomalyMonitor(
            "monitor", name="ray", monitor_type="DIMENSIONAL", monitor_dimension="SERVICE"
        )
        aws.costexplorer.AnomalySubscription(
            "subscription",
            name="ray",
            frequency=frequency,
            monitor_arn_lists=[monitor.arn],
            subscribers=[{"type": "SNS", "address": alerts.arn}],
            threshold_expression={
                "dimension": {
                    "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    "match_options": ["GREATER_THAN_OR_EQUAL"],
                    "values": [impact],
                }
            },
        )
        pulumi.export("topic", alerts.arn)
        pulumi.export("monitor", monitor.arn)

    return run


def test_registries_and_budgets_go_through_a_whole_life(account, engine):
    ecr, sns, budgets, ce = account("ecr"), account("sns"), account("budgets"), account("ce")
    stack = engine(program())
    assert stack.up() == {"create": 10}
    out = stack.outputs()
    where = {"AccountId": "123456789012", "BudgetName": "ray-everything"}

    assert ecr.describe_repositories()["repositories"][0]["imageTagMutability"] == "IMMUTABLE"
    assert (
        len(json.loads(ecr.get_lifecycle_policy(repositoryName="ray/workloads")["lifecyclePolicyText"])["rules"]) == 2
    )
    assert budgets.describe_budget(**where)["Budget"]["BudgetLimit"]["Unit"] == "USD"
    assert len(budgets.describe_notifications_for_budget(**where)["Notifications"]) == 2
    assert len(sns.list_subscriptions_by_topic(TopicArn=out["topic"])["Subscriptions"]) == 1
    subscription = ce.get_anomaly_subscriptions()["AnomalySubscriptions"][0]
    assert subscription["ThresholdExpression"]["Dimensions"]["Values"] == ["50.0"]
    assert stack.plan(refresh=True) == {}

    ecr.put_image_tag_mutability(repositoryName="ray/workloads", imageTagMutability="MUTABLE")
    ecr.delete_lifecycle_policy(repositoryName="ray/workloads")
    sns.set_topic_attributes(TopicArn=out["topic"], AttributeName="DisplayName", AttributeValue="stranger")
    budgets.update_budget(
        AccountId="123456789012",
        NewBudget=budgets.describe_budget(**where)["Budget"] | {"BudgetLimit": {"Amount": "999999", "Unit": "USD"}},
    )
    ce.update_anomaly_subscription(SubscriptionArn=subscription["SubscriptionArn"], Frequency="IMMEDIATE", Threshold=9)
    assert stack.up(refresh=True)["update"] >= 3
    assert ecr.describe_repositories()["repositories"][0]["imageTagMutability"] == "IMMUTABLE"
    assert float(budgets.describe_budget(**where)["Budget"]["BudgetLimit"]["Amount"]) == 100
    assert ecr.get_lifecycle_policy(repositoryName="ray/workloads")
    assert stack.plan(refresh=True) == {}

    changed = program(keep=10, usd="200.00", threshold=90, impact="75.0", mutable="MUTABLE", upstream="registry.k8s.io")
    assert stack.plan(changed) == {
        "repository": "update",
        "images": "replace",
        "quay": "replace",
        "budget": "update",
        "subscription": "update",
    }
    stack.up(changed)
    assert stack.plan(refresh=True) == {}
    assert {n["Threshold"] for n in budgets.describe_notifications_for_budget(**where)["Notifications"]} == {90, 100}

    stack.destroy()
    assert not ecr.describe_repositories()["repositories"]
    assert not budgets.describe_budgets(AccountId="123456789012").get("Budgets")
    assert not sns.list_topics()["Topics"]
    assert not ce.get_anomaly_monitors()["AnomalyMonitors"]


COLUMNS = "identity_line_item_id, line_item_unblended_cost"


def bill(columns=COLUMNS, granularity="HOURLY", team="research", billing=True):
    here = Aws("123456789012", "us-west-2")

    def run():
        bucket = aws.s3.Bucket("bill", bucket="ray-bill")
        let_in = [iam.bill_delivery(here, "ray-bill")] if billing else [iam.tls_only(here, "ray-bill")]
        policy = aws.s3.BucketPolicy("bill", bucket=bucket.id, policy=json.dumps(iam.document(*let_in)))
        settings = {
            "TIME_GRANULARITY": granularity,
            "INCLUDE_RESOURCES": "TRUE",
            "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "TRUE",
            "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
            "INCLUDE_CAPACITY_RESERVATION_DATA": "FALSE",
            "BILLING_VIEW_ARN": "arn:aws:billing::123456789012:billingview/primary",
        }
        output = {
            "format": "PARQUET",
            "compression": "PARQUET",
            "output_type": "CUSTOM",
            "overwrite": "OVERWRITE_REPORT",
        }
        destination: Any = {
            "s3_bucket": bucket.bucket,
            "s3_prefix": "bill",
            "s3_region": "us-west-2",
            "s3_output_configurations": [output],
        }
        aws.bcmdata.Export(
            "bill",
            export={
                "name": "ray",
                "data_queries": [
                    {
                        "query_statement": f"SELECT {columns} FROM COST_AND_USAGE_REPORT",
                        "table_configurations": {"COST_AND_USAGE_REPORT": settings},
                    }
                ],
                "destination_configurations": [{"s3_destinations": [destination]}],
                "refresh_cadences": [{"frequency": "SYNCHRONOUS"}],
            },
            tags={"team": team},
            opts=pulumi.ResourceOptions(depends_on=[policy], delete_before_replace=True),
        )

    return run


def test_the_bills_export_goes_through_a_whole_life(account, engine):
    exports = account("bcm-data-exports")
    stack = engine(bill())
    assert stack.up() == {"create": 4}
    [arn] = [one["ExportArn"] for one in exports.list_exports()["Exports"]]
    made = exports.get_export(ExportArn=arn)["Export"]
    assert made["DestinationConfigurations"]["S3Destination"]["S3Bucket"] == "ray-bill"
    assert made["DataQuery"]["TableConfigurations"]["COST_AND_USAGE_REPORT"]["TIME_GRANULARITY"] == "HOURLY"
    assert stack.plan(refresh=True) == {}

    del made["ExportArn"]
    made["DestinationConfigurations"]["S3Destination"]["S3Prefix"] = "elsewhere"
    exports.update_export(ExportArn=arn, Export=made)
    assert stack.up(refresh=True)["update"] == 1
    assert stack.plan(refresh=True) == {}

    assert stack.plan(bill(columns=f"{COLUMNS}, resource_tags", team="ads")) == {"bill": "update"}
    stack.up(bill(columns=f"{COLUMNS}, resource_tags", team="ads"))
    assert "resource_tags" in exports.get_export(ExportArn=arn)["Export"]["DataQuery"]["QueryStatement"]
    tags = exports.list_tags_for_resource(ResourceArn=arn)["ResourceTags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"project": "trial", "team": "ads"}

    assert stack.plan(bill(granularity="DAILY")) == {"bill": "replace"}
    stack.up(bill(granularity="DAILY"))
    assert [one["ExportArn"] for one in exports.list_exports()["Exports"]] != [arn]
    assert stack.plan(refresh=True) == {}

    stack.destroy()
    assert not exports.list_exports()["Exports"]


def test_an_export_into_a_closed_bucket_fails_in_billings_words(engine):
    with pytest.raises(automation.CommandError, match="does not exist or can't be written"):
        engine(bill(billing=False)).up()
