"""What the providers make of a change, asked without an engine: the local ones' own Check, Diff and preview.

They are the code that the local engine talks to, and their rules are those of the providers that they stand for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from local.providers import wire
from local.providers.aws.provider import AwsProvider
from local.providers.kubernetes.provider import KubernetesProvider
from rayeks.errors import UserError
from rayeks.plan.model import PROVIDERS
from rayeks.plan.values import reveal

pb: Any = provider_pb2
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Diff:
    """The paths that change, those of them that replace the resource, and whether the old one has to go first.

    `known` is False where nobody here knows the type's rules: then a replacement could be missed.
    """

    changed: tuple[str, ...] = ()
    replacing: tuple[str, ...] = ()
    delete_first: bool = False
    known: bool = True

    def replaced_on(self, patterns: Sequence[str]) -> "Diff":
        """The diff with every change below one of the paths replacing, as `replace_on_changes` has it."""
        wanted = [pattern.split(".") for pattern in patterns]
        also = [path for path in self.changed if any(_within(path, steps) for steps in wanted)]
        return Diff(self.changed, tuple(dict.fromkeys((*self.replacing, *also))), self.delete_first, self.known)


class Rules:
    """The providers of one stack, with its region and default tags; nothing is asked of any cloud."""

    def __init__(self, packages: Mapping[str, Values]) -> None:
        """`packages` is the configuration of each package, objects parsed."""
        aws = packages.get("aws", {})
        self._aws = AwsProvider()
        self._aws._cloud = SimpleNamespace(region=aws.get("region", ""))  # ty: ignore[invalid-assignment]
        tags = aws.get("defaultTags")
        self._aws.default_tags = dict((tags.get("tags") or {}) if isinstance(tags, Mapping) else {})
        self._kubernetes = KubernetesProvider()

    def checked(self, urn: str, news: Values, olds: Values | None, seed: bytes = b"") -> dict[str, Any]:
        """The inputs as the provider keeps them: defaults and names filled in, documents in one spelling.

        What a provider finds wrong in them is not told here: the plan tells it.
        """
        provider = self._provider(urn)
        if provider is None:
            return dict(news)
        request = pb.CheckRequest(urn=urn, news=_wired(news), olds=_wired(olds or {}), randomSeed=seed)
        try:
            return wire.unmarshal(provider.Check(request, None).inputs)
        except UserError:
            return dict(news)

    def diff(self, urn: str, old: Values, state: Values, new: Values, ignore: Iterable[str] = ()) -> Diff:
        """What changes from `old` checked inputs (and the outputs `state`) to `new` ones."""
        if _type(urn).startswith(PROVIDERS):
            return self.diff_config(urn, old, new)
        provider = self._provider(urn)
        request = pb.DiffRequest(
            urn=urn, old_inputs=_wired(old), olds=_wired(state), news=_wired(new), ignoreChanges=list(ignore)
        )
        try:
            if provider is None:
                raise UserError("no rules")
            answer = provider.Diff(request, None)
        except UserError:
            return Diff(_different(old, new), known=False)
        if answer.changes != pb.DiffResponse.DIFF_SOME:
            return Diff()
        kinds = pb.PropertyDiff.Kind
        replacing = [path for path, how in answer.detailedDiff.items() if kinds.Name(how.kind).endswith("_REPLACE")]
        return Diff(
            tuple(sorted(answer.detailedDiff)), tuple(sorted(replacing or answer.replaces)), answer.deleteBeforeReplace
        )

    def diff_config(self, urn: str, old: Values, new: Values) -> Diff:
        """What changes in the settings of a provider, and whether everything that it holds is replaced by that."""
        provider = {"aws": self._aws, "kubernetes": self._kubernetes}.get(_type(urn).removeprefix(PROVIDERS))
        if provider is None:
            return Diff(_different(old, new))
        answer = provider.DiffConfig(pb.DiffRequest(urn=urn, old_inputs=_wired(old), news=_wired(new)), None)
        return Diff(tuple(answer.diffs), tuple(answer.replaces))

    def created(self, urn: str, inputs: Values) -> dict[str, Any]:
        """The outputs that are known of a resource before it exists."""
        provider = self._provider(urn)
        if provider is None:
            return dict(inputs)
        request = pb.CreateRequest(urn=urn, properties=_wired(inputs), preview=True)
        return _asked(lambda: provider.Create(request, None), inputs)

    def updated(self, urn: str, old: Values, state: Values, inputs: Values) -> dict[str, Any]:
        """The outputs that are known of a resource before its update: what it has, but for what the update changes."""
        provider = self._provider(urn)
        if provider is None:
            return {**state, **inputs}
        request = pb.UpdateRequest(
            urn=urn, old_inputs=_wired(old), olds=_wired(state), news=_wired(inputs), preview=True
        )
        return {**state, **_asked(lambda: provider.Update(request, None), inputs)}

    def _provider(self, urn: str) -> Any:
        kind = _type(urn)
        if kind.startswith("aws:"):
            return self._aws
        return self._kubernetes if kind.startswith("kubernetes:") else None


def spelt(value: Any) -> Any:
    """A provider's value as the SDK spells it, where a string stands for what is unknown."""
    if value is wire.UNKNOWN:
        return rpc.UNKNOWN
    if isinstance(value, Mapping):
        return {key: spelt(item) for key, item in value.items()}
    return [spelt(item) for item in value] if isinstance(value, list) else value


def reset(new: Values, old: Values, paths: Iterable[str]) -> dict[str, Any]:
    """The inputs with what lies at `paths` as it was, as `ignore_changes` has it; one into a list resets all of it."""
    found = dict(new)
    for path in paths:
        head, _, rest = path.partition(".")
        head = head.partition("[")[0]
        if rest and isinstance(found.get(head), Mapping) and isinstance(old.get(head), Mapping):
            found[head] = reset(found[head], old[head], [rest])
        elif head in old:
            found[head] = old[head]
        else:
            found.pop(head, None)
    return found


def _different(old: Values, new: Values) -> tuple[str, ...]:
    return tuple(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def _asked(action: Any, inputs: Values) -> dict[str, Any]:
    try:
        return wire.unmarshal(action().properties)
    except UserError:
        return dict(inputs)


def _wired(values: Values) -> Any:
    return wire.marshal(reveal(values))


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _within(path: str, pattern: list[str]) -> bool:
    """Whether a changed path lies at or below a pattern, in which `*` is any step."""
    steps = path.replace("[", ".[").replace('["', "[").split(".")
    return len(pattern) <= len(steps) and all(one in ("*", other) for one, other in zip(pattern, steps, strict=False))
