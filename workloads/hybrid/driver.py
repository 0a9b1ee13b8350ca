"""The pipeline from its first check to its last line; what a stage has done is not done again."""

import json
import logging
import time
from collections.abc import Iterable
from typing import Any

import ray
import ray.exceptions

from workloads.hybrid import stages
from workloads.hybrid.settings import ETL, INFER, TRAIN, TRANSFORM, Settings
from workloads.storage import Storage, StorageError, check, open_storage
from workloads.telling import Say, print_row

DONE = "_stages"


def run(settings: Settings, say: Say = print_row) -> dict[str, Any]:
    """Run every stage that is not done; returns the last line said.

    Each stage ends with a row: its machines' kind, when it began and ended, and the node-seconds that were busy.
    Raises StorageError, before any machine is asked for, for storage that cannot be used.
    """
    began = time.monotonic()
    storage = open_storage(settings.storage)
    check(storage)
    folder = open_storage(settings.folder).ready()
    ray.init(log_to_driver=False, logging_level=logging.WARNING, ignore_reinit_error=True)
    say({"event": "starting", "run": settings.run, "storage": folder.uri, "done": folder.child(DONE).names()})
    for kind, stage in ((ETL, stages.etl), (TRANSFORM, stages.transform)):
        _stage(kind, folder, say, lambda stage=stage: (list(stage(settings)), {}))
    trained = _stage(TRAIN, folder, say, lambda: _train(settings, say))
    _stage(INFER, folder, say, lambda: (list(stages.infer(settings, trained["checkpoint"])), {}))
    final = {
        "event": "finished",
        "run": settings.run,
        "accuracy": trained["accuracy"],
        "checkpoint": trained["checkpoint"],
        **stages.result(settings),
        "seconds": round(time.monotonic() - began, 1),
    }
    say(final)
    return final


def _stage(kind: str, folder: Storage, say: Say, work: Any) -> dict[str, Any]:
    """Do a stage unless it is done; what it leaves to say is in its seal, so that it is said again."""
    done = folder.child(DONE)
    if content := done.read(kind):
        return json.loads(content)
    began = time.time()
    say({"event": "stage", "stage": kind, "at": round(began, 2)})
    try:
        spans, left = work()
    except ray.exceptions.RayTaskError as error:
        raise StorageError(f"stage {kind!r}: {str(error.cause or error).splitlines()[-1]}") from error
    done.ready().write(kind, json.dumps(left).encode())
    row = {"event": "staged", "stage": kind, "began": round(began, 2), "ended": round(time.time(), 2)}
    say(row | {"nodes": len({node for node, _, _ in spans}), "busy_s": round(busy_s(spans), 2)})
    return left


def _train(settings: Settings, say: Say) -> tuple[list[stages.Span], dict[str, Any]]:
    """The gang is busy, each machine of it, from its first step to its last."""
    seen: list[float] = []

    def follow(row: dict[str, Any]) -> None:
        if row.get("event") == "training" or "epoch" in row:
            seen.append(time.time())
        say({"stage": TRAIN, **row})

    outcome = stages.train(settings, follow)
    left = {key: outcome[key] for key in ("accuracy", "loss", "checkpoint")}
    return [(str(rank), seen[0], seen[-1]) for rank in range(settings.workers)] if seen else [], left


def busy_s(spans: Iterable[stages.Span]) -> float:
    """Node-seconds in which a node did anything: what ran side by side on one node counts once."""
    total, until = 0.0, {}
    for node, began, ended in sorted(spans, key=lambda span: span[1]):
        total += max(0.0, ended - max(began, until.get(node, began)))
        until[node] = max(ended, until.get(node, ended))
    return total
