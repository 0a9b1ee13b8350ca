"""Ray's export events as a history: pure functions on the lines that its processes wrote.

Ray 2.60 writes them with RAY_enable_export_api_write_config, one JSON a line, in the fields of its
`export_*_data.proto` files. Ids are base64 there and hexadecimal everywhere else.
"""

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rayeks.history.model import Cluster, Failure, Job, Node

Event = Mapping[str, Any]

HEAD = re.compile(r"(?P<cluster>.+)-head(-[a-z0-9]{5})?")
"""A head's pod as KubeRay 1.6 names it, by choice without the random end; workers: `<cluster>-<group>-worker-<random>`.

Source: kuberay controllers/ray/utils/util.go, PodName; both cut the first part to 50 characters.
"""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
RAY_S_OWN = "_ray_internal_"
"""What Ray's own actors are called, such as those that watch over jobs."""
INTENDED = ("INTENDED_USER_EXIT", "INTENDED_SYSTEM_EXIT")
GONE_AS_MEANT = {"OWNER_DIED", "RAY_KILL", "OUT_OF_SCOPE", "REF_DELETED"}
"""Reasons for the end of an actor that nothing failed for: nobody needed it any more."""


def cluster_of(pod: str, heads: Iterable[str]) -> str | None:
    """The Ray cluster of a pod, of those whose head's pods are known."""
    names = sorted({found["cluster"] for head in heads if (found := HEAD.fullmatch(head))}, key=len, reverse=True)
    return next((name for name in names if pod.startswith(f"{name}-")), None)


def history(namespace: str, name: str, events: Iterable[Event], logs: Iterable[str]) -> Cluster:
    """The history of one cluster from all of its events, in any order; some may be there twice.

    Raises ValueError where there are none.
    """
    kinds: dict[str, list[Event]] = defaultdict(list)
    for event in sorted({event["event_id"]: event for event in events}.values(), key=lambda one: one["timestamp"]):
        kinds[event["source_type"]].append(event)
    if not kinds:
        raise ValueError(f"no events of {name}")
    times = [event["timestamp"] for found in kinds.values() for event in found]
    nodes = tuple(_nodes(kinds["EXPORT_NODE"]))
    drivers = _latest(kinds["EXPORT_DRIVER_JOB"], "job_id")
    of_driver = {key: _submitted(driver) or _hex(key) for key, driver in drivers.items()}
    failures = [*_tasks(kinds["EXPORT_TASK"], of_driver), *_actors(kinds["EXPORT_ACTOR"], of_driver)]
    return Cluster(
        namespace=namespace,
        name=name,
        started=min([*times, *(node.started for node in nodes if node.started)]),
        heard=max(times),
        jobs=tuple(_jobs(kinds["EXPORT_SUBMISSION_JOB"], drivers)),
        nodes=nodes,
        failures=tuple(sorted(_together(failures), key=lambda one: one.last)),
        logs=tuple(sorted(logs)),
    )


def _latest(events: Iterable[Event], key: str) -> dict[str, dict[str, Any]]:
    """The last state of each thing, with what only earlier ones said."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        data = event["event_data"]
        said = {name: value for name, value in data.items() if value not in ("", "0", None)}
        found.setdefault(data[key], {}).update(said)
    return found


def _jobs(submitted: Iterable[Event], drivers: Mapping[str, Mapping[str, Any]]) -> Iterator[Job]:
    jobs = [
        Job(
            id=key,
            status=data["status"],
            entrypoint=data.get("entrypoint", ""),
            started=_ms(data.get("start_time")),
            ended=_ms(data.get("end_time")),
            message=data.get("message", "").split(", last available logs")[0].strip(),
        )
        for key, data in _latest(submitted, "submission_job_id").items()
    ]
    for key, data in drivers.items():
        if _submitted(data) is None:
            status = "ENDED" if data.get("is_dead") else "RUNNING"
            times = _ms(data.get("start_time")), _ms(data.get("end_time"))
            jobs.append(Job(_hex(key), status, data.get("entrypoint", ""), *times))
    yield from sorted(jobs, key=lambda job: job.started or 0)


def _submitted(driver: Mapping[str, Any]) -> str | None:
    """The id under which a driver's job was submitted, where it was."""
    return ((driver.get("config") or {}).get("metadata") or {}).get("job_submission_id")


def _nodes(events: Iterable[Event]) -> Iterator[Node]:
    for key, data in _latest(events, "node_id").items():
        death = data.get("death_info") or {}
        yield Node(
            id=_hex(key),
            address=data.get("node_manager_address", ""),
            head=bool(data.get("is_head_node")),
            started=_ms(data.get("start_time_ms")),
            ended=_ms(data.get("end_time_ms")),
            reason=death.get("reason_message") or death.get("reason") or "",
        )


def _tasks(events: Iterable[Event], of_driver: Mapping[str, str]) -> Iterator[Failure]:
    """Attempts that failed. What a task is called and how it ended may be in two events, of two processes."""
    attempts: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    for event in events:
        data = event["event_data"]
        attempt = attempts[data["task_id"], data.get("attempt_number", 0)]
        attempt["job"] = of_driver.get(data.get("job_id", ""), _hex(data.get("job_id", "")))
        if info := data.get("task_info"):
            attempt["name"] = info.get("func_or_class_name")
        if error := (data.get("state_updates") or {}).get("error_info"):
            times = data["state_updates"].get("state_ts_ns") or {}
            last = max((int(time) / 1e9 for time in times.values()), default=float(event["timestamp"]))
            attempt |= {"error": reason(error.get("error_message") or error.get("error_type") or ""), "last": last}
    for attempt in attempts.values():
        if "error" in attempt:
            what = f"task {attempt.get('name') or 'of an actor'}"
            yield Failure(what, attempt["error"], attempt["job"], 1, attempt["last"])


def _actors(events: Iterable[Event], of_driver: Mapping[str, str]) -> Iterator[Failure]:
    dead: dict[str, Failure] = {}
    for event in events:
        data = event["event_data"]
        error = _death(data.get("death_cause") or {})
        if data["state"] == "DEAD" and error and not data.get("name", "").startswith(RAY_S_OWN):
            named = f" {data['name']}" if data.get("name") else ""
            what = f"actor {data.get('class_name', '')}{named}"
            job = of_driver.get(data.get("job_id", ""), _hex(data.get("job_id", "")))
            dead.setdefault(data["actor_id"], Failure(what, error, job, 1, float(event["timestamp"])))
    yield from dead.values()


def _death(cause: Mapping[str, Any]) -> str | None:
    """Why an actor died, of those deaths that nobody meant."""
    for context in cause.values():
        text = context.get("formatted_exception_string") or context.get("error_message") or ""
        meant = context.get("reason") in GONE_AS_MEANT or any(exit_type in text for exit_type in INTENDED)
        return None if meant else reason(text)
    return None


def reason(text: str) -> str:
    """What of an error a line has room for: a traceback's last line, or an explanation's first sentence."""
    lines = [line.strip() for line in COLOURS.sub("", text).splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    traceback = any(line.startswith(("Traceback", "ray::", "File ")) for line in lines)
    return lines[-1] if traceback else lines[0].split(". ")[0].removesuffix(".")


def _together(failures: Iterable[Failure]) -> Iterator[Failure]:
    """Failures of one thing in one way as one."""
    found: dict[tuple[str, str, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        found[failure.what, failure.error, failure.job].append(failure)
    for (what, error, job), same in found.items():
        yield Failure(what, error, job, len(same), max(one.last for one in same))


def _hex(encoded: str) -> str:
    return base64.b64decode(encoded).hex()


def _ms(value: str | int | None) -> float | None:
    """Milliseconds as Ray writes them, in seconds; nothing where they are 0."""
    return int(value) / 1000 if value and int(value) else None
