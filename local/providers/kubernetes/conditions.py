"""What `pulumi.com/waitFor` waits for: JSONPath expressions and status conditions, as `kubectl wait` writes them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.providers.kubernetes.values import annotation
from rayeks.errors import UserError

WAIT_FOR = "pulumi.com/waitFor"
SKIP_AWAIT = "pulumi.com/skipAwait"
STEP = re.compile(
    r"""\.(?P<name>[A-Za-z0-9_\-]+)
      | \[(?P<index>-?\d+)\]
      | \[['"](?P<quoted>[^'"]+)['"]\]
      | \[\?\(@\.(?P<key>[A-Za-z0-9_.\-]+)\s*==\s*['"](?P<value>[^'"]*)['"]\)\]""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Condition:
    """One expression: `steps` into the object, and the value wanted there (None: any)."""

    text: str
    steps: tuple[Mapping[str, str], ...]
    wanted: str | None

    def lacking(self, obj: Mapping[str, Any]) -> str | None:
        """What is still missing in `obj`, or None when the condition holds."""
        status = obj.get("status") or {}
        seen_generation = status.get("observedGeneration")
        if seen_generation is not None and seen_generation < obj["metadata"].get("generation", 0):
            return f"{self.text} (its controller has not seen this version yet)"
        found = [_text(value) for value in _select([obj], self.steps)]
        if found and (self.wanted is None or self.wanted in found):
            return None
        return f"{self.text} (found {', '.join(found) or 'nothing'})"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _select(values: list[Any], steps: tuple[Mapping[str, str], ...]) -> list[Any]:
    for step in steps:
        values = [found for value in values for found in _step(value, step)]
    return values


def _step(value: Any, step: Mapping[str, str]) -> list[Any]:
    name = step["name"] or step["quoted"]
    if name:
        return [value[name]] if isinstance(value, Mapping) and value.get(name) is not None else []
    if not isinstance(value, list):
        return []
    if step["index"]:
        index = int(step["index"])
        return value[index:][:1] if index >= 0 or -index <= len(value) else []
    path = tuple(match.groupdict() for match in STEP.finditer(f".{step['key']}"))
    return [item for item in value if step["value"] in [_text(found) for found in _select([item], path)]]


def parse(text: str) -> Condition:
    """`jsonpath={.status.phase}=Running` or `condition=Ready[=True]`. Raises UserError for anything else."""
    scheme, _, rest = text.partition("=")
    if scheme == "condition" and rest:
        name, _, status = rest.partition("=")
        path, wanted = f'.status.conditions[?(@.type=="{name}")].status', status or "True"
    elif scheme == "jsonpath" and (match := re.fullmatch(r"\{(?P<path>.+)\}(?:=(?P<wanted>.*))?", rest)):
        path, wanted = match["path"], match["wanted"]
        if wanted and wanted[0] == wanted[-1] and wanted[0] in "'\"" and len(wanted) > 1:
            wanted = wanted[1:-1]
    else:
        raise _misspelt(text)
    steps, position = [], 0
    while position < len(path):
        match = STEP.match(path, position)
        if not match:
            raise _misspelt(text)
        steps.append(match.groupdict())
        position = match.end()
    return Condition(text, tuple(steps), wanted)


def _misspelt(text: str) -> UserError:
    return UserError(
        f"{WAIT_FOR}: {text!r} is not an expression that is understood",
        "write jsonpath={.status.phase}=Running, jsonpath={.status.items[?(@.type=='x')].y}, or condition=Ready",
    )


def of(obj: Mapping[str, Any]) -> list[Condition]:
    """What an object's annotations ask to wait for. A CRD is waited for unless it says not to."""
    if annotation(obj, SKIP_AWAIT) == "true":
        return []
    text = annotation(obj, WAIT_FOR)
    if not text:
        return [ESTABLISHED] if obj.get("kind") == "CustomResourceDefinition" else []
    try:
        expressions = json.loads(text)
    except ValueError:
        expressions = text
    return [parse(item) for item in (expressions if isinstance(expressions, list) else [text])]


ESTABLISHED = parse("condition=Established")
