"""Whether a list names a thing twice: the second would be refused as a duplicate, or be two of one name."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from infra.config.rules.base import Problem


def repeated(path: str, value: Any) -> Iterator[Problem]:
    """Each item of a list, however deep in a section, that stands there already."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from repeated(f"{path}.{name}", getattr(value, name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from repeated(f"{path}.{name}", item)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            here = f"{path}[{index}]"
            if item in value[:index]:
                yield Problem(here, f"{_shown(item)} is listed twice", "name it once")
            yield from repeated(here, item)


def _shown(item: Any) -> str:
    return "the same" if isinstance(item, BaseModel) else str(item)
