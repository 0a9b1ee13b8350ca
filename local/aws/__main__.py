"""Entry of the local AWS: `python -m local.aws --port N [--kubernetes-endpoint URL --kubernetes-ca FILE]`."""

import argparse
from pathlib import Path


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m local.aws", description="An AWS on this machine.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kubernetes-endpoint", help="what DescribeCluster gives as the API server")
    parser.add_argument("--kubernetes-ca", type=Path, help="PEM file of that server's certificate authority")
    given = parser.parse_args()
    from local.aws.server import serve

    serve(given.port, endpoint=given.kubernetes_endpoint, ca=given.kubernetes_ca)


if __name__ == "__main__":
    main()
