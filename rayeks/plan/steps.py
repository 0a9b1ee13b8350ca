"""What the engine would do to each resource, decided as it is registered: the engine's own rules, without the engine.

After pkg/resource/deploy/step_generator.go of pulumi/pulumi 3.259 (Apache-2.0): a resource that is replaced makes its
outputs unknown, an unknown in a property that forces replacement replaces the next, and one that must be deleted
before its successor is made takes along whatever would be replaced by its absence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pulumi.runtime import rpc

from local.providers.wire import UNKNOWN
from rayeks.plan.model import PROVIDERS, Plan, Resource, urn
from rayeks.plan.provider_rules import Diff, Rules, reset
from rayeks.plan.values import reveal

NAMED_ANEW = b"another"


class Op(StrEnum):
    """What befalls a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True)
class Step:
    """What befalls one resource: the paths that change, those that force a replacement, and what drags it along.

    `before` is the resource as it is, None for a new one; `dragged_by` the URN of the resource whose deletion takes it
    along. `delete_first` is whether the old one goes before the new one comes. `known` is False where it could not be
    told: nobody here knows the type's rules, or its provider has a setting that is known only later; it is then taken
    for an update, as the engine takes it.
    """

    op: Op
    resource: Resource
    before: Resource | None = None
    changed: tuple[str, ...] = ()
    replacing: tuple[str, ...] = ()
    dragged_by: str | None = None
    delete_first: bool = False
    known: bool = True


@dataclass(frozen=True)
class Old:
    """A resource as it is deployed: with the inputs that its provider keeps, and its outputs."""

    resource: Resource
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class Steps:
    """The steps from a plan that is deployed to one whose resources are `take`n one by one, in their order."""

    def __init__(self, before: Plan, rules_before: Rules, rules: Rules, stack: str, project: str) -> None:
        self._stack, self._project, self._rules = stack, project, rules
        self._olds = {
            resource.urn: _old(resource, rules_before) for resource in before.resources if not resource.external
        }
        self._condemned: dict[str, tuple[str, tuple[str, ...]]] = {}  # old URN → who drags it along, and by which keys
        self._taken: set[str] = set()  # old URNs
        self._was: dict[str, str] = {}  # URN → the URN that it had
        self._replaced: set[str] = set()
        self._providers: dict[str, Mapping[str, Any]] = {}
        self._unsettled: set[str] = set()  # providers with a setting that is not known yet
        self.steps: dict[str, Step] = {}

    def note(self, component: Resource) -> None:
        """Takes a component, which is nothing itself but may have had another name."""
        self._match(component)

    def take(self, resource: Resource) -> tuple[Step, dict[str, Any]]:
        """The step of a resource, and the outputs that a preview would know; unknown ones are `UNKNOWN`."""
        old = self._match(resource)
        inputs, step, outputs = self._decided(resource, old)
        self.steps[resource.urn] = step
        if resource.type.startswith(PROVIDERS):
            self._providers[resource.urn] = inputs
            if any(value in (UNKNOWN, rpc.UNKNOWN) for value in inputs.values()):
                self._unsettled.add(resource.urn)
        if step.op is Op.REPLACE:
            self._replaced.add(resource.urn)
        return step, outputs

    def gone(self) -> list[Step]:
        """The deletions: what is deployed and was not taken."""
        return [
            Step(Op.DELETE, old.resource, old.resource)
            for key, old in self._olds.items()
            if old.resource.custom and key not in self._taken and not old.resource.type.startswith(PROVIDERS)
        ]

    def _decided(self, resource: Resource, old: Old | None) -> tuple[Mapping[str, Any], Step, dict[str, Any]]:
        rules, key = self._rules, resource.urn
        news: Mapping[str, Any] = reveal(resource.inputs)
        if resource.provider in self._unsettled:
            return news, self._unsaid(resource, old), {}
        if old is None:
            inputs = rules.checked(key, news, None)
            return inputs, Step(Op.CREATE, resource), rules.created(key, inputs)
        news = reset(news, old.inputs, resource.ignore_changes)
        if old.resource.urn in self._condemned:
            root, keys = self._condemned[old.resource.urn]
            inputs = rules.checked(key, news, None, NAMED_ANEW)
            step = Step(Op.REPLACE, resource, old.resource, keys, keys, dragged_by=root, delete_first=True)
            return inputs, step, rules.created(key, inputs)
        inputs = rules.checked(key, news, old.inputs)
        diff = self._diff(resource, old, inputs)
        if diff.replacing:
            inputs = rules.checked(key, news, None, NAMED_ANEW)
            wanted = resource.delete_before_replace
            delete_first = diff.delete_first if wanted is None else wanted
            if delete_first:
                self._condemn(old)
            step = Step(
                Op.REPLACE, resource, old.resource, diff.changed, diff.replacing, None, delete_first, diff.known
            )
            return inputs, step, rules.created(key, inputs)
        if diff.changed:
            step = Step(Op.UPDATE, resource, old.resource, diff.changed, known=diff.known)
            return inputs, step, rules.updated(key, old.inputs, old.outputs, inputs)
        return inputs, Step(Op.SAME, resource, old.resource), dict(old.outputs)

    def _unsaid(self, resource: Resource, old: Old | None) -> Step:
        """The step of a resource whose provider cannot be asked, because one of its settings is not known yet."""
        if old is None:
            return Step(Op.CREATE, resource)
        if old.resource.urn in self._condemned:
            root, keys = self._condemned[old.resource.urn]
            return Step(Op.REPLACE, resource, old.resource, keys, keys, dragged_by=root, delete_first=True)
        if self._replaced & set(resource.replace_with) or self._provider_changed(resource, old.resource):
            return Step(Op.REPLACE, resource, old.resource, ("provider",), ("provider",))
        return Step(Op.UPDATE, resource, old.resource, known=False)

    def _diff(self, resource: Resource, old: Old, inputs: Mapping[str, Any]) -> Diff:
        if self._replaced & set(resource.replace_with):
            return Diff(("replaceWith",), ("replaceWith",))
        if self._provider_changed(resource, old.resource):
            return Diff(("provider",), ("provider",))
        diff = self._rules.diff(resource.urn, old.inputs, old.outputs, inputs, resource.ignore_changes)
        return diff.replaced_on(resource.replace_on_changes)

    def _provider_changed(self, resource: Resource, old: Resource) -> bool:
        """Whether its provider is another one, and such that it cannot hold what the former one held."""
        new, former = resource.provider, old.provider
        if new is None or former is None:
            return new != former
        if self._was.get(new, new) == former and new not in self._replaced:
            return False
        settings = self._olds[former].inputs if former in self._olds else {}
        return bool(self._rules.diff_config(new, settings, self._providers.get(new, {})).replacing)

    def _condemn(self, root: Old) -> None:
        """Marks what must be deleted before `root` can be: dependents that its absence would replace, and theirs."""
        gone = {root.resource.urn}
        for key, old in self._olds.items():  # in the order in which they were made
            resource = old.resource
            if key in self._taken or not resource.custom or key in gone:
                continue
            keys = self._replacing_without(old, gone)
            if keys is not None:
                gone.add(key)
                self._condemned.setdefault(key, (root.resource.urn, keys))
            elif root.resource.urn in resource.replace_with:
                # It goes too, but the engine does not look at who needs it in turn.
                self._condemned.setdefault(key, (root.resource.urn, ()))

    def _replacing_without(self, old: Old, gone: set[str]) -> tuple[str, ...] | None:
        """The keys that would replace a resource if others were gone, or None where it would stay."""
        resource = old.resource
        if resource.provider in gone:
            return ()
        lost = {name for name, urns in resource.property_dependencies.items() if gone & set(urns)} & old.inputs.keys()
        if not lost:
            return None
        inputs = {**old.inputs, **dict.fromkeys(lost, UNKNOWN)}
        diff = self._rules.diff(resource.urn, old.inputs, old.outputs, inputs, resource.ignore_changes)
        return diff.replaced_on(resource.replace_on_changes).replacing or None

    def _match(self, resource: Resource) -> Old | None:
        """What the resource was: by its URN, by an alias of its own, or by one that it inherits."""
        for key in (resource.urn, *self._aliases(resource)):
            if key in self._olds and key not in self._taken:
                self._taken.add(key)
                self._was[resource.urn] = key
                return self._olds[key]
        return None

    def _aliases(self, resource: Resource) -> Iterable[str]:
        yield from resource.aliases
        former = self._was.get(resource.parent or "")
        if resource.parent and former and former != resource.parent:
            was, now = former.rpartition("::")[2], resource.parent.rpartition("::")[2]
            for kind, name in ((resource.type, resource.name), *map(_type_and_name, resource.aliases)):
                # A child that is named after its parent was named after what the parent was called.
                named = was + name.removeprefix(now) if name.startswith(now) else name
                yield urn(self._stack, self._project, former, kind, named)


def _old(resource: Resource, rules: Rules) -> Old:
    outputs = reveal(resource.outputs)
    inputs = rules.checked(resource.urn, reveal(resource.inputs), None) if resource.custom else {}
    # A name that the provider made up is the one that the plan stands in for.
    named = {key: outputs[key] for key in inputs.get("__defaults", ()) if key in outputs}
    inputs |= named
    return Old(resource, inputs, {**inputs, **outputs})


def _type_and_name(key: str) -> tuple[str, str]:
    _, _, qualified, name = key.split("::", 3)
    return qualified.rpartition("$")[2], name
