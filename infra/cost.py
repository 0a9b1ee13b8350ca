"""What is paid for: budgets with alerts, unusual spending, the bill as data."""

import json

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import bcmdata, budgets, costexplorer, sns

from infra import contract, iam
from infra.buckets import Bucket, bucket_name
from infra.config.cost import Budget
from infra.config.cost import Cost as Settings
from infra.config.storage import Bucket as BucketSettings
from infra.iam import Aws
from infra.keys import DataKey

ALERTERS = ("budgets.amazonaws.com", "costalerts.amazonaws.com")
"""AWS Budgets and Cost Anomaly Detection, as principals of the topic's policy."""

BILL_COLUMNS = (
    "bill_billing_period_start_date",
    "line_item_usage_start_date",
    "line_item_usage_account_id",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_resource_id",
    "line_item_line_item_type",
    "line_item_usage_amount",
    "line_item_unblended_cost",
    "product_instance_type",
    "resource_tags",
    "split_line_item_parent_resource_id",
    "split_line_item_split_cost",
    "split_line_item_unused_cost",
    "split_line_item_split_usage",
)
"""The bill's columns that a cost per team, pool or job needs; `SELECT *` is refused."""


class Cost(pulumi.ComponentResource):
    """Budgets, anomalies, cost-allocation tags and the bill's export, each where the stack file asks for it."""

    def __init__(self, name: str, settings: Settings, *, environment: str, key: DataKey, aws: Aws):
        super().__init__("rayeks:infra:Cost", name)
        self._name, self._child = name, ResourceOptions(parent=self)
        topic, policy = self._topic(settings, aws)
        # AWS Budgets refuses a topic that does not let it publish yet.
        self._alerting = ResourceOptions(parent=self, depends_on=[policy])
        for scope, budget in settings.budgets.items():
            self._budget(scope, budget, environment, topic)
        if settings.anomaly_usd:
            self._anomalies(settings.anomaly_usd, topic)
        for tag in settings.activate_tags:
            costexplorer.CostAllocationTag(f"{name}-{tag}", tag_key=tag, status="Active", opts=self._child)
        if settings.export:
            self._export(settings.export, key, aws)
        self.register_outputs({})

    def _topic(self, settings: Settings, aws: Aws) -> tuple[sns.Topic, sns.TopicPolicy]:
        name = f"{self._name}-cost"
        arn = aws.arn("sns", name)
        topic = sns.Topic(name, name=name, display_name=f"Cost of {self._name}", opts=self._child)
        policy = sns.TopicPolicy(
            name, arn=topic.arn, policy=json.dumps(iam.topic(aws, arn, ALERTERS)), opts=self._child
        )
        for email in settings.subscribers:
            sns.TopicSubscription(
                f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=self._child
            )
        return topic, policy

    def _budget(self, scope: str, budget: Budget, environment: str, topic: sns.Topic) -> None:
        name = f"{self._name}-{scope}"
        budgets.Budget(
            name,
            name=name,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{budget.monthly_usd:.2f}",
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": [budget_filter(budget, environment)]}],
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "threshold": threshold,
                    "threshold_type": "PERCENTAGE",
                    "notification_type": kind,
                    "subscriber_sns_topic_arns": [topic.arn],
                }
                for kind, threshold in alerts(budget)
            ],
            opts=self._alerting,
        )

    def _anomalies(self, at_least_usd: float, topic: sns.Topic) -> None:
        monitor = costexplorer.AnomalyMonitor(
            self._name,
            name=self._name,
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
            opts=self._alerting,
        )
        costexplorer.AnomalySubscription(
            self._name,
            name=self._name,
            # Only immediate alerts may go to SNS; daily and weekly ones must be e-mails.
            frequency="IMMEDIATE",
            monitor_arn_lists=[monitor.arn],
            subscribers=[{"type": "SNS", "address": topic.arn}],
            threshold_expression={
                "dimension": {
                    "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    "match_options": ["GREATER_THAN_OR_EQUAL"],
                    "values": [str(at_least_usd)],
                }
            },
            opts=self._alerting,
        )

    def _export(self, settings: BucketSettings, key: DataKey, aws: Aws) -> None:
        name = bucket_name(self._name, "bill", aws)
        bucket = Bucket(
            name, settings, key_arn=key.arn, aws=aws, grants=[iam.bill_delivery(aws, name)], opts=self._child
        )
        bcmdata.Export(
            self._name,
            export={
                "name": self._name,
                "data_queries": [
                    {
                        "query_statement": f"SELECT {', '.join(BILL_COLUMNS)} FROM COST_AND_USAGE_REPORT",
                        "table_configurations": {
                            "COST_AND_USAGE_REPORT": {
                                # What is left out AWS fills in, and every later plan would replace the export.
                                "BILLING_VIEW_ARN": f"arn:{aws.partition}:billing::{aws.account}:billingview/primary",
                                "TIME_GRANULARITY": "HOURLY",
                                "INCLUDE_RESOURCES": "TRUE",
                                "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "TRUE",
                                "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
                                "INCLUDE_CAPACITY_RESERVATION_DATA": "FALSE",
                            }
                        },
                    }
                ],
                "destination_configurations": [
                    {
                        "s3_destinations": [
                            {
                                "s3_bucket": bucket.name,
                                "s3_prefix": "bill",
                                "s3_region": aws.region,
                                "s3_output_configurations": [
                                    {
                                        "format": "PARQUET",
                                        "compression": "PARQUET",
                                        "output_type": "CUSTOM",
                                        "overwrite": "OVERWRITE_REPORT",
                                    }
                                ],
                            }
                        ]
                    }
                ],
                "refresh_cadences": [{"frequency": "SYNCHRONOUS"}],
            },
            # AWS refuses a bucket that does not let it deliver yet, and a second export of one name.
            opts=ResourceOptions(parent=self, depends_on=[bucket], delete_before_replace=True),
        )


def budget_filter(budget: Budget, environment: str) -> str:
    """The tag that a budget counts, as AWS Budgets spells it: `user:<key>$<value>`."""
    return f"user:{contract.TEAM_LABEL}${budget.team}" if budget.team else f"user:environment${environment}"


def alerts(budget: Budget) -> list[tuple[str, int]]:
    """When to alert: actual spending at each threshold, and a forecast that passes the last."""
    return [*(("ACTUAL", percent) for percent in budget.alert_percent), ("FORECASTED", max(budget.alert_percent))]
