"""Holds a plan against what the real engine made of the same stack, resource by resource."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rayeks.plan.model import Plan
from rayeks.plan.values import known, reveal

SIGNATURE = "4dabf18193072939515e22adb298388d"
ENGINES_OWN = ("pulumi:providers:pulumi",)
"""What only the engine has: a provider with which it looks up resources by reference."""
LOCAL = "http://127.0.0.1:"
"""What AWS would give as a URL of its own, the local AWS gives as its own."""


def disagreements(plan: Plan, deployment: Mapping[str, Any], *, outputs: bool = True) -> list[str]:
    """Every difference between a plan and an engine's deployment (`stack.export_stack().deployment`).

    Compared are the resources themselves, their dependencies, parents, providers, protection and inputs, and all
    outputs that the plan claims to know (unless `outputs` is off). What is unknown in the plan may be anything.
    """
    resources = {entry["urn"]: entry for entry in deployment["resources"]}
    made = {urn: entry for urn, entry in resources.items() if not entry["type"].startswith(ENGINES_OWN)}
    found = [f"only planned: {urn}" for urn in plan.by_urn.keys() - made.keys()]
    found += [f"only made: {urn}" for urn in made.keys() - plan.by_urn.keys()]
    for urn, resource in plan.by_urn.items():
        if urn not in made:
            continue
        entry = made[urn]
        options = {
            "dependencies": (set(resource.dependencies), set(entry.get("dependencies") or ())),
            "parent": (resource.parent, entry.get("parent") or None),
            "provider": (resource.provider, entry.get("provider", "").rpartition("::")[0] or None),
            "protect": (resource.protect, bool(entry.get("protect"))),
        }
        found += [
            f"{urn}: {name} {ours!r}, made {theirs!r}" for name, (ours, theirs) in options.items() if ours != theirs
        ]
        if resource.custom:
            found += [f"{urn}: inputs{line}" for line in _differences(resource.inputs, entry.get("inputs", {}))]
        if resource.custom and outputs:
            claimed = {key: value for key, value in resource.outputs.items() if key not in resource.inputs}
            state = {**entry.get("outputs", {}), "id": entry.get("id")}
            found += [f"{urn}: outputs{line}" for line in _differences(claimed, state)]
    return sorted(found)


def _differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    ours, theirs = reveal(ours), _plain(theirs)
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key, value in ours.items():
            if key in theirs:
                yield from _differences(value, theirs[key], f"{path}.{key}")
            elif known(value):
                yield f"{path}.{key}: {value!r}, made nothing"
    elif not known(ours) or str(theirs).startswith(LOCAL):
        return
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(mine, other, f"{path}[{index}]")
    elif ours != theirs and _parsed(ours) != _parsed(theirs):
        yield f"{path}: {ours!r}, made {theirs!r}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if SIGNATURE in value and "plaintext" in value:
            return _plain(json.loads(value["plaintext"]))
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _parsed(value: Any) -> Any:
    """A document by what it says: provider settings and policies are text to the engine, with keys in any order."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
