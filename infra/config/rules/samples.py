"""Whether a sample can run: what it names is there, its pods may use it, and the machines and quota suffice."""

from collections.abc import Iterator, Mapping

from infra import iam_tenant
from infra import samples as shipped
from infra.allocatable import quantity
from infra.config.pools import Pool
from infra.config.portable import NodePool, ObjectStorage
from infra.config.rules.base import Problem, rule
from infra.config.samples import Samples
from infra.config.storage import Storage
from infra.config.tenants import Ray, Team
from infra.contract import HEAD_ACCOUNT, SERVE_ACCOUNT, WORKER_ACCOUNT
from infra.ranking import DIMENSIONS
from workloads.spec import Cluster, schedule_of

NEEDS: Mapping[str, Mapping[str, Mapping[str, iam_tenant.Access]]] = {
    "train": {"bucket": {HEAD_ACCOUNT: "write", WORKER_ACCOUNT: "write"}},
    "serve": {"models": {SERVE_ACCOUNT: "read"}},
    "data": {
        "bucket": {HEAD_ACCOUNT: "read", WORKER_ACCOUNT: "write"},
        "models": {HEAD_ACCOUNT: "read", WORKER_ACCOUNT: "read"},
    },
    "hybrid": {"bucket": {HEAD_ACCOUNT: "write", WORKER_ACCOUNT: "write"}},
    "loop": {
        "checkpoints": {HEAD_ACCOUNT: "write", WORKER_ACCOUNT: "write"},
        "models": {HEAD_ACCOUNT: "write", WORKER_ACCOUNT: "read"},
        "data": {HEAD_ACCOUNT: "read", WORKER_ACCOUNT: "write"},
    },
}
"""Sample → key that names a bucket → what pods of each service account do with it."""

SIZE = {"train": "workers", "loop": "workers"}
"""The key that says how many machines a sample takes; `most` where it is not here."""


@rule
def samples_name_what_is_there(
    samples: Samples, tenants: Mapping[str, Team], storage: Storage | ObjectStorage
) -> Iterator[Problem]:
    for name, needs in NEEDS.items():
        sample = getattr(samples, name)
        if sample is None:
            continue
        if sample.tenant not in tenants:
            yield Problem(f"samples.{name}.tenant", f"no tenant {sample.tenant}", f"there are {', '.join(tenants)}")
        for key in needs:
            bucket = getattr(sample, key)
            if bucket not in storage.buckets:
                fix = f"there are {', '.join(storage.buckets)}"
                yield Problem(f"samples.{name}.{key}", f"no bucket {bucket}", fix)


@rule
def samples_may_use_their_buckets(samples: Samples, storage: Storage) -> Iterator[Problem]:
    for name, needs in NEEDS.items():
        sample = getattr(samples, name)
        for key, accounts in needs.items() if sample else ():
            bucket, path = getattr(sample, key), f"samples.{name}.{key}"
            for account, access in accounts.items() if bucket in storage.buckets else ():
                if access not in _granted(iam_tenant.access(account, bucket)):
                    yield Problem(path, f"pods of {account} may not {access} in {bucket}", _who(access, accounts))


@rule
def samples_have_their_machines(
    samples: Samples, tenants: Mapping[str, Team], pools: Mapping[str, Pool | NodePool]
) -> Iterator[Problem]:
    kinds = {pool.kind for pool in pools.values()}
    for name, spec in shipped.specs(samples, shipped.ANY_NAMES).items():
        sample = getattr(samples, name)
        for group in spec.cluster.workers:
            if group.pool not in kinds:
                key = next((key for key in ("pool", "memory_pool") if getattr(sample, key, "") == group.pool), "gpu")
                yield Problem(
                    f"samples.{name}.{key}", f"no pool of kind {group.pool}", "it would stay Pending; add one"
                )
        if sample.tenant not in tenants:
            continue
        quota, peak = tenants[sample.tenant].quota, _peak(spec.cluster)
        over = [
            f"{asked:g} {what} exceed the quota of {held:g} {what}"
            for what, asked, held in (
                ("GPUs", peak["gpus"], quota.gpus),
                ("vCPUs", peak["cpu"], quota.cpu),
                ("GiB of memory", peak["memory"], quantity(quota.memory) / 2**30),
            )
            if asked > held
        ]
        if over:
            yield Problem(
                f"samples.{name}.{SIZE.get(name, 'most')}",
                f"at its peak, {' and '.join(over)} of tenant {sample.tenant}",
                "pods would be refused: ask for fewer machines, or raise the quota",
            )


@rule
def samples_choose_among_machines(samples: Samples, pools: dict[str, Pool]) -> Iterator[Problem]:
    for name, spec in shipped.specs(samples, shipped.ANY_NAMES).items():
        kinds = {group.pool for group in spec.cluster.workers}
        if getattr(samples, name).optimise and not kinds & DIMENSIONS.keys():
            fix = "leave it out, or choose pools." + next(
                (key for key, pool in pools.items() if pool.kind in kinds), ""
            )
            message = f"machines of {', '.join(sorted(kinds))} are of one type: there is nothing to choose"
            yield Problem(f"samples.{name}.optimise", message, f"{fix.rstrip('.')}.instance_type")


@rule
def a_pipeline_has_what_it_repeats(samples: Samples, ray: Ray) -> Iterator[Problem]:
    timed = samples.pipeline
    if timed is None:
        return
    if samples.loop is None:
        yield Problem("samples.pipeline", "there is no loop to repeat", "add samples.loop")
    if timed.deploy and not ray.cron_jobs:
        yield Problem("samples.pipeline.deploy", "KubeRay takes no RayCronJob", "set ray.cron_jobs: true")
    try:
        schedule_of(timed.schedule)
    except ValueError as error:
        yield Problem("samples.pipeline.schedule", str(error))


def _granted(access: iam_tenant.Access | None) -> tuple[iam_tenant.Access, ...]:
    return {None: (), "read": ("read",), "write": ("read", "write")}[access]


def _who(access: iam_tenant.Access, accounts: Mapping[str, iam_tenant.Access]) -> str:
    fit = [
        bucket
        for bucket in sorted(iam_tenant.BUCKETS)
        if all(access in _granted(iam_tenant.access(account, bucket)) for account in accounts)
    ]
    return f"use {' or '.join(fit)}" if fit else "grant it in infra/iam_tenant.py"


def _peak(cluster: Cluster) -> dict[str, float]:
    """What head and workers together request when every group is as large as it may grow."""
    everyone = [
        (cluster.head.resources, 1),
        *((group.resources, group.maximum * group.hosts) for group in cluster.workers),
    ]
    return {
        "cpu": sum(each.cpu * count for each, count in everyone),
        "memory": sum(each.memory_gib * count for each, count in everyone),
        "gpus": sum(each.gpus * count for each, count in everyone),
    }
