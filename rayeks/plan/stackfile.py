"""A stack's configuration as the engine would hand it to the program: Pulumi.yaml and Pulumi.<stack>.yaml, read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rayeks.errors import UserError
from rayeks.plan.values import MASK


@dataclass(frozen=True)
class StackFile:
    """A project's stack: its name, its program, and its configuration by full key, objects as JSON text."""

    project: str
    stack: str
    program: Path
    config: Mapping[str, str]
    secret_keys: tuple[str, ...] = ()


class _Loader(yaml.SafeLoader):
    """YAML as the engine reads it: only true and false are booleans, and times and dates are text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag.rsplit(":", 1)[1] not in ("bool", "timestamp", "int", "float")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$", re.I), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def stacks(root: Path) -> list[str]:
    """The names of the stacks that have a file, in order."""
    folder = root / _project(root).get("stackConfigDir", ".")
    names = (re.fullmatch(r"Pulumi\.(.+)\.yaml", path.name) for path in folder.glob("Pulumi.*.yaml"))
    return sorted(match[1] for match in names if match)


def read(stack: str, root: Path) -> StackFile:
    """The stack's configuration. Raises UserError for an unknown stack or a file that is not what it should be."""
    project = _project(root)
    known = stacks(root)
    if stack not in known:
        raise UserError(f"no stack {stack!r}", f"use one of: {', '.join(known) or '(there is no stack file)'}")
    name = project["name"]
    path = root / project.get("stackConfigDir", ".") / f"Pulumi.{stack}.yaml"
    values = dict(_defaults(project.get("config") or {}))
    own = _mapping(path).get("config") or {}
    if not isinstance(own, dict):
        raise UserError(f"{path}: config is {own!r}", "make it a mapping of keys to values")
    values |= own
    config, secret_keys = {}, []
    for key, value in values.items():
        full = key if ":" in key else f"{name}:{key}"
        if isinstance(value, dict) and set(value) == {"secure"}:
            secret_keys.append(full)
            config[full] = MASK
        else:
            config[full] = _text(value)
    return StackFile(name, stack, root / project.get("main", "."), config, tuple(secret_keys))


def _project(root: Path) -> dict[str, Any]:
    path = root / "Pulumi.yaml"
    project = _mapping(path)
    if not isinstance(project.get("name"), str):
        raise UserError(f"{path} has no project name", "add `name:`")
    return project


def _defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """A project's own values: given plainly, as `value`, or as the `default` of a declaration."""
    found = {}
    for key, value in config.items():
        if not isinstance(value, dict):
            found[key] = value
        elif "value" in value or "default" in value:
            found[key] = value.get("value", value.get("default"))
    return found


def _mapping(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(), Loader=_Loader)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", "run this inside the checkout") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}", "mend the line that is named") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UserError(f"{path} holds {type(document).__name__}, not a mapping", "see the other stack files")
    return document


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
