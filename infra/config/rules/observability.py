"""Whether logs have a bucket to go to, and costs somebody to sample them."""

from collections.abc import Iterator

from infra.config.base import Region
from infra.config.observability import Observability
from infra.config.rules.base import Problem, rule
from infra.config.storage import Storage


@rule
def logs_have_a_bucket(observability: Observability | None, storage: Storage) -> Iterator[Problem]:
    logs = observability.logs if observability else None
    if logs and logs.bucket not in storage.buckets:
        fix = f"there are {', '.join(storage.buckets)}; add one, with expire_days"
        yield Problem("observability.logs.bucket", f"no bucket {logs.bucket}", fix)


@rule
def alerts_go_where_the_cluster_is(observability: Observability | None, region: Region) -> Iterator[Problem]:
    topic = observability.alerts.topic if observability else None
    if topic is None:
        return
    service, place = topic.split(":")[2:4]
    if service != "sns":
        yield Problem("observability.alerts.topic", f"{topic} is no SNS topic", "arn:aws:sns:<region>:<account>:<name>")
    elif place != region:
        yield Problem("observability.alerts.topic", f"{topic} is not in {region}", "Alertmanager signs for one region")
