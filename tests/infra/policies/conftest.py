"""The real plan of prod, and ways to break it."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from local.home import root
from rayeks.plan import Plan, Resource, plan
from rayeks.plan.values import reveal

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="session")
def prod() -> Plan:
    """The plan of the stack `prod` as it ships."""
    return plan("prod", root=root())


def changed(planned: Plan, kind: str, change: Change | None = None, **fields: Any) -> Plan:
    """The plan with the first resource of a type changed: its inputs by `change`, its options by `fields`."""
    first = next(planned.of_type(kind))
    inputs = copy.deepcopy(reveal(first.inputs))
    if change:
        change(inputs)
    other = replace(first, inputs=inputs, **fields)
    return replace(planned, resources=tuple(other if each is first else each for each in planned.resources))


def without(planned: Plan, *kinds: str) -> Plan:
    """The plan without any resource of these types."""
    return replace(planned, resources=tuple(each for each in planned.resources if each.type not in kinds))


def plus(planned: Plan, kind: str, name: str, inputs: dict[str, Any]) -> Plan:
    """The plan with one resource more."""
    key = f"urn:pulumi:{planned.stack}::{planned.project}::{kind}::{name}"
    return replace(planned, resources=(*planned.resources, Resource(key, kind, name, inputs)))


def configured(planned: Plan, text: str) -> Plan:
    """The plan of a stack file whose `platform` is this JSON."""
    return replace(planned, config={**planned.config, f"{planned.project}:platform": text})


def at(inputs: dict[str, Any], path: Iterable[str | int]) -> Any:
    """What lies at a path of keys and indices."""
    value: Any = inputs
    for step in path:
        value = value[step]
    return value
