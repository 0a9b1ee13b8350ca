"""`python -m workloads.hybrid`: the pipeline's command line; every flag is also a HYBRID_* variable."""

import argparse
import os
import sys
from datetime import UTC, datetime

from infra import contract
from workloads.flags import Flags, at_least
from workloads.hybrid.settings import Settings
from workloads.storage import StorageError
from workloads.train.settings import PROFILES, TrainError

HELP = """\
One job of four stages, each on machines of its own kind that come when it begins and go when it ends:
CPU ETL → a transform that needs memory → training on a gang → batch inference.

  python -m workloads.hybrid --storage s3://bucket/hybrid --profile cpu

Machines are told apart by Ray resources: etl, transform, train, infer. Prints one JSON object a line: each stage with
the node-seconds that it was busy for, each epoch, and last the run's accuracy and rows. A run that is started again
under the same name goes on after its last finished stage.
"""


def parse(arguments: list[str], environment: dict[str, str]) -> argparse.Namespace:
    """The parsed flags; a flag that is not given takes its HYBRID_* variable, then its default."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.hybrid", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags = Flags(parser, environment, "HYBRID")
    flags.add("storage", None, str, "where stages leave their work: s3://bucket/prefix, or a path all nodes mount")
    flags.add("run", None, str, "the run's name, hybrid-<now> without one", contract.RUN_VARIABLE)
    flags.add("resume", None, str, "continue the run of this name; it must exist", contract.RESUME_VARIABLE)
    flags.add("profile", "local", str, f"the kind of machine that trains and classifies: {', '.join(PROFILES)}")
    flags.add("rows", "7188", at_least(100), "how many rows")
    flags.add("files", "12", at_least(1), "in how many files, each a task of the first stage and of the last")
    flags.add("epochs", "8", at_least(1), "passes over the training rows")
    flags.add("workers", "2", at_least(1), "machines that train, all at once")
    flags.add("infer", "2", at_least(1), "machines that classify, at most")
    parsed = flags.parse(arguments, profile=PROFILES)
    if not parsed.storage:
        parser.error("say where stages leave their work: --storage s3://bucket/prefix or a path that every node mounts")
    return parsed


def main(arguments: list[str]) -> int:
    """Run the command line; 0 when every row was classified."""
    flags = parse(arguments, dict(os.environ))
    from workloads.hybrid.driver import run
    from workloads.storage import open_storage

    settings = Settings(
        run=flags.resume or flags.run or f"hybrid-{datetime.now(UTC):%Y%m%d-%H%M%S}",
        storage=flags.storage,
        rows=flags.rows,
        files=flags.files,
        epochs=flags.epochs,
        workers=flags.workers,
        infer=flags.infer,
        profile=flags.profile,
    )
    try:
        if flags.resume and not open_storage(settings.folder).names():
            raise StorageError(f"there is no run {flags.resume!r} to resume in {flags.storage}")
        run(settings)
    except (StorageError, TrainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
