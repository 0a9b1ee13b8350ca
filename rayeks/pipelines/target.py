"""Where a stack lives, as a pipeline needs it: the role to assume, the account, the region, and where its state is.

Usage: python -m rayeks.pipelines.target STACK (preview|deploy). Prints NAME=VALUE lines, as GITHUB_OUTPUT takes them.
All of it follows from the stack file and from the names that the project in account/ gives.
"""

import sys
from pathlib import Path

from infra.account_iam import PURPOSES, role, state_bucket
from rayeks.errors import UserError
from rayeks.preflight.stack import Stack


def target(stack: str, purpose: str, root: Path) -> dict[str, str]:
    """The values by name. UserError for an unknown stack or a stack file with mistakes."""
    platform = Stack.read(stack, root).platform
    aws = platform.aws
    return {
        "account": aws.account,
        "region": aws.region,
        "role": aws.role(role(platform.name, purpose)),
        "backend": f"s3://{state_bucket(aws)}?region={aws.region}",
    }


def main(arguments: list[str]) -> int:
    """Print the values."""
    if len(arguments) != 2 or arguments[1] not in PURPOSES:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        for name, value in target(arguments[0], arguments[1], Path.cwd()).items():
            print(f"{name}={value}")
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
