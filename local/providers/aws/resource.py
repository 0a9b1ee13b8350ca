"""The row that describes a resource type, and the templates by which a row fills the parameters of its calls.

A template is plain data in which "{name}" stands for a value of the resource: `id`, an input or output property,
a member of what AWS answered, `old.` and a former input, or `account`, `region`, `partition`. A string that is
nothing but one placeholder keeps the value's type; whatever holds an absent value is left out.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.providers.aws.convert import Names, words

if TYPE_CHECKING:
    from local.providers.aws.operation import Operation

PLACEHOLDER = re.compile(r"\{([\w.]+)\}")
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
NOTHING: Mapping[str, Any] = {}
MINUTES = 60.0


@dataclass(frozen=True)
class Call:
    """One API operation: its parameters as a template, and where in the answer (JMESPath) the thing lies.

    `within` is the structure among its parameters that takes the properties that have no member at the top.
    """

    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    result: str = "@"
    within: str | None = None


Step = Call | Callable[["Operation"], Any]


@dataclass(frozen=True)
class Change:
    """How some properties are changed in place: the steps to run when any of them differs.

    It runs after create too, when one of them is set and `create` had no place for it.
    """

    properties: frozenset[str]
    steps: tuple[Step, ...]

    def __init__(self, properties: str, *steps: Step) -> None:
        object.__setattr__(self, "properties", words(properties))
        object.__setattr__(self, "steps", steps)


@dataclass(frozen=True)
class Tagging:
    """How a type is tagged: what `create` takes, and the calls for adding `{tags}` and removing `{tagKeys}`.

    Without `create` the tags are added after it.
    """

    add: Step
    remove: Step | None
    create: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Naming:
    """A name made up where none is given: the logical name, a dash and seven hex digits, at most `longest` long."""

    property: str = "name"
    longest: int = 255
    lower: bool = False
    prefix: str = ""
    suffix: Callable[[Mapping[str, Any]], str] = lambda inputs: ""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource type. Every input that it supports is in `replaces`, in a Change, or in `kept`.

    Inputs whose names match members of the create call's input are passed to it without being named here; `names`
    says where names differ. Sources of `replaces` and `defaults`: ForceNew, RequiresReplace and Default of
    internal/service/* in hashicorp/terraform-provider-aws.
    """

    token: str
    service: str
    id: str  # template over the inputs and the created thing; also parsed, so that an id alone can be read
    create: Step
    reads: tuple[Call | Callable[["Operation"], Any], ...]  # the first says whether it exists; all are merged
    delete: tuple[Step, ...]
    changes: tuple[Change, ...] = ()
    consumes: frozenset[str] = frozenset()  # inputs that a create function takes, where create is no Call
    replaces: frozenset[str] = frozenset()
    forces: Callable[[Mapping[str, Any], Mapping[str, Any]], frozenset[str]] | None = None  # replacing sometimes
    kept: frozenset[str] = frozenset()  # inputs that AWS never tells back: settings of the provider, secrets
    computed: frozenset[str] = frozenset()  # inputs for which AWS has a value of its own when they aren't set
    names: Names = field(default_factory=dict)
    unordered: frozenset[str] = frozenset()  # dotted paths of lists in which order means nothing
    documents: frozenset[str] = frozenset()  # dotted paths of JSON texts
    defaults: Mapping[str, Any] = field(default_factory=dict)
    cleared: Mapping[str, Any] = field(default_factory=dict)  # what to send when a property is removed
    outputs: Mapping[str, Any] = field(default_factory=dict)  # templates of what AWS's answer doesn't hold
    volatile: frozenset[str] = frozenset()  # outputs that any update may change
    secrets: frozenset[str] = frozenset()
    naming: Naming | None = None
    tagging: Tagging | None = None
    status: str = ""  # JMESPath over what was read
    ready: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()  # states in which it no longer exists
    why: str = ""  # JMESPath of AWS's reason for a failed state
    awaits_deletion: bool = False
    missing: frozenset[str] = frozenset()  # error codes that say it doesn't exist
    busy: frozenset[str] = frozenset()  # error codes that pass when something else has gone or come
    delete_before_replace: bool = False
    check: Callable[[Mapping[str, Any]], list[tuple[str, str]]] | None = None
    shown: Callable[[dict[str, Any], "Operation"], None] | None = None  # last touch on the properties read
    timeouts: Mapping[str, float] = field(default_factory=dict)  # seconds, by create, update, delete

    @property
    def updatable(self) -> frozenset[str]:
        """The properties that a Change covers."""
        return frozenset().union(*(change.properties for change in self.changes))

    @property
    def supported(self) -> frozenset[str]:
        """Every input that the type takes, tags and region included."""
        common = {"region", "tags", "tagsAll", "timeouts"}
        name = {self.naming.property, "namePrefix", "bucketPrefix"} if self.naming else set()
        top = {path.split(".")[0] for path in self.replaces | self.kept}
        return frozenset(common | name | top | self.updatable)

    def timeout(self, action: str) -> float:
        """How long an action may take by default, in seconds."""
        return self.timeouts.get(action, 20 * MINUTES)


def fill(template: Any, scope: Callable[[str], Any]) -> Any:
    """The template with its placeholders replaced by what `scope` says of them; ABSENT where nothing is left."""
    if isinstance(template, str):
        whole = PLACEHOLDER.fullmatch(template)
        if whole:
            return scope(whole.group(1))
        values = {name: scope(name) for name in PLACEHOLDER.findall(template)}
        if any(value is ABSENT for value in values.values()):
            return ABSENT
        return PLACEHOLDER.sub(lambda match: str(values[match.group(1)]), template)
    if isinstance(template, Mapping):
        filled = {key: fill(value, scope) for key, value in template.items()}
        present = {key: value for key, value in filled.items() if value is not ABSENT}
        return present if present or not template else ABSENT
    if isinstance(template, list | tuple):
        items = [item for item in (fill(value, scope) for value in template) if item is not ABSENT]
        return items if items or not template else ABSENT
    return template


def parse_id(template: str, id: str) -> dict[str, str] | None:
    """The values of an id's placeholders, or None where the id does not have the template's form."""
    pattern, last = "", 0
    names = list(PLACEHOLDER.finditer(template))
    for index, match in enumerate(names):
        anything = ".+" if index == len(names) - 1 else ".+?"
        pattern += re.escape(template[last : match.start()]) + f"(?P<g{index}>{anything})"
        last = match.end()
    found = re.fullmatch(pattern + re.escape(template[last:]), id)
    return {match.group(1): found[f"g{index}"] for index, match in enumerate(names)} if found else None
