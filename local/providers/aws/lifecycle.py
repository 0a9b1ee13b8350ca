"""Create, read, update and delete of any resource type, by its row alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from local.providers.aws import state, tags
from local.providers.aws.convert import member_of, tag_map
from local.providers.aws.diff import differences
from local.providers.aws.operation import Operation, StoppedError
from local.providers.aws.resource import PLACEHOLDER, Call, Change, Resource
from local.providers.wire import ResourceInitError
from rayeks.errors import UserError

Found = tuple[str, dict[str, Any]]


def create(operation: Operation, default_tags: Mapping[str, str]) -> Found:
    """Make the resource and bring it to all of its inputs; its id and outputs as AWS tells them.

    Raises ResourceInitError when it exists but could not be brought to them, so that it is not lost.
    """
    resource = operation.resource
    made = _create(operation)
    operation.raw = made if isinstance(made, dict) else {}
    operation.id = operation.id or str(_fill_id(operation))
    try:
        operation.await_ready()
        tagged_already = resource.tagging is None or bool(resource.tagging.create)
        _converge(operation, {}, default_tags, fresh=True, tag=not tagged_already)
        return operation.id, state.outputs(operation, default_tags)
    except UserError as error:
        raise _partial(operation, default_tags, error) from error


def update(operation: Operation, default_tags: Mapping[str, str]) -> dict[str, Any]:
    """Change in place whatever differs, from the old inputs or from AWS's present state; the outputs after it."""
    if not operation.read():
        raise UserError("it no longer exists", fix="refresh the stack, and it will be created again")
    try:
        if operation.resource.ready and operation.status() not in operation.resource.ready:
            operation.await_ready()
        _converge(operation, operation.old, default_tags, fresh=False, tag=operation.resource.tagging is not None)
        return state.outputs(operation, default_tags)
    except UserError as error:
        raise _partial(operation, default_tags, error) from error


def read(operation: Operation, default_tags: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(outputs, inputs) of what exists, or None. `operation.old` are the inputs known so far, empty for an import."""
    if not operation.read():
        return None
    found = state.outputs(operation, default_tags)
    return found, state.inputs(found, operation, operation.old)


def delete(operation: Operation) -> None:
    """Delete it and wait until it is gone; what is gone already is fine, and `skipDestroy` leaves it to others."""
    if operation.state.get("skipDestroy") or not operation.read():
        return
    for step in operation.resource.delete:

        def act(step=step) -> Any:
            return operation.ignoring_absence(lambda: operation.run(step))

        operation.insist(act, "waiting until nothing holds it")
    if operation.resource.awaits_deletion:
        operation.await_gone()


def _create(operation: Operation) -> Any:
    resource, step = operation.resource, operation.resource.create
    if not isinstance(step, Call):
        return step(operation)
    if resource.tagging is not None and resource.tagging.create and operation.inputs.get("tagsAll"):
        step = replace(step, params={**resource.tagging.create, **step.params})
    values = {name: value for name, value in operation.inputs.items() if name not in state.META}
    return operation.run(step, values)


def _fill_id(operation: Operation) -> Any:
    id = operation.resource.id
    values = {name: operation.scope(name) for name in PLACEHOLDER.findall(id)}
    return PLACEHOLDER.sub(lambda match: str(values[match.group(1)]), id)


def _converge(
    operation: Operation, old: Mapping[str, Any], default_tags: Mapping[str, str], *, fresh: bool, tag: bool
) -> None:
    """Run the changes whose properties differ between what is and what is wanted, then read again."""
    resource, wanted = operation.resource, operation.inputs
    found = state.outputs(operation, default_tags)
    present = state.inputs(found, operation, wanted)
    drifted = {each.top for each in differences(present, wanted, resource) if each.top in wanted}
    differing = drifted - operation.ignored
    if fresh:
        differing |= {name for name in wanted if name in resource.kept}
        differing -= consumed(operation)
    else:
        differing |= {each.top for each in differences(old, wanted, resource)}
        operation.old = {**found, **old}
    operation.changed = differing
    ran = [change for change in resource.changes if change.properties & differing]
    for change in ran:
        _run(operation, change)
        if resource.ready:
            operation.await_ready()
    if tag and _retag(operation, old, fresh=fresh):
        ran.append(Change(""))
    if ran:
        operation.await_ready()


def _run(operation: Operation, change: Change) -> None:
    values = {name: operation.wanted(name) for name in change.properties}
    for step in change.steps:
        operation.insist(lambda step=step: operation.run(step, values), "waiting until it can be changed")


def _retag(operation: Operation, old: Mapping[str, Any], *, fresh: bool) -> bool:
    tagging = operation.resource.tagging
    if tagging is None:
        return False
    present = tag_map(operation.raw.get("Tags", operation.raw.get("tags")))
    wanted = operation.inputs.get("tagsAll") or {}
    # Others tag things too; only what was ours is taken away.
    ours = {key: text for key, text in present.items() if key in wanted or key in (old.get("tagsAll") or {})}
    added, removed = tags.difference({} if fresh else ours, wanted)
    operation.extra = {"newTags": added, "tagKeys": removed, "goneTags": dict.fromkeys(removed), "allTags": wanted}
    if removed and tagging.remove is not None:
        operation.run(tagging.remove)
    if added or (removed and tagging.remove is None):
        operation.run(tagging.add)
    operation.extra = {}
    return bool(added or removed)


def consumed(operation: Operation) -> frozenset[str]:
    """The inputs that the create call takes itself, by name or in its template."""
    step = operation.resource.create
    if not isinstance(step, Call):
        return operation.resource.consumes
    return frozenset(taken(step, operation.schema.inputs, operation.cloud.model, operation.resource))


def taken(step: Call, inputs: Iterable[str], model: Callable[[str, str], Any], resource: Resource) -> set[str]:
    """Those of `inputs` that a call has a place for."""
    shape = model(resource.service, step.operation).input_shape
    shapes = [shape] if shape is not None else []
    if step.within is not None and shape is not None:
        shapes.append(shape.members[step.within])
    matched = {name for name in inputs if any(member_of(name, each, resource.names) for each in shapes)}
    return matched | set(placeholders(step.params))


def placeholders(template: Any) -> Iterable[str]:
    """The names that a template asks for."""
    if isinstance(template, str):
        yield from PLACEHOLDER.findall(template)
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from placeholders(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from placeholders(value)


def _partial(operation: Operation, default_tags: Mapping[str, str], error: UserError) -> Exception:
    """The failure with the state that the resource is in, where AWS still tells it."""
    try:
        if not operation.read():
            return error
        found = state.outputs(operation, default_tags)
    except UserError as second:
        operation.warn(f"its state could not be read after a failure: {second}")
        found = dict(operation.inputs)
    reason = error.message if not isinstance(error, StoppedError) else f"{error.message}; run again to go on"
    return ResourceInitError(operation.id, found, operation.inputs, [reason])
