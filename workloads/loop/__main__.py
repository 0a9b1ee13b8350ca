"""`python -m workloads.loop`: the loop's command line; every flag is also a LOOP_* variable."""

import argparse
import os
import sys
from datetime import UTC, datetime

from infra import contract
from workloads.data.units import DataError
from workloads.flags import Flags, at_least
from workloads.registry import ModelError
from workloads.storage import StorageError
from workloads.train.settings import PROFILES, TrainError

HELP = """\
Train a model, register it with its metrics, promote it if it is good enough, and score the data with it.

  python -m workloads.loop --checkpoints s3://b/train --models s3://b/models --input s3://b/raw --output s3://b/scored

A model below --least-accuracy stays in the registry, is promoted by nobody, and scores nothing: the run fails. A
service that serves digits@production takes a promoted one up by itself. Prints one JSON object a line.
"""


def parse(arguments: list[str], environment: dict[str, str]) -> argparse.Namespace:
    """The parsed flags; a flag that is not given takes its LOOP_* variable, then its default."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.loop", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags = Flags(parser, environment, "LOOP")
    places = {
        "checkpoints": "where training keeps its checkpoints",
        "models": "the registry of models",
        "input": "a folder of Parquet files to score",
        "output": "where scored rows go, in a folder for each model version",
    }
    for place, text in places.items():
        flags.add(place, None, str, text)
    flags.add("run", None, str, "the training run's name, loop-<now> without one", contract.RUN_VARIABLE)
    flags.add("resume", None, str, "continue the run of this name", contract.RESUME_VARIABLE)
    flags.add("profile", "local", str, f"the kind of machine: {', '.join(PROFILES)}")
    flags.add("least-accuracy", "0.9", float, "on held-out rows, or the model is not promoted")
    flags.add("epochs", "8", at_least(1), "passes over the training rows")
    flags.add("workers", "2", at_least(0), "machines that train; 0 for this process")
    flags.add("actors", "1", at_least(1), "copies of the model that score, at most")
    flags.add("seed", "0", int, "of weights and shuffles")
    flags.add("tenants", "", str, "whose heads to fit and promote too, by commas")
    flags.add("sample-rows", "0", at_least(0), "fill an empty input with so many rows made from the shipped digits")
    parsed = flags.parse(arguments, profile=PROFILES)
    for place in places:
        if not getattr(parsed, place):
            parser.error(f"say {places[place]}: --{place} s3://bucket/prefix or a path that every node mounts")
    return parsed


def main(arguments: list[str]) -> int:
    """Run the command line; 0 when a new model was promoted and every row scored with it."""
    flags = parse(arguments, dict(os.environ))
    from workloads.loop.driver import Settings, run

    settings = Settings(
        run=flags.resume or flags.run or f"loop-{datetime.now(UTC):%Y%m%d-%H%M%S}",
        checkpoints=flags.checkpoints,
        models=flags.models,
        input=flags.input,
        output=flags.output,
        least_accuracy=flags.least_accuracy,
        epochs=flags.epochs,
        workers=flags.workers,
        actors=flags.actors,
        seed=flags.seed,
        tenants=tuple(tenant for tenant in flags.tenants.split(",") if tenant),
        sample_rows=flags.sample_rows,
        profile=flags.profile,
    )
    try:
        run(settings)
    except (StorageError, TrainError, DataError, ModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
