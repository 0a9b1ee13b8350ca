"""Every resource type that the provider knows, a file a service."""

import difflib
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from local.providers.aws.resource import Resource
from rayeks.errors import UserError


@cache
def every() -> dict[str, Resource]:
    """All rows by their tokens."""
    rows: dict[str, Resource] = {}
    for module in iter_modules(__path__):
        for row in getattr(import_module(f"{__name__}.{module.name}"), "TYPES", ()):
            assert row.token not in rows, f"{row.token} is described twice"
            rows[row.token] = row
    return rows


def find(token: str) -> Resource:
    """The row of a type. Raises UserError for a type that isn't known, naming the file to extend."""
    rows = every()
    if token in rows:
        return rows[token]
    service = token.split(":")[1].split("/")[0]
    near = difflib.get_close_matches(token, rows, 1)
    message = f"the local aws provider does not know {token}" + (f" (it knows {near[0]})" if near else "")
    raise UserError(message, fix=f"add a row to local/providers/aws/types/{service}.py")
