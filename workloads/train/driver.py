"""A training run from its first check to its last line, on a Ray cluster or inside this process."""

import os
import time
from dataclasses import replace
from typing import Any

from workloads.storage import check, open_storage
from workloads.telling import Say, print_row
from workloads.train.settings import Placement, Profile, Settings


def fit(settings: Settings, profile: Profile, placement: Placement, say: Say = print_row) -> dict[str, Any]:
    """Train to the last epoch; every row goes to `say` as it happens. Returns the last one.

    Continues where the newest whole checkpoint of the run left off, whatever ended the run before.
    Raises StorageError before anything starts, and TrainError after `max_failures`.
    """
    began = time.monotonic()
    storage = open_storage(settings.storage)
    check(storage)
    for variable, value in profile.environment(elastic=isinstance(placement.workers, tuple)).items():
        os.environ.setdefault(variable, value)
    if settings.base:
        from workloads.train.loop import read_base

        read_base(settings.base, settings.hidden)
    workers = list(placement.workers) if isinstance(placement.workers, tuple) else placement.workers
    say({"event": "starting", "run": settings.run, "workers": workers, "storage": storage.uri})
    if placement.workers == 0:
        outcome = _fit_here(replace(settings, in_process=True), say)
    else:
        from workloads.train.on_ray import fit_on_ray

        outcome = fit_on_ray(settings, profile, placement, say)
    final = {
        "event": "finished",
        "run": settings.run,
        **outcome,
        "seconds": round(time.monotonic() - began, 1),
        "checkpoint": f"{storage.child(settings.run).uri}/{outcome['checkpoint']}",
    }
    say(final)
    return final


def _fit_here(settings: Settings, say: Say) -> dict[str, Any]:
    from workloads.train.loop import train_worker
    from workloads.train.on_ray import fit_in_process

    return fit_in_process(lambda: train_worker(settings, say))
