"""`rayeks history`: where a stack's logs are, and how what happened on its Ray clusters looks on a terminal."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.text import Text

from local import aws
from rayeks.engine.outputs import read as outputs_of
from rayeks.engine.workspace import LOCAL
from rayeks.errors import UserError
from rayeks.history import Cluster, History, Source, read
from rayeks.history.bucket import AT_ONCE
from rayeks.history.model import Job

GOOD = ("SUCCEEDED", "ENDED")


def find(stack: str, name: str | None, *, days: int, team: str | None, progress: Callable[[str], None]) -> History:
    """The history of a stack's Ray clusters, or of those that a name means. UserError where there is none of it."""
    outputs = outputs_of(stack)
    source, namespace = source_of(stack, outputs), _namespace(outputs, team)
    since: date = (datetime.now(UTC) - timedelta(days=days)).date()
    found = read(_s3(stack, outputs), source, since=since, namespace=namespace, progress=progress)
    if name is None:
        return found
    chosen = found.only(name)
    if not chosen.clusters:
        known = ", ".join(list(found.names())[:10]) or "none"
        raise UserError(
            f"no Ray cluster or job {name!r} wrote events in the last {days} days",
            f"look further back with --days; there are {known}",
        )
    return chosen


def source_of(stack: str, outputs: Mapping[str, Any]) -> Source:
    """Where the stack's logs are, by its outputs."""
    told = outputs.get("logs")
    if told is None:
        raise UserError(f"the stack {stack} ships no logs", "add observability.logs to its file, and deploy")
    return Source(told["bucket"], told["prefix"])


def _namespace(outputs: Mapping[str, Any], team: str | None) -> str | None:
    if team is None:
        return None
    if team not in outputs["namespaces"]:
        raise UserError(f"no team {team!r}", f"there are {', '.join(outputs['namespaces']) or 'none'}")
    return outputs["namespaces"][team]


def _s3(stack: str, outputs: Mapping[str, Any]) -> Any:
    """A client for the stack's bucket: of this machine's AWS, or with the person's own credentials."""
    import boto3
    from botocore.config import Config

    config = Config(max_pool_connections=AT_ONCE)
    if stack == LOCAL:
        running = aws.status()
        if running is None:
            raise UserError("the local AWS does not run", "rayeks up local")
        env = aws.environment(running.endpoint)
        keys = {"aws_access_key_id": env["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"]}
        return boto3.client("s3", endpoint_url=running.endpoint, region_name=running.region, config=config, **keys)
    told = outputs["logs"]
    return boto3.client("s3", region_name=told["region"], endpoint_url=told.get("endpoint"), config=config)


def show(console: Console, found: History) -> None:
    """Every cluster with its jobs, its nodes, what failed on it, and where its logs are."""
    if not found.clusters:
        console.print("no Ray cluster wrote events in that time")
    for cluster in found.clusters:
        title = Text.assemble((cluster.name, "bold cyan"), f"  {cluster.namespace}  ")
        title.append(f"{_time(cluster.started)} until {_time(cluster.heard)}, as last heard", style="dim")
        console.print(title, soft_wrap=True)
        for line in _lines(cluster):
            console.print(line, soft_wrap=True)
        console.print()
    if found.unread:
        console.print(Text(f"{found.unread} lines were cut off and could not be read", style="yellow"))


def _lines(cluster: Cluster) -> Iterator[Text]:
    """One line for each job, node, failure and place of logs; none is folded, so that a pipe can look for them."""
    for job in cluster.jobs:
        style = "green" if job.status in GOOD else "red" if job.status == "FAILED" else "yellow"
        said = job.message if job.status == "FAILED" else job.entrypoint
        yield _line("job", job.id, (job.status, style), _time(job.started), _took(job), said)
    for node in cluster.nodes:
        gone = f"gone {_time(node.ended)}" if node.ended else "there when last heard of"
        yield _line("node", node.address, "head" if node.head else "worker", _time(node.started), gone, node.reason)
    for failure in cluster.failures:
        times = f"× {failure.count}" if failure.count > 1 else ""
        yield _line("failed", failure.what, times, _time(failure.last), failure.job, (failure.error, "red"))
    for place in cluster.logs:
        yield _line("logs", (place, "dim"))


def _line(kind: str, *parts: str | tuple[str, str]) -> Text:
    line = Text(f"  {kind:<7} ")
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part, "")
        line.append(f"{text}  " if text else "", style=style)
    return line


def _took(job: Job) -> str:
    return f"{job.seconds:.0f} s" if job.seconds is not None else ""


def _time(seconds: float | None) -> str:
    """A moment in UTC, as the bucket's folders are."""
    return "unknown" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
