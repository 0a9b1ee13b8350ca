"""`python -m workloads.data`: the batch sample's command line; every flag is also a DATA_* variable."""

import argparse
import os
import sys

from workloads.data.settings import BASELINE, PROFILES, Settings
from workloads.data.units import DataError
from workloads.flags import Flags, at_least
from workloads.registry import ModelError
from workloads.storage import StorageError

HELP = """\
Classify the rows of Parquet files with Ray Data: read and normalise on CPUs, classify on GPUs, write Parquet.

  python -m workloads.data --input /tmp/raw --output /tmp/scored --sample-rows 7188
  python -m workloads.data --input s3://bucket/raw --output s3://bucket/scored --profile gpu --actors 4
  python -m workloads.data --input … --output … --models s3://bucket/models --model digits@production

Does what is missing of the output: each row group of the input is a unit with a file of its own, done when its seal
is written. Malformed rows are set aside and counted.

Prints one JSON object a line: each unit as it is done; the last line counts the rows, after every file was read
back and each row of the input was found in the output or in quarantine, exactly once.
"""


def parse(arguments: list[str], environment: dict[str, str]) -> argparse.Namespace:
    """The parsed flags; a flag that is not given takes its DATA_* variable, then its default."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.data", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags = Flags(parser, environment, "DATA")
    flags.add("input", None, str, "a folder of Parquet files: s3://bucket/prefix, or a path that every node mounts")
    flags.add("output", None, str, "where the scored rows go, likewise")
    flags.add("models", None, str, "the registry of models")
    flags.add("model", BASELINE, str, "a reference, name@alias or name@version; `baseline` needs no registry")
    flags.add("profile", "local", str, f"the kind of machine: {', '.join(PROFILES)}")
    flags.add("actors", "1", at_least(1), "how many copies of the model at most")
    flags.add("sample-rows", "0", at_least(0), "fill an empty input with so many rows made from the shipped digits")
    parsed = flags.parse(arguments, profile=PROFILES)
    if not parsed.input:
        parser.error("say where the rows are: --input s3://bucket/prefix or a path that every node mounts")
    if not parsed.output:
        parser.error("say where scored rows go: --output s3://bucket/prefix or a path that every node mounts")
    return parsed


def main(arguments: list[str]) -> int:
    """Run the command line; 0 when every row came out."""
    flags = parse(arguments, dict(os.environ))
    from workloads.data.driver import make_input, score

    try:
        if flags.sample_rows:
            make_input(flags.input, rows=flags.sample_rows)
        settings = Settings(flags.input, flags.output, flags.models, flags.model)
        score(settings, PROFILES[flags.profile], actors=flags.actors)
    except (StorageError, DataError, ModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
