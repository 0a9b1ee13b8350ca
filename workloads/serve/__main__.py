"""`python -m workloads.serve`: puts models where the service finds them, and asks a running service."""

import argparse
import json
import os
import sys
from urllib.request import Request, urlopen

from workloads import digits, registry
from workloads.serve import classifier
from workloads.serve.publish import publish, trained
from workloads.storage import StorageError, check, open_storage

HELP = """\
  python -m workloads.serve publish --models s3://bucket/models --tenants acme,globex
      register a classifier that needs no training, promote it, and fit a head for each tenant
  python -m workloads.serve publish --models s3://bucket/models --checkpoint s3://bucket/train/RUN/epoch-…
      the same with the classifier of a training checkpoint
  python -m workloads.serve ask --url http://127.0.0.1:8000 --tenant acme
      classify one held-out digit
"""


def main(arguments: list[str]) -> int:
    """Run the command line; 0 when it did what was asked."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.serve", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    publishing = commands.add_parser("publish", help="put models into the registry")
    publishing.add_argument("--models", default=os.environ.get("SERVE_MODELS"), help="the registry ($SERVE_MODELS)")
    publishing.add_argument("--checkpoint", help="a training checkpoint; without one, the nearest-centroid baseline")
    publishing.add_argument("--tenants", default="acme,globex", help="names, by commas (default: %(default)s)")
    publishing.add_argument("--least-accuracy", type=float, default=0.85, help="or it is not promoted (%(default)s)")
    asking = commands.add_parser("ask", help="classify one held-out digit")
    asking.add_argument("--url", required=True)
    asking.add_argument("--row", type=int, default=0)
    asking.add_argument("--tenant")
    flags = parser.parse_args(arguments)
    try:
        if flags.command == "ask":
            print(json.dumps(_ask(flags.url, flags.row, flags.tenant)))
            return 0
        if not flags.models:
            publishing.error("say where models go: --models s3://bucket/prefix")
        models = open_storage(flags.models)
        check(models)
        arrays = trained(flags.checkpoint) if flags.checkpoint else classifier.baseline()[0]
        print(json.dumps(publish(models, arrays, flags.tenants.split(","), flags.least_accuracy)))
    except (StorageError, registry.ModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _ask(url: str, row: int, tenant: str | None) -> dict:
    _, held_out = digits.split()
    body = {"pixels": (held_out.images[row] * 16).tolist(), **({"tenant": tenant} if tenant else {})}
    request = Request(f"{url}/predict", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        return json.load(response) | {"label": int(held_out.labels[row])}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
