"""`python -m workloads.train`: the training sample's command line; every flag is also a TRAIN_* variable."""

import argparse
import os
import sys
from datetime import UTC, datetime

from infra import contract
from workloads.flags import Flags, at_least
from workloads.storage import StorageError, open_storage
from workloads.train.driver import fit
from workloads.train.settings import DDP, PROFILES, STRATEGIES, Placement, Settings, TrainError

HELP = """\
Train a digit classifier on Ray, data-parallel, with a checkpoint after each epoch.

  python -m workloads.train --storage /tmp/runs --workers 0       in this process, no cluster
  python -m workloads.train --storage /tmp/runs                   two workers on this machine
  python -m workloads.train --storage s3://bucket/runs --profile gpu --workers 4
  python -m workloads.train --storage s3://bucket/runs --resume train-20260101-120000 --epochs 16
  python -m workloads.train --storage s3://bucket/runs --profile gpu --strategy fsdp \\
      --base s3://bucket/runs/train-20260101-120000/epoch-00015-… --data s3://bucket/own --learning-rate 0.0003

Prints one JSON object a line: an epoch's loss, held-out accuracy, seconds and world size; the last line
gives the run's final accuracy and the URI of its checkpoint.

A run that is killed continues from its newest whole checkpoint when it is started again under the same
name (KubeRay's retries do that); without a name, each start is a run of its own.
"""


def parse(arguments: list[str], environment: dict[str, str]) -> argparse.Namespace:
    """The parsed flags; a flag that is not given takes its TRAIN_* variable, then its default."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.train",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    flags = Flags(parser, environment, "TRAIN")
    flags.add("storage", None, str, "where checkpoints go: s3://bucket/prefix, or a path that every node mounts")
    flags.add("profile", "local", str, f"the kind of machine: {', '.join(PROFILES)}")
    flags.add("workers", "2", _workers, "a count, LEAST:MOST for an elastic run, 0 for this process")
    flags.add("run", None, str, "the run's name, train-<now> without one", contract.RUN_VARIABLE)
    flags.add("resume", None, str, "continue the run of this name; it must exist", contract.RESUME_VARIABLE)
    flags.add("data", None, str, "a folder with training.npz and held_out.npz; without one, the shipped digits")
    flags.add("base", None, str, "tune the weights of this checkpoint: the URI that another run's last line gives")
    flags.add("strategy", DDP, str, "ddp: the model whole on each worker; fsdp: in shards over all of them")
    flags.add("epochs", "8", at_least(1), "passes over the training rows")
    flags.add("batch", "32", at_least(1), "rows of one step, over all workers together")
    flags.add("learning-rate", "0.003", float, "Adam's step size")
    flags.add("hidden", "64", at_least(1), "width of the hidden layer")
    flags.add("seed", "0", int, "of weights and shuffles; the same seed gives the same result")
    flags.add("checkpoint-every", "1", at_least(1), "epochs between checkpoints; a preemption makes one at once")
    flags.add("keep-checkpoints", "3", at_least(2), "how many to keep; two at least, so that one may be corrupt")
    flags.add("max-failures", "3", at_least(0), "worker or node losses to survive")
    parser.add_argument("--worker-logs", action="store_true", help="show what workers print")
    parsed = flags.parse(arguments, profile=PROFILES, strategy=STRATEGIES)
    if not parsed.storage:
        parser.error("say where checkpoints go: --storage s3://bucket/prefix or a path that every node mounts")
    if parsed.run and parsed.resume:
        parser.error("--run starts or continues a run, --resume continues one that exists: give one of them")
    return parsed


def main(arguments: list[str]) -> int:
    """Run the command line; 0 when training finished."""
    flags = parse(arguments, dict(os.environ))
    name = flags.resume or flags.run or f"train-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    try:
        if flags.resume and not open_storage(flags.storage).child(name).names():
            raise StorageError(f"there is no run {name!r} to resume in {flags.storage}")
        settings = Settings(
            run=name,
            storage=flags.storage,
            epochs=flags.epochs,
            batch=flags.batch,
            learning_rate=flags.learning_rate,
            hidden=flags.hidden,
            seed=flags.seed,
            checkpoint_every=flags.checkpoint_every,
            data=flags.data,
            base=flags.base,
            strategy=flags.strategy,
        )
        placement = Placement(flags.workers, flags.max_failures, flags.keep_checkpoints, flags.worker_logs)
        fit(settings, PROFILES[flags.profile], placement)
    except (StorageError, TrainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _workers(text: str) -> int | tuple[int, int]:
    least, _, most = text.partition(":")
    try:
        workers = (int(least), int(most)) if most else int(least)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a count nor LEAST:MOST") from error
    if not (workers >= 0 if isinstance(workers, int) else 1 <= workers[0] < workers[1]):
        raise argparse.ArgumentTypeError(f"{text}: LEAST is 1 or more and below MOST; a count is 0 or more")
    return workers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
