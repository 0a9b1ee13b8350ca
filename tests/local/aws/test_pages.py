"""botocore's own paginators as the judge: each list of what a stack makes is told in pages, whole and once.

They are AWS's words for "there is more", written by nobody here.
"""

import json
from typing import Any

import jmespath
import pytest
from botocore import xform_name

from local.providers.aws.resource import Call
from local.providers.aws.types import every
from tests.local.aws.conftest import Account
from tests.local.aws.full import HERE, full

__all__ = ["full"]

BUDGET = {"AccountId": HERE.account, "BudgetName": "b0"}
ALERT = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 50.0}
PERSON = {"clusterName": "ray-0", "principalArn": HERE.role("person")}
RAY = {"clusterName": "ray-0"}
PRICES = {"ServiceCode": "AmazonEC2", "Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-west-2"}]}

PAGES: dict[tuple[str, str], tuple[dict[str, Any], int]] = {
    ("ec2", "describe_vpcs"): ({}, 5),
    ("ec2", "describe_subnets"): ({}, 5),
    ("ec2", "describe_internet_gateways"): ({}, 5),
    ("ec2", "describe_nat_gateways"): ({}, 5),
    ("ec2", "describe_route_tables"): ({}, 5),
    ("ec2", "describe_security_groups"): ({}, 5),
    ("ec2", "describe_security_group_rules"): ({}, 5),
    ("ec2", "describe_vpc_endpoints"): ({}, 5),
    ("ec2", "describe_network_interfaces"): ({}, 5),
    ("ec2", "describe_flow_logs"): ({}, 5),
    ("ec2", "describe_launch_templates"): ({}, 5),
    ("ec2", "describe_launch_template_versions"): ({"LaunchTemplateName": "ray-0"}, 5),
    ("ec2", "describe_capacity_reservations"): ({}, 5),
    ("ec2", "describe_instance_types"): ({"Filters": [{"Name": "instance-type", "Values": ["m7i.*"]}]}, 5),
    ("ec2", "describe_tags"): ({}, 5),
    ("eks", "list_clusters"): ({}, 1),
    ("eks", "list_nodegroups"): (RAY, 1),
    ("eks", "list_addons"): (RAY, 1),
    ("eks", "list_fargate_profiles"): (RAY, 1),
    ("eks", "list_access_entries"): (RAY, 1),
    ("eks", "list_access_policies"): ({}, 1),
    ("eks", "list_associated_access_policies"): (PERSON, 1),
    ("eks", "list_pod_identity_associations"): (RAY, 1),
    ("eks", "describe_addon_versions"): ({"kubernetesVersion": "1.35"}, 1),
    ("eks", "describe_cluster_versions"): ({}, 1),
    ("iam", "list_roles"): ({}, 1),
    ("iam", "list_role_policies"): ({"RoleName": "person"}, 1),
    ("iam", "list_attached_role_policies"): ({"RoleName": "person"}, 1),
    ("iam", "list_policies"): ({"Scope": "Local"}, 1),
    ("iam", "list_instance_profiles"): ({}, 1),
    ("kms", "list_keys"): ({}, 1),
    ("kms", "list_aliases"): ({}, 1),
    ("logs", "describe_log_groups"): ({}, 1),
    ("s3", "list_objects_v2"): ({"Bucket": "ray-0"}, 1),
    ("s3", "list_object_versions"): ({"Bucket": "ray-0"}, 1),
    ("efs", "describe_file_systems"): ({}, 1),
    ("efs", "describe_access_points"): ({}, 1),
    ("fsx", "describe_file_systems"): ({}, 1),
    ("ecr", "describe_repositories"): ({}, 1),
    ("ecr", "describe_pull_through_cache_rules"): ({}, 1),
    ("secretsmanager", "list_secrets"): ({}, 1),
    ("sqs", "list_queues"): ({}, 1),
    ("sns", "list_topics"): ({}, 100),
    ("events", "list_rules"): ({}, 1),
    ("events", "list_targets_by_rule"): ({"Rule": "e0"}, 1),
    ("budgets", "describe_budgets"): ({"AccountId": HERE.account}, 1),
    ("budgets", "describe_notifications_for_budget"): (BUDGET, 1),
    ("budgets", "describe_subscribers_for_notification"): (BUDGET | {"Notification": ALERT}, 1),
    ("ce", "get_anomaly_subscriptions"): ({}, 1),
    ("bcm-data-exports", "list_exports"): ({}, 1),
    ("service-quotas", "list_service_quotas"): ({"ServiceCode": "ec2"}, 1),
    ("pricing", "get_products"): (PRICES, 1),
    ("resourcegroupstaggingapi", "get_resources"): ({}, 1),
}
"""(Service, paginator) → its parameters, and the smallest page that AWS gives."""

ONE_PAGE = {
    ("ce", "get_anomaly_monitors"),  # AWS allows one of services
    ("ec2", "describe_network_acls"),  # a VPC's own
    ("ec2", "describe_prefix_lists"),  # an endpoint's own
    ("efs", "describe_mount_targets"),  # a file system's, one a zone
    ("kms", "list_resource_tags"),
}
"""Paginators of the provider's reads that never have a second page in a stack."""


@pytest.mark.parametrize(("service", "name"), PAGES, ids=lambda part: part)
def test_small_pages_tell_what_one_large_page_tells(full: Account, service: str, name: str) -> None:
    params, size = PAGES[service, name]
    client = full(service)
    paginator = client.get_paginator(name)
    pages = list(paginator.paginate(**params, PaginationConfig={"PageSize": size} if service != "sns" else {}))
    assert len(pages) > 1, "everything came at once"
    keys = paginator.result_keys
    told = [[item for page in pages for item in _items(page, key)] for key in keys]
    whole = [[item for page in paginator.paginate(**params) for item in _items(page, key)] for key in keys]
    for small, large in zip(told, whole, strict=True):
        texts = [json.dumps(item, sort_keys=True, default=str) for item in small]
        assert len(set(texts)) == len(texts), "something was told twice"
        assert sorted(texts) == sorted(json.dumps(item, sort_keys=True, default=str) for item in large)
    assert all(len(_items(page, key)) <= size for page in pages for key in keys)


def _items(page: dict[str, Any], key: Any) -> list[Any]:
    return jmespath.search(key.expression, page) or []


def test_every_list_that_the_provider_reads_is_among_them(full: Account) -> None:
    read = {
        (row.service, xform_name(step.operation))
        for row in every().values()
        for step in row.reads
        if isinstance(step, Call)
    }
    paged = {(service, name) for service, name in read if full(service).can_paginate(name)}
    assert paged - PAGES.keys() == ONE_PAGE
