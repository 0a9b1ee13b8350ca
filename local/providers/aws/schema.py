"""What properties a resource type has, read from the source of the installed pulumi_aws without importing it.

pulumi_aws is the judge of names and kinds: a property that its classes lack is refused. Importing it costs
seconds, and the signatures of its classes say all that is needed, so only those few lines are parsed.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from rayeks.errors import UserError

SIGNATURE_END = re.compile(r"\):\n")
GETTER = re.compile(r'@pulumi\.getter\(name="(\w+)"\).*?\n    def (\w+)\(', re.DOTALL)


@dataclass(frozen=True)
class Kind:
    """The kind of a property: string, integer, number, boolean, any, list, map or object.

    Lists and maps have an `item`; an object has the (package, class) that describes it.
    """

    name: str
    item: "Kind | None" = None
    described_by: tuple[str, str] | None = None

    @property
    def fields(self) -> "dict[str, Field]":
        """The properties of an object, by their camelCase names."""
        return _nested(*self.described_by) if self.described_by else {}


@dataclass(frozen=True)
class Field:
    """One property: its kind and whether it must be given."""

    kind: Kind
    required: bool


@dataclass(frozen=True)
class Schema:
    """The inputs of a resource type and everything in its state, by camelCase names."""

    token: str
    inputs: dict[str, Field]
    state: dict[str, Field]


@cache
def load(token: str) -> Schema:
    """The schema of a type such as `aws:ec2/vpc:Vpc`. Raises UserError where pulumi_aws has no such type."""
    _, module, name = token.split(":")
    package, file = module.split("/")
    source = _root() / package / f"{_snake(file)}.py"
    if not source.is_file() or f"class {name}(" not in (text := source.read_text()):
        raise UserError(f"pulumi_aws has no resource type {token}")
    # A class that a nested type has taken the name of is called InitArgs.
    arguments = f"{name}InitArgs" if f"class {name}InitArgs:" in text else f"{name}Args"
    return Schema(token, _signature(text, arguments, package), _signature(text, f"_{name}State", package))


@cache
def _root() -> Path:
    spec = find_spec("pulumi_aws")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("pulumi_aws is not installed", fix="run `make setup`")
    return Path(spec.submodule_search_locations[0])


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@cache
def _inputs(package: str) -> str:
    return (_root() / package / "_inputs.py").read_text()


@cache
def _nested(package: str, name: str) -> dict[str, Field]:
    return _signature(_inputs(package), name, package)


def _signature(text: str, name: str, package: str) -> dict[str, Field]:
    """The keyword arguments of a class's constructor, under the camelCase names of its getters."""
    start = re.search(rf"^class {name}(\(.*\))?:$", text, re.MULTILINE)
    if start is None:
        raise UserError(f"pulumi_aws has no class {name} in {package}")
    end = re.compile(r"^class |^@pulumi", re.MULTILINE).search(text, start.end())
    body = text[start.end() : end.start() if end else len(text)]
    names = {snake: camel for camel, snake in GETTER.findall(body)}
    opening = body.index("def __init__(")
    closing = SIGNATURE_END.search(body, opening)
    if closing is None:
        raise UserError(f"pulumi_aws's class {name} has no readable constructor")
    function = ast.parse(body[opening : closing.end()] + " pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    return {
        names.get(argument.arg, argument.arg): Field(_kind(argument.annotation, package), default is None)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }


SCALARS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def _kind(node: ast.expr | None, package: str) -> Kind:
    """The kind that an annotation such as `pulumi.Input[Optional[Sequence['XArgs']]]` stands for."""
    if isinstance(node, ast.Subscript):
        wrapper = ast.unparse(node.value).rsplit(".", 1)[-1]
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if wrapper == "Sequence":
            return Kind("list", _kind(arguments[0], package))
        if wrapper == "Mapping":
            return Kind("map", _kind(arguments[1], package))
        if wrapper == "Union":  # an enumeration or an IAM document beside the plain string
            kinds = [_kind(argument, package) for argument in arguments]
            return next((kind for kind in kinds if kind.name == "string"), kinds[0])
        return _kind(arguments[0], package)  # Input, Optional
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        name = node.value.rsplit(".", 1)[-1]
        return Kind("object", described_by=(package, name)) if name.endswith("Args") else Kind("string")
    name = ast.unparse(node).rsplit(".", 1)[-1] if node is not None else "Any"
    return Kind(SCALARS.get(name, "any"))
