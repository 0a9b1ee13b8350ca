"""The plan for people, as a tree of components, and for machines, as one JSON document."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from rayeks.plan.model import STACK_TYPE, Plan, Resource
from rayeks.plan.values import public

if TYPE_CHECKING:
    from rayeks.plan.constraints import Finding
    from rayeks.plan.critical_path import CriticalPath

NAMES_SHOWN = 4


def document(plan: Plan) -> str:
    """The plan as JSON text, the same for every run of the same stack."""
    return json.dumps(plan.to_json(), indent=2, ensure_ascii=False) + "\n"


def render(plan: Plan, *, full: bool = False) -> RenderableType:
    """The plan for a terminal: components with their counts, outputs, warnings; `full` lists every resource."""
    parts: list[RenderableType] = [_headline(plan), _tree(plan, full), _outputs(plan)]
    parts += [Text(f"warning: {warning}", style="yellow") for warning in plan.warnings]
    return Group(*parts)


def render_path(path: "CriticalPath") -> RenderableType:
    """When the stack is ready, and the chain that decides it."""
    chain = path.first_ray_pod or path.everything
    table = Table(title=_moments(path), title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("from", justify="right", style="dim")
    table.add_column("takes", justify="right")
    table.add_column("what")
    table.add_column("source", style="dim", no_wrap=True, overflow="ellipsis")
    for step in chain.steps:
        kind = _short(step.type) if step.urn else step.type
        what = Text.assemble((kind, "green"), f"  {step.name}")
        table.add_row(_clock(step.start), _clock(step.seconds), what, step.source)
    return table


def render_findings(findings: "Sequence[Finding]") -> RenderableType:
    """What AWS would refuse, one line each; a single line where there is nothing."""
    if not findings:
        return Text("AWS's constraints: every value passes", style="green")
    lines = [Text(f"  {finding}", style="red") for finding in findings]
    count = f"{len(findings)} values" if len(findings) > 1 else "1 value"
    return Group(Text(f"AWS would refuse {count}:", style="bold red"), *lines)


def _moments(path: "CriticalPath") -> Text:
    title = Text("Critical path: ", style="bold")
    if path.first_ray_pod and path.ratio:
        title.append(f"first Ray pod after {_clock(path.first_ray_pod.seconds)} ")
        title.append(f"({path.ratio:.2f} of control plane → node group → operator), ", style="dim")
    return title.append(f"everything after {_clock(path.everything.seconds)}")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"


def _headline(plan: Plan) -> Text:
    managed = [resource for resource in plan.resources if _managed(resource)]
    packages = Counter(resource.package for resource in managed)
    shares = ", ".join(f"{count} {package}" for package, count in sorted(packages.items()))
    line = Text.assemble((f"{plan.project} ", "bold"), (plan.stack, "bold cyan"))
    return line.append(f": {len(managed)} resources ({shares})")


def _managed(resource: Resource) -> bool:
    """Whether a resource is something that a cloud or a cluster holds, and this stack makes."""
    return resource.custom and not resource.external and resource.package != "pulumi"


def _tree(plan: Plan, full: bool) -> Tree:
    tree = Tree(Text(plan.stack, style="bold"), guide_style="dim")
    stack = next(plan.of_type(STACK_TYPE), None)
    if stack is not None:
        _below(plan, tree, stack.urn, full)
    return tree


def _below(plan: Plan, tree: Tree, urn: str, full: bool) -> None:
    """One branch for each component, and one line for each kind of resource (for each resource, if `full`)."""
    kinds: dict[str, list[Resource]] = {}
    for child in plan.children(urn):
        if child.custom:
            kinds.setdefault(child.type, []).append(child)
            continue
        label = Text.assemble((_short(child.type), "bold"), f" {child.name}", (f"  {_count(plan, child)}", "cyan"))
        _below(plan, tree.add(label), child.urn, full)
    for kind, members in kinds.items():
        for group in [[member] for member in members] if full else [members]:
            branch = tree.add(_line(kind, group))
            for member in group:
                _below(plan, branch, member.urn, full)


def _line(kind: str, members: list[Resource]) -> Text:
    """Some resources of one kind: how many, the first names, and whether all are protected."""
    names = ", ".join(member.name for member in members[:NAMES_SHOWN])
    more = f", … {len(members) - NAMES_SHOWN} more" if len(members) > NAMES_SHOWN else ""
    times = f" × {len(members)}" if len(members) > 1 else ""
    mark = ("  protected", "yellow") if all(member.protect for member in members) else ("", "")
    line = Text.assemble((f"{_short(kind)}{times}", "green"), mark, (f"  {names}{more}", "dim"))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _count(plan: Plan, resource: Resource) -> int:
    """How many resources lie below one, at any depth."""
    return sum(_managed(child) + _count(plan, child) for child in plan.children(resource.urn))


def _short(kind: str) -> str:
    """`aws:ec2/vpc:Vpc` as `ec2.Vpc`, `rayeks:infra:Network` as `Network`, a Kubernetes kind with its group."""
    package, module, name = kind.split(":", 2)
    if package == "pulumi":
        return f"{name} provider" if module == "providers" else name
    if package == "aws":
        return f"{module.split('/')[0]}.{name}"
    return f"{module}.{name}" if package == "kubernetes" else name


def _outputs(plan: Plan) -> Table:
    table = Table(title="Outputs", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in sorted(plan.outputs.items()):
        table.add_row(Text(name, style="bold"), _value(value))
    return table


def _value(value: Any) -> Text:
    if value is not None and public(value) is None:
        return Text("known after creation", style="dim")
    shown = public(value)
    text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
    return Text(text, no_wrap=True, overflow="ellipsis")
