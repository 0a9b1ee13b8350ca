"""Whether logs have a bucket to go to, spans a collector, and alerts what they are of."""

from collections.abc import Iterator

from infra.config.base import Region
from infra.config.observability import AwsObservability, Observability
from infra.config.portable import ObjectStorage
from infra.config.rules.base import Problem, rule
from infra.config.samples import Samples
from infra.config.storage import Storage

SAMPLES = tuple(Samples.model_fields)


@rule
def logs_have_a_bucket(observability: Observability | None, storage: Storage | ObjectStorage) -> Iterator[Problem]:
    logs = observability.logs if observability else None
    if logs and logs.bucket not in storage.buckets:
        fix = f"there are {', '.join(storage.buckets)}; add one, with expire_days"
        yield Problem("observability.logs.bucket", f"no bucket {logs.bucket}", fix)


@rule
def traces_have_a_collector(observability: Observability | None, samples: Samples) -> Iterator[Problem]:
    if not (observability and observability.traces):
        for name in SAMPLES:
            if getattr(getattr(samples, name), "traced", False):
                fix = "add observability.traces, or leave it out"
                yield Problem(f"samples.{name}.traced", "the stack has no collector", fix)


@rule
def spending_is_sampled(observability: Observability | None) -> Iterator[Problem]:
    if observability and observability.alerts.hourly_usd and not observability.costs:
        fix = "add observability.costs, or leave it out"
        yield Problem("observability.alerts.hourly_usd", "nothing says what nodes cost", fix)


@rule
def alerts_go_where_the_cluster_is(observability: AwsObservability | None, region: Region) -> Iterator[Problem]:
    topic = observability.alerts.topic if observability else None
    if topic is None:
        return
    service, place = topic.split(":")[2:4]
    if service != "sns":
        yield Problem("observability.alerts.topic", f"{topic} is no SNS topic", "arn:aws:sns:<region>:<account>:<name>")
    elif place != region:
        yield Problem("observability.alerts.topic", f"{topic} is not in {region}", "Alertmanager signs for one region")
