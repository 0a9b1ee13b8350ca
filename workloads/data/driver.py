"""A batch job from its first check to the proof of its rows, on the Ray cluster of `RAY_ADDRESS` or of this machine."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import ray
import ray.exceptions
from ray.data import ActorPoolStrategy, DataContext

from workloads.data import lineage, stages
from workloads.data.generate import write_file
from workloads.data.settings import Profile, Settings
from workloads.data.units import DataError, Unit, finished, plan, prepare
from workloads.storage import check, open_storage
from workloads.telling import Say, print_row


def score(settings: Settings, profile: Profile, *, actors: int = 1, say: Say = print_row) -> dict[str, Any]:
    """Classify every row of the input that was not yet; returns the last line said.

    Raises StorageError, DataError and ModelError before a machine is paid for; DataError too when the rows that
    came out are not those that went in.
    """
    began = time.monotonic()
    source, output = open_storage(settings.input), open_storage(settings.output)
    check_reachable(settings.input)
    units = plan(source)
    if settings.models:
        check_reachable(settings.models)
    model, _ = stages.load_model(settings.models, settings.model)
    connect()
    on_a_worker(_check_output, settings.output)
    done = finished(output, units, model)
    missing = [unit for unit in units if unit.name not in done]
    say({"event": "starting", "units": len(units), "done": len(done), "model": model, "input": source.uri})
    for row in _run(settings, profile, missing, model, actors):
        say(row)
    proved: lineage.Lineage = on_a_worker(_verify, settings.output, units, model)
    counts = asdict(proved)
    labelled, correct = counts.pop("labelled"), counts.pop("correct")
    final = {
        "event": "finished",
        **counts,
        "redone": len(missing),
        **({"accuracy": round(correct / labelled, 4)} if labelled else {}),
        "model": model,
        "seconds": round(time.monotonic() - began, 1),
        "output": output.uri,
    }
    say(final)
    return final


def make_input(
    uri: str, *, rows: int, files: int = 12, groups: int = 2, malformed: int = 16, say: Say = print_row
) -> None:
    """Make an input on workers, unless there is one: `files` with `groups` row groups each, `malformed` of its rows."""
    check_reachable(uri)
    found = [name for name in open_storage(uri).names() if name.endswith(".parquet")]
    if found:
        say({"event": "input", "files": len(found), "made": 0, "input": uri})
        return
    connect()
    on_a_worker(_check_output, uri)
    make = ray.remote(num_cpus=0.5)(write_file)
    ray.get([make.remote(uri, index, rows, files, groups, malformed) for index in range(files)])
    say({"event": "input", "files": files, "made": files, "rows": rows, "malformed": malformed, "input": uri})


def connect() -> None:
    """Join the cluster, or start one here; what workers log stays in their files."""
    ray.init(log_to_driver=False, logging_level=logging.WARNING, ignore_reinit_error=True)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)


def on_a_worker(work: Callable, *arguments: Any) -> Any:
    """What a worker's identity may do and the driver's may not; its own errors are raised, not Ray's wrapping."""
    try:
        return ray.get(ray.remote(num_cpus=0.25)(work).remote(*arguments))
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        raise cause if isinstance(cause, Exception) else error from None


def check_reachable(uri: str) -> None:
    """StorageError for an endpoint that does not answer or a bucket that is not there; asks for no right to write."""
    check(open_storage(uri), write=False)


def _run(
    settings: Settings, profile: Profile, missing: list[Unit], model: str, actors: int
) -> Iterator[dict[str, Any]]:
    if not missing:
        return
    work = (
        ray.data.from_items([asdict(unit) for unit in missing], override_num_blocks=len(missing))
        .map(partial(stages.read, source=settings.input), num_cpus=profile.read_cpus)
        .map(
            stages.Classify,  # ty: ignore[invalid-argument-type]
            fn_constructor_kwargs={"models": settings.models, "model": model, "gpu": profile.actor_gpus > 0},
            compute=ActorPoolStrategy(min_size=1, max_size=actors),
            num_cpus=profile.actor_cpus,
            num_gpus=profile.actor_gpus,
        )
        .map(partial(stages.write, output=settings.output, model=model), num_cpus=profile.write_cpus)
    )
    try:
        yield from work.iter_rows()
    except ray.exceptions.RayTaskError as error:
        raise DataError(f"a unit cannot be done: {str(error.cause or error).splitlines()[-1]}") from error


def _check_output(uri: str) -> None:
    output = open_storage(uri)
    check(output)
    prepare(output)


def _verify(uri: str, units: list[Unit], model: str) -> lineage.Lineage:
    return lineage.verify(open_storage(uri), units, model)
