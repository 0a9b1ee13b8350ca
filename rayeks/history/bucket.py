"""Reading Ray's events where fluent-bit put them: `<cluster>/ray/<namespace>/<pod>/<file>/<day>/…gz`, JSON lines."""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rayeks.errors import UserError
from rayeks.history.events import Event, cluster_of, history
from rayeks.history.model import Cluster, History

EVENTS = "event_EXPORT_"
AT_ONCE = 16


@dataclass(frozen=True)
class Source:
    """Where a stack's logs are: a bucket, and the stack's own part of it."""

    bucket: str
    stack: str

    def ray(self, *parts: str) -> str:
        """The prefix of Ray's files, of a namespace, of a pod."""
        return "/".join([self.stack, "ray", *parts, ""])


def read(
    s3: Any,
    source: Source,
    *,
    since: date,
    namespace: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> History:
    """The history of every Ray cluster that wrote events since a day, or of those of one namespace.

    `s3` is a boto3 client. UserError where the bucket cannot be read.
    """
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            spaces = [namespace] if namespace else list(_folders(s3, source, source.ray()))
            pods = [(space, pod) for space in spaces for pod in _folders(s3, source, source.ray(space))]
            progress(f"looking for events of {len(pods)} pods in s3://{source.bucket}/{source.ray()}")
            found = dict(zip(pods, pool.map(lambda at: list(_keys(s3, source, *at, since)), pods), strict=True))
            keys = [key for listed in found.values() for key in listed]
            progress(f"reading {len(keys)} files of events")
            lines = dict(zip(keys, pool.map(lambda key: _lines(s3, source.bucket, key), keys), strict=True))
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            f"the logs in s3://{source.bucket}/{source.ray()} cannot be read: {error}",
            "ask with credentials that may list and read the bucket",
        ) from None
    clusters = []
    for space in spaces:
        events = {pod: [line for key in found[space, pod] for line in lines[key]] for at, pod in pods if at == space}
        clusters += _clusters(source, space, {pod: list(_known(texts)) for pod, texts in events.items()})
    unread = sum(1 for texts in lines.values() for text in texts if _event(text) is None)
    return History(tuple(sorted(clusters, key=lambda one: one.started, reverse=True)), unread)


def _clusters(source: Source, namespace: str, events: dict[str, list[Event]]) -> Iterator[Cluster]:
    """The clusters of a namespace. Pods without a head that is known say nothing of whose they are."""
    pods: dict[str, list[str]] = defaultdict(list)
    for pod in events:
        if name := cluster_of(pod, events):
            pods[name].append(pod)
    for name, own in pods.items():
        told = [event for pod in own for event in events[pod]]
        if told:
            where = [f"s3://{source.bucket}/{source.ray(namespace, pod)}" for pod in own]
            yield history(namespace, name, told, where)


def _folders(s3: Any, source: Source, prefix: str) -> Iterator[str]:
    """The names of what lies below a prefix."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=prefix, Delimiter="/"):
        for found in page.get("CommonPrefixes", ()):
            yield found["Prefix"].removeprefix(prefix).rstrip("/")


def _keys(s3: Any, source: Source, namespace: str, pod: str, since: date) -> Iterator[str]:
    """The objects of a pod's events since a day, which is the last but one part of their names."""
    prefix = source.ray(namespace, pod) + EVENTS
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=prefix):
        for found in page.get("Contents", ()):
            if found["Key"].split("/")[-2] >= since.isoformat():
                yield found["Key"]


def _lines(s3: Any, bucket: str, key: str) -> list[str]:
    """What Ray wrote, line by line, out of fluent-bit's records."""
    body = gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return [json.loads(record).get("log", "") for record in body.decode(errors="replace").splitlines() if record]


def _known(texts: Iterable[str]) -> Iterator[Event]:
    yield from (event for text in texts if (event := _event(text)) is not None)


def _event(text: str) -> Event | None:
    """The event of a line; None where it was cut off."""
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "source_type" in event else None
