"""A RayJob manifest run on this machine: a real cluster of its shape, the entrypoint through Ray's Jobs API."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from infra import contract
from rayeks.errors import UserError
from rayeks.launching import leftovers, nodes
from rayeks.launching.machine import machine, terminable
from rayeks.launching.result import Result, row_of
from rayeks.launching.shape import Node, shape, token_auth

SPEAK_EVERY_S = 8.0
AGENT_TIMEOUT_S = 60.0

Follow = Callable[[str], None]


def launch_local(
    manifest: dict[str, Any],
    *,
    name: str,
    env: Mapping[str, str],
    follow: Follow = print,
    progress: nodes.Progress = print,
    variable: str = contract.RUN_VARIABLE,
) -> Result:
    """Run a RayJob's entrypoint to its end on a cluster of the manifest's shape, and leave nothing running.

    `env` is added to every node's environment; the run's `name` is told to the job as `$RUN_NAME`, or as
    `variable`. `follow` gets each line of the driver's log as it comes, `progress` what happens around it.
    Interrupted by Ctrl-C or SIGTERM it ends every process first. UserError when the cluster does not start.
    """
    began = time.monotonic()
    plan = shape(manifest, machine())
    leftovers.clean(progress)
    for note in plan.notes:
        progress(note)
    workers = plan.nodes[1:]
    if plan.kinds:
        ranges = ", ".join(f"{kind.node.group} {kind.least}–{kind.most}" for kind in plan.kinds)
        progress(f"starting Ray on this machine: a head, and nodes as they are needed: {ranges}")
    else:
        progress(f"starting Ray on this machine: a head and {len(workers)} nodes of {_sizes(workers)}")
    with terminable():
        auth = token_auth(manifest)
        cluster = nodes.start(plan, {**env, variable: name}, auth=auth, progress=progress)
        try:
            progress(f"the cluster is up after {time.monotonic() - began:.0f} s; dashboard {cluster.dashboard}")
            status, message, rows = asyncio.run(_run(cluster, manifest["spec"]["entrypoint"], follow, progress))
        finally:
            nodes.stop(cluster)
    return Result(name, status, time.monotonic() - began, message, rows, cluster.folder)


async def _run(
    cluster: nodes.Cluster, entrypoint: str, follow: Follow, progress: nodes.Progress
) -> tuple[str, str, list[dict[str, Any]]]:
    import logging

    from ray.job_submission import JobSubmissionClient

    logging.getLogger("ray.dashboard.modules.job.sdk").setLevel(logging.ERROR)
    client = JobSubmissionClient(cluster.dashboard, headers=cluster.headers())
    job = await _submit(client, entrypoint, cluster, progress)
    rows: list[dict[str, Any]] = []
    spoken = began = time.monotonic()
    lines = _lines(client, job)
    pending = asyncio.ensure_future(anext(lines, None))
    while True:
        done, _ = await asyncio.wait([pending], timeout=1)
        now = time.monotonic()
        if done:
            try:
                line = pending.result()
            except Exception:
                cluster.heal(progress)  # tells of a head that died, which is why the log broke off
                raise
            if line is None:
                break
            follow(line)
            rows += [row] if (row := row_of(line)) is not None else []
            spoken = now
            pending = asyncio.ensure_future(anext(lines, None))
        cluster.heal(progress)
        if now - spoken > SPEAK_EVERY_S:
            progress(f"the job is {client.get_job_status(job).value.lower()} ({now - began:.0f} s)")
            spoken = now
    info: Any = client.get_job_info(job)
    return info.status.value, info.message or "", rows


async def _submit(client: Any, entrypoint: str, cluster: nodes.Cluster, progress: nodes.Progress) -> str:
    """Submit a job; the API answers before the agent that takes jobs has registered, so refusals are retried."""
    deadline = time.monotonic() + AGENT_TIMEOUT_S
    while True:
        try:
            return await asyncio.to_thread(client.submit_job, entrypoint=entrypoint)
        except RuntimeError as error:
            if "No available agent" not in str(error) or time.monotonic() > deadline:
                raise UserError(
                    f"Ray does not take the job: {str(error).strip()}", f"the nodes' logs are in {cluster.folder}"
                ) from error
        cluster.heal(progress)
        await asyncio.sleep(0.5)


async def _lines(client: Any, job: str) -> AsyncIterator[str]:
    """The driver's log, a line at a time, until the job has ended."""
    rest = ""
    async for chunk in client.tail_job_logs(job):
        *whole, rest = (rest + chunk).split("\n")
        for line in whole:
            yield line
    if rest:
        yield rest


def _sizes(workers: tuple[Node, ...]) -> str:
    sizes = sorted({f"{node.cpus} CPU" + (f" and {node.gpus} GPU" if node.gpus else "") for node in workers})
    return " or ".join(sizes) or "nothing"
