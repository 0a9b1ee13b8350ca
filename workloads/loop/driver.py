"""Train → register with its metrics → promote, if it is good enough → score the data with what is promoted.

A service that serves `digits@production` follows the promotion by itself: nothing here knows where it runs.
"""

import time
from dataclasses import dataclass
from typing import Any

from workloads import registry
from workloads.data.settings import PROFILES as DATA_PROFILES
from workloads.data.settings import Settings as DataSettings
from workloads.serve.publish import MODEL, publish
from workloads.serve.publish import trained as checkpointed
from workloads.storage import check, open_storage
from workloads.telling import Say, print_row
from workloads.train.settings import PROFILES as TRAIN_PROFILES
from workloads.train.settings import Placement
from workloads.train.settings import Settings as TrainSettings


@dataclass(frozen=True)
class Settings:
    """One run of the loop: where checkpoints, models, rows and scored rows are, and how good a model must be."""

    run: str
    checkpoints: str
    models: str
    input: str
    output: str
    least_accuracy: float = 0.9
    epochs: int = 8
    workers: int = 2
    actors: int = 1
    seed: int = 0
    tenants: tuple[str, ...] = ()
    sample_rows: int = 0
    profile: str = "local"


def run(settings: Settings, say: Say = print_row) -> dict[str, Any]:
    """Run the loop; returns the last line said.

    Raises ModelError, and changes nothing that anybody uses, when the new model is not good enough: the version stays
    in the registry with its metrics, the alias stays where it was, and no row is scored.
    """
    from workloads.data.driver import check_reachable, make_input, score
    from workloads.train.driver import fit

    began = time.monotonic()
    models = open_storage(settings.models)
    check(models)
    check_reachable(settings.input)
    job = TrainSettings(run=settings.run, storage=settings.checkpoints, epochs=settings.epochs, seed=settings.seed)
    trained = fit(job, TRAIN_PROFILES[settings.profile], Placement(settings.workers), say)
    told = {"loss": trained["loss"], "run": settings.run}
    arrays = checkpointed(trained["checkpoint"])
    version = publish(models, arrays, settings.tenants, settings.least_accuracy, told)[MODEL]
    say({"event": "promoted", "model": f"{MODEL}@{version}", "accuracy": trained["accuracy"]})
    if settings.sample_rows:
        make_input(settings.input, rows=settings.sample_rows, say=say)
    output = f"{settings.output.rstrip('/')}/{version}"
    data = DataSettings(settings.input, output, settings.models, f"{MODEL}@{version}")
    scored = score(data, DATA_PROFILES[settings.profile], actors=settings.actors, say=say)
    final = {
        "event": "looped",
        "model": registry.resolve(models, f"{MODEL}@{registry.PRODUCTION}"),
        "accuracy": trained["accuracy"],
        "checkpoint": trained["checkpoint"],
        "rows_out": scored["rows_out"],
        "scored_accuracy": scored.get("accuracy"),
        "output": scored["output"],
        "seconds": round(time.monotonic() - began, 1),
    }
    say(final)
    return final
