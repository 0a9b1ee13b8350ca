"""The table of resource types judged by sources of its own: botocore's models and pulumi_aws's classes."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from local.providers.aws import schema, types
from local.providers.aws.convert import member_of
from local.providers.aws.lifecycle import placeholders, taken
from local.providers.aws.resource import Call, Resource

ROWS = list(types.every().values())
SCOPE = {"id", "account", "region", "partition", "newTags", "tagKeys", "goneTags", "allTags", "tagsAll"}

pytestmark = pytest.mark.parametrize("row", ROWS, ids=[row.token.split(":")[1] for row in ROWS])


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def calls(row: Resource) -> Iterator[tuple[Call, frozenset[str]]]:
    """Every call of a row, with the inputs that it may be passed by name."""
    create = frozenset(schema.load(row.token).inputs) - {"tags", "region"}
    steps: list[tuple[Any, frozenset[str]]] = [(row.create, create)]
    steps += [(step, frozenset()) for step in (*row.reads, *row.delete)]
    steps += [(step, change.properties) for change in row.changes for step in change.steps]
    if row.tagging is not None:
        steps += [(step, frozenset()) for step in (row.tagging.add, row.tagging.remove)]
    for step, properties in steps:
        if isinstance(step, Call):
            yield step, properties


def shape_of(row: Resource, call: Call) -> Any:
    return model(row.service).operation_model(call.operation).input_shape


def kind_at(row: Resource, path: str) -> bool:
    """Whether a dotted path leads to a property of the type."""
    fields = schema.load(row.token).state
    for part in path.split("."):
        field = fields.get(part)
        if field is None:
            return False
        fields = (field.kind.item or field.kind).fields
    return True


def test_every_operation_of_a_type_exists_and_takes_its_parameters(row):
    for call, properties in calls(row):
        assert call.operation in model(row.service).operation_names
        shape = shape_of(row, call)
        _fits(call.params, shape, call.operation)
        given = set(call.params) | {member_of(name, shape, row.names) for name in properties if shape is not None}
        given |= {call.within, *_idempotency_tokens(shape)}
        missing = set(shape.required_members if shape is not None else ()) - given
        assert not missing, f"{call.operation} is never given {missing}"


def _idempotency_tokens(shape: Any) -> set[str]:
    members = getattr(shape, "members", {})
    return {name for name, member in members.items() if member.metadata.get("idempotencyToken")}


def _fits(template: Any, shape: Any, where: str) -> None:
    if shape is None or not isinstance(template, Mapping | list):
        return
    if isinstance(template, Mapping) and shape.type_name == "structure":
        for name, value in template.items():
            assert name in shape.members, f"{where} has no member {name}"
            _fits(value, shape.members[name], f"{where}.{name}")
    elif isinstance(template, list) and shape.type_name == "list":
        for value in template:
            _fits(value, shape.member, where)


def test_every_operation_in_the_code_of_a_type_exists(row):
    source = Path(types.__file__).parent
    for path in source.glob(f"{row.service.replace('-', '_')}*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "call":
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    assert first.value in model(row.service).operation_names


def test_every_property_of_a_type_is_known_to_pulumi_aws(row):
    known = schema.load(row.token)
    for name in row.supported - {"tags", "tagsAll", "region", "namePrefix", "bucketPrefix", "timeouts"}:
        assert name in known.inputs, f"{name} is no input"
    paths = row.replaces | row.kept | row.computed | row.unordered | row.documents | row.names.keys()
    wrong = [path for path in paths if not path.startswith("*.") and not kind_at(row, path)]
    assert not wrong, f"pulumi_aws has no {wrong}"
    for name in row.outputs.keys() | row.volatile:
        assert name in known.state, f"{name} is no output"
    assert row.defaults.keys() <= row.supported
    assert row.cleared.keys() <= row.updatable
    assert (row.tagging is not None) == ("tagsAll" in known.state)


def test_every_input_of_a_type_reaches_create_or_a_change(row):
    if isinstance(row.create, Call):
        consumed = taken(row.create, row.supported, lambda service, name: model(service).operation_model(name), row)
    else:
        consumed = set(row.consumes)
    top = {path.split(".")[0] for path in row.replaces}
    lost = top - consumed - row.updatable - {"namePrefix", "bucketPrefix", "nodeGroupNamePrefix"}
    assert not lost, f"{lost} would be lost on create"


def test_a_property_that_is_taken_away_is_reset_or_aws_keeps_its_own(row):
    inputs = schema.load(row.token).inputs
    for change in row.changes:
        if not all(isinstance(step, Call) for step in change.steps):
            continue  # a function resets what it must
        for name in change.properties:
            required = inputs[name].required or (row.naming is not None and name == row.naming.property)
            assert required or name in row.defaults or name in row.cleared or name in row.computed, (
                f"nothing is sent when {name} is taken away"
            )


def test_every_placeholder_of_a_type_can_be_known(row):
    known = schema.load(row.token)
    for call, _ in calls(row):
        for name in placeholders(call.params):
            told = name in known.state or name.lower() in _vocabulary(row.service)
            assert told or name in SCOPE, f"{call.operation}: {{{name}}}"


def test_a_name_that_aws_spells_otherwise_is_one_of_aws(row):
    if row.service == "sns":
        return  # its settings are a map, and its model does not list what may be in it
    for path, member in row.names.items():
        assert member.lower() in _vocabulary(row.service), f"{path}: nothing is called {member}"


@cache
def _vocabulary(service: str) -> frozenset[str]:
    """The members of every shape of a service, and the words that its texts may be, such as SQS's attributes."""
    shapes = [model(service).shape_for(name) for name in model(service).shape_names]
    found = {name for shape in shapes for name in (*getattr(shape, "members", ()), *(getattr(shape, "enum", ()) or ()))}
    return frozenset(name.lower() for name in found)
