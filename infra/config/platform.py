"""The whole platform as one frozen value, and the one report of everything that is wrong with a stack file."""

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from infra import fleet, sizing
from infra.config.base import EXAMPLES, AccountId, Name, PolicyName, Region, Slice
from infra.config.cluster import Cluster as ClusterSettings
from infra.config.cost import Cost
from infra.config.data import DataSource
from infra.config.expected import Expected
from infra.config.network import AnyNetwork
from infra.config.node_groups import NodeGroup, PlacementGroup, Reservation
from infra.config.observability import AwsObservability
from infra.config.policies import Policies
from infra.config.pools import Pool
from infra.config.portable import PortablePlatform
from infra.config.queueing import Queueing
from infra.config.rules import RULES, Problem
from infra.config.rules.base import Rule
from infra.config.rules.lists import repeated
from infra.config.samples import Samples
from infra.config.storage import Storage
from infra.config.tenants import Ray, TeamName, Tenant
from infra.iam import Aws

DEEPEST = 4
"""How deep the parts of a section lie in each other."""

AWS_KEYS = {"region": "aws:region", "account": "aws:allowedAccountIds", "tags": "aws:defaultTags"}
"""What a stack on AWS says to the AWS provider, and no other stack says."""

AWS_SERVICES = ("observability.prometheus.workspace", "observability.alerts.topic")
"""Keys of sections of any stack that name a service of AWS."""

UNION_TAGS = ("own", "existing", "s3", "glue", "redshift", "rds")
"""What pydantic puts into the path of an error inside a union; the stack file has no such key."""


class Platform(Slice):
    """Everything that a stack file says. A feature is off by the absence of its section."""

    name: Name
    """The cluster's name, and the first part of every physical name."""
    environment: Literal["local", "dev", "staging", "prod"]
    region: Region
    account: AccountId
    tags: dict[str, str] = {}
    """The stack's default tags, for what AWS resources launch by themselves (Karpenter's instances)."""
    network: AnyNetwork
    cluster: ClusterSettings
    node_groups: dict[Name, NodeGroup]
    placement_groups: dict[Name, PlacementGroup] = {}
    reservations: dict[Name, Reservation] = {}
    pools: dict[Name, Pool]
    storage: Storage
    ray: Ray = Ray()
    tenants: dict[TeamName, Tenant] = {}
    queues: Queueing | None = None
    samples: Samples = Samples()
    observability: AwsObservability | None = None
    data_sources: dict[Name, DataSource] = {}
    cost: Cost | None = None
    permissions_boundary: PolicyName | None = None
    """The policy that no role of the stack can pass, by name; the pipelines may make no role without it."""
    policies: Policies = Policies()
    expected: Expected = Expected()

    @property
    def aws(self) -> Aws:
        """Where ARNs of this stack point."""
        return Aws(self.account, self.region, self.partition)

    @property
    def warm(self) -> bool:
        """Whether a pool asks for anything to be ready before the first job is."""
        return any(pool.headroom or pool.prepull for pool in self.pools.values())

    @property
    def nodes(self) -> int:
        """The most nodes that the stack may have at once."""
        return sizing.total_nodes(self.node_groups, self.pools)

    @property
    def partition(self) -> str:
        """The AWS partition of the region, as ARNs spell it."""
        prefixes = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
        return next((p for start, p in prefixes.items() if self.region.startswith(f"{start}-")), "aws")


class InvalidPlatform(ValueError):
    """A stack file with mistakes; `problems` holds every one of them."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, 1))
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__(f"{count} in the stack's configuration; nothing was created:\n{lines}")


def assembled(
    platform: Mapping[str, Any],
    *,
    region: str | None,
    accounts: Sequence[str] | None,
    default_tags: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The values to parse: the stack file's `platform`, and what the AWS provider's own settings say already."""
    own = {
        "region": region,
        "account": accounts[0] if accounts else None,
        "tags": (default_tags or {}).get("tags") or {},
    }
    return dict(platform) | own


def parse(values: Mapping[str, Any]) -> Platform:
    """Validates the merged values of a stack on AWS. Raises InvalidPlatform with every mistake, each with its path."""
    return _parsed(json.dumps(values))


@cache
def _parsed(text: str) -> Platform:
    """The platform of the values as JSON, once: the program asks, and then whoever judges what it made."""
    values = json.loads(text)
    if problems := _problems(Platform, values, RULES):
        raise InvalidPlatform(problems)
    platform = Platform.model_validate(values)
    zones = platform.network.zones
    pools = fleet.completed(platform.pools, platform.samples, region=platform.region, zones=zones)
    return platform.model_copy(update={"pools": pools})


def parse_portable(values: Mapping[str, Any]) -> PortablePlatform:
    """Validates the merged values of a stack on a Kubernetes that is there already. Raises as `parse` does."""
    # Imported when it is asked for: these rules speak of the components' pure functions, which speak of configuration.
    from infra.config.rules.portable import PORTABLE_RULES

    own = {key: value for key, value in values.items() if key not in AWS_KEYS}
    fix = "leave it out, or leave cluster.kubeconfig out"
    problems = [Problem(AWS_KEYS[key], "is of a stack on AWS", fix) for key in AWS_KEYS if values.get(key)]
    for problem in _problems(PortablePlatform, own, PORTABLE_RULES):
        section, _, key = problem.path.partition(".")
        of_aws = section in Platform.model_fields and section not in PortablePlatform.model_fields
        of_eks = section == "cluster" and key in ClusterSettings.model_fields
        if of_aws or of_eks or problem.path in AWS_SERVICES:
            what = "EKS" if of_eks else "a stack on AWS"
            problem = Problem(problem.path, f"is of {what}, and cluster.kubeconfig names a cluster that is there", fix)
        problems.append(problem)
    if problems:
        raise InvalidPlatform(problems)
    return PortablePlatform.model_validate(own)


def parse_any(values: Mapping[str, Any]) -> Platform | PortablePlatform:
    """Validates a stack file of either kind, by what its `cluster` section says. Raises as `parse` does."""
    cluster = values.get("cluster")
    portable = isinstance(cluster, Mapping) and ("kubeconfig" in cluster or "context" in cluster)
    return parse_portable(values) if portable else parse(values)


def _problems(model: type[Slice], values: Mapping[str, Any], rules: Iterable[Rule]) -> list[Problem]:
    """Every mistake in a stack file of a kind."""
    problems: list[Problem] = []
    sections: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in values:
            annotation: Any = field.annotation
            if field.metadata:
                annotation = Annotated[(annotation, *field.metadata)]
            section = _section(name, annotation, values[name], problems)
            if section is not None:
                sections[name] = section
        elif field.is_required():
            problems.append(Problem(name, "is missing", "add it"))
        else:
            sections[name] = field.get_default()
    problems += [
        Problem(name, "is not a known key", f"known keys: {', '.join(sorted(model.model_fields))}")
        for name in values
        if name not in model.model_fields
    ]
    for name, section in sections.items():
        problems += repeated(name, section)
    for check in rules:
        wanted = inspect.signature(check).parameters
        if all(name in sections for name in wanted):
            problems += check(**{name: sections[name] for name in wanted})
    return problems


def _section(name: str, annotation: Any, value: Any, problems: list[Problem]) -> Any:
    """Validates one section, adding its mistakes; returns what is well-formed of it, for the rules, or None."""
    if get_origin(annotation) is dict and isinstance(value, Mapping):
        key_type, item_type = get_args(annotation)
        parsed = {}
        for key, item in value.items():
            if _validated(f"{name}.{key}", key_type, key, problems) is None:
                continue
            entry = _validated(f"{name}.{key}", item_type, item, problems)
            if entry is not None:
                parsed[key] = entry
        return parsed
    return _validated(name, annotation, value, problems)


def _validated(path: str, annotation: Any, value: Any, problems: list[Problem]) -> Any:
    """The validated value; where parts of it are wrong, the value without those parts, if that still stands."""
    adapter = TypeAdapter(annotation)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        problems += [_problem(path, detail) for detail in error.errors()]
        return _rest(adapter, value, error)


def _rest(adapter: TypeAdapter, value: Any, error: ValidationError) -> Any:
    """What stands of a value without its wrong parts, and without what then lacks something; None if nothing does."""
    places: list[tuple[int | str, ...]] = []
    for _ in range(DEEPEST):
        places += [detail["loc"][:-1] if detail["type"] == "missing" else detail["loc"] for detail in error.errors()]
        try:
            return adapter.validate_python(_without(value, places))
        except ValidationError as again:
            error = again
        except (LookupError, TypeError):
            break
    return None


def _problem(path: str, detail: Any) -> Problem:
    steps = [step for step in detail["loc"] if not _is_union_tag(step, detail)]
    where = path + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    kind = detail["type"]
    if kind == "extra_forbidden":
        return Problem(where, "is not a known key", "check the spelling")
    if kind == "missing":
        return Problem(where, "is missing", "add it")
    return Problem(where, f"{detail['msg'][0].lower()}{detail['msg'][1:]}, not {detail['input']!r}", _form(detail))


def _form(detail: Any) -> str:
    """What a value of the wrong form should have been."""
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind == "string_pattern_mismatch":
        example = EXAMPLES.get(context["pattern"])
        return f"such as {example}" if example else f"it must match {context['pattern']}"
    if kind == "too_short":
        return f"name at least {context['min_length']}"
    if kind in ("int_parsing", "int_type", "float_parsing", "float_type"):
        return "a bare number: the unit is the key's own"
    return "see what the key takes in infra/config"


def _is_union_tag(step: int | str, detail: Any) -> bool:
    """Pydantic puts a discriminated union's tag into the path; the stack file has no such key."""
    return detail["loc"][0] == step and (step in UNION_TAGS or str(step).startswith("ray-"))


def _without(value: Any, places: list[tuple[int | str, ...]]) -> Any:
    """The value less the entries at the given places."""
    if not all(places):
        raise LookupError("the value itself is wrong")
    if isinstance(value, Mapping):
        tag = {place[0] for place in places if len(place) > 1 and place[0] not in value}
        places = [place[1:] if place[0] in tag else place for place in places]
        return {
            key: _without(item, [place[1:] for place in places if place[0] == key and len(place) > 1])
            if any(place[0] == key and len(place) > 1 for place in places)
            else item
            for key, item in value.items()
            if (key,) not in places
        }
    return [item for index, item in enumerate(value) if not any(place[:1] == (index,) for place in places)]
