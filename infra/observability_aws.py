"""What is seen of a stack on AWS and goes on to AWS: to which services, and as whom."""

import json

import pulumi
from pulumi import ResourceOptions

from infra import gpus, iam, logs
from infra.buckets import bucket_name
from infra.cluster import Cluster
from infra.config import Platform
from infra.config.observability import AwsObservability
from infra.destinations import Destinations
from infra.identity import PodRole
from infra.isolation import AGENTS, MONITORING
from infra.monitors import Watched
from infra.observability import ALERTMANAGER, COLLECTOR, PROMETHEUS


def watched(platform: Platform) -> Watched:
    """What there is to see of the stack."""
    return Watched(
        teams=tuple(platform.tenants),
        queues=bool(platform.queues),
        gpus=AGENTS if gpus.gpu_pools(platform.node_groups, platform.pools) else None,
        machines=True,
    )


def destinations(platform: Platform, settings: AwsObservability) -> Destinations:
    """AMP, SNS, X-Ray and the stack's own bucket, in the stack's region."""
    region = platform.region
    signed = {"sigv4": {"region": region}}
    workspace, topic, logged = settings.prometheus.workspace, settings.alerts.topic, settings.logs
    url = f"https://aps-workspaces.{region}.amazonaws.com/workspaces/{workspace}/api/v1/remote_write"
    told = {"sns_configs": [{"topic_arn": topic, **signed, "send_resolved": True}]}
    return Destinations(
        storage_class="gp3",
        remote_write=({"url": url, **signed},) if workspace else (),
        receiver=told if topic else {},
        logs={"bucket": bucket_name(platform.name, logged.bucket, platform.aws), "region": region} if logged else {},
        traces={"awsxray": {"region": region}},
    )


def statements(platform: Platform, settings: AwsObservability) -> dict[str, list[iam.Statement]]:
    """Service account → what its pods may do in AWS, for those that send anything there."""
    aws = platform.aws
    found: dict[str, list[iam.Statement]] = {}
    if settings.prometheus.workspace:
        arn = aws.arn("aps", f"workspace/{settings.prometheus.workspace}")
        found[PROMETHEUS] = [iam.allow("Write", ["aps:RemoteWrite"], [arn])]
    if settings.alerts.topic:
        found[ALERTMANAGER] = [iam.allow("Tell", ["sns:Publish"], [settings.alerts.topic])]
    if settings.logs:
        bucket = aws.bucket(bucket_name(platform.name, settings.logs.bucket, aws))
        found[logs.ACCOUNT] = [
            iam.allow("Put", logs.ACTIONS, [f"{bucket}/{platform.name}/*"]),
            iam.use_data_key(aws, platform.name),
        ]
    if settings.traces:
        # Traces are no resources that could be named.
        here = {"StringEquals": {"aws:RequestedRegion": platform.region}}
        found[COLLECTOR] = [iam.allow("Send", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"], here)]
    return found


def identities(
    opts: ResourceOptions, *, platform: Platform, settings: AwsObservability, cluster: Cluster
) -> dict[str, pulumi.Resource]:
    """Service account → the role that its pods hold, as resources with `opts`."""
    return {
        account: PodRole(
            f"{platform.name}-{account}",
            aws=platform.aws,
            cluster=cluster.name,
            made=cluster.made,
            namespace=AGENTS if account == logs.ACCOUNT else MONITORING,
            service_account=account,
            policies={"send": json.dumps(iam.document(*allowed))},
            after=[cluster.joinable],
            opts=opts,
        )
        for account, allowed in statements(platform, settings).items()
    }
