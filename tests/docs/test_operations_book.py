"""The operations book says what is so: every command, option, path, key and heading exists; its examples parse."""

import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import boto3
import pytest
import typer.main
import yaml
from botocore import xform_name
from pydantic import BaseModel

from infra import contract
from infra.config import Platform, PortablePlatform, assembled, parse
from infra.config.account import Account
from local.toolchain import tool
from rayeks.cli.app import app
from tests.docs.book import BOOK, ROOT, Block, blocks, merged

PROGRAMS = {"rayeks", "pulumi", "make", "aws", "kubectl", "git", "source", "python", "$EDITOR"}
GLOBAL_AWS = {"--query", "--region", "--output", "--profile"}
AWS_COMMANDS = {("eks", "update-kubeconfig"): {"--name", "--region"}}
"""What the AWS command has beyond the services' own operations."""
TESTS = {"plan", "engine"}


def lines() -> Iterator[Any]:
    """Every command line of the book."""
    for page in BOOK:
        for block in blocks(page, "sh"):
            for line in block.text.replace("\\\n", " ").splitlines():
                yield pytest.param(line, id=f"{page.stem}: {line[:60]}")


def options(argv: list[str]) -> set[str]:
    return {part.split("=")[0] for part in argv if part.startswith("--")}


def prose(page: Path) -> str:
    """The page without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


@pytest.mark.parametrize("line", lines())
def test_a_command_is_one_of_a_known_program_and_a_shell_reads_it(line: str) -> None:
    assert subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True).stderr == ""
    assert shlex.split(line)[0] in PROGRAMS


def of(program: str) -> list[Any]:
    return [each for each in lines() if each.values[0].split()[0] == program]


@pytest.mark.parametrize("line", of("rayeks"))
def test_a_command_of_rayeks_exists_with_its_options(line: str) -> None:
    arguments, required = rayeks(line)
    assert len(arguments) >= required


def rayeks(line: str) -> tuple[list[str], int]:
    """The arguments of a command line and how many it needs; fails where the command or an option does not exist."""
    argv = shlex.split(line)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name = argv.pop(0)
        assert name in command.commands, f"{name} is not one of {', '.join(command.commands)}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert options(argv) <= known
    required = [each for each in command.params if each.param_type_name == "argument" and each.required]
    return [part for part in argv if not part.startswith("-")], len(required)


@pytest.mark.parametrize("line", of("make"))
def test_a_target_of_make_exists(line: str) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets
    assert {part for part in shlex.split(line)[1:] if "=" not in part} <= set(targets[1].split())


@pytest.mark.parametrize("line", of("python"))
def test_a_module_that_is_run_exists(line: str) -> None:
    argv = shlex.split(line)
    module = ROOT / argv[2].replace(".", "/")
    assert argv[1] == "-m" and (module.with_suffix(".py").is_file() or (module / "__main__.py").is_file())


@pytest.mark.parametrize("line", of("aws"))
def test_a_command_of_aws_is_an_operation_with_these_parameters(line: str) -> None:
    _, service, name, *rest = shlex.split(line)
    if (service, name) in AWS_COMMANDS:
        assert options(rest) <= AWS_COMMANDS[service, name]
        return
    model = boto3.client(service, region_name="us-west-2").meta.service_model
    operations = {xform_name(each, "-"): each for each in model.operation_names}
    assert name in operations
    shape = model.operation_model(operations[name]).input_shape
    parameters = {f"--{xform_name(each, '-')}" for each in (shape.members if shape else ())}
    assert options(rest) - GLOBAL_AWS <= parameters
    assert {f"--{xform_name(each, '-')}" for each in (shape.required_members if shape else ())} <= options(rest)


@cache
def pulumi_help(*command: str) -> str:
    ran = subprocess.run([tool("pulumi"), *command, "--help"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.engine
@pytest.mark.parametrize("line", of("pulumi"))
def test_a_command_of_pulumi_exists_with_its_options_in_the_pinned_version(line: str) -> None:
    argv = shlex.split(line)[1:]
    if argv[0] == "-C":
        argv = argv[2:]
    depth = 2 if argv[0] == "stack" else 1
    told = pulumi_help(*argv[:depth])
    # For a word that it does not know it gives the help of what is above.
    usage, aliases = re.search(r"Usage:\n  (.*)", told), re.search(r"Aliases:\n  (.*)", told)
    names = {usage[1].split()[depth] if usage else "", *(aliases[1].split(", ") if aliases else ())}
    assert argv[depth - 1] in names
    assert [option for option in options(argv) if not re.search(rf"{option}\b", told)] == []


def spans() -> list[Any]:
    """What is written `so` in the book's prose."""
    found = {(page, span) for page in BOOK for span in re.findall(r"`([^`\n]+)`", prose(page))}
    return [pytest.param(page, span, id=f"{page.stem}: {span[:60]}") for page, span in sorted(found)]


@pytest.mark.parametrize(("page", "span"), spans())
def test_what_is_named_exists(page: Path, span: str) -> None:
    first = span.split("/")[0].split(".")[0].split(" ")[0]
    if (ROOT / span).exists() or span in vars(contract).values():
        return
    if re.fullmatch(r"[\w.-]+(/[\w.-]*)+", span) and (ROOT / first).is_dir():
        pytest.fail(f"{span} is no file of the project")
    elif re.fullmatch(r"[a-z_]+(\.(<[a-z]+>|[a-z_]+))+", span):
        stacks = (Platform, PortablePlatform, Account)
        assert any(_key(model, span.split(".")) for model in stacks), f"{span} is no key of a stack file"
    elif first == "rayeks":
        rayeks(span)
    elif first == "make":
        test_a_target_of_make_exists(span)


def _key(kind: Any, steps: Sequence[str]) -> bool:
    """Whether a path leads through a model: names of fields, and anything where a mapping is."""
    if not steps:
        return True
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return steps[0] in kind.model_fields and _key(kind.model_fields[steps[0]].annotation, steps[1:])
    if get_origin(kind) is dict:
        return _key(get_args(kind)[1], steps[1:])
    return any(_key(each, steps) for each in get_args(kind))


def test_the_check_of_keys_knows_right_from_wrong() -> None:
    for right in ("tenants.<team>.quota", "pools.<name>.reservations", "observability.alerts.hourly_usd"):
        assert _key(Platform, right.split("."))
    for wrong in ("tenants.quota.cpus", "tenants.<team>.quotas", "network.cidrs", "pools.<name>.reservation.x"):
        assert not _key(Platform, wrong.split("."))


@pytest.mark.parametrize("page", BOOK, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, heading = target.partition("#")
        if path.startswith("https://"):
            continue
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", linked.read_text(), re.M)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, target


def test_every_page_is_in_the_index_and_says_how_to_go_back() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    assert [page.name for page in BOOK if page.name != "README.md" and f"({page.name})" not in index] == []
    tasks = {"README.md", "architecture.md", "alerts.md"}
    for page in BOOK:
        if page.name not in tasks:
            assert "**You need**" in page.read_text() and "**Back:**" in page.read_text(), page.name


def settings() -> list[Any]:
    return [
        pytest.param(block, id=f"{page.stem}-{number}")
        for page in BOOK
        for number, block in enumerate(blocks(page, "yaml"))
    ]


@pytest.mark.parametrize("block", settings())
def test_a_piece_of_a_stack_file_fits_the_stack_file(block: Block) -> None:
    stack = block.word("stack")
    assert stack, "say of which stack it is: yaml stack=dev"
    config = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text())["config"]
    parse(
        assembled(
            merged(config["ray-on-eks:platform"], yaml.safe_load(block.text)),
            region=config["aws:region"],
            accounts=config["aws:allowedAccountIds"],
            default_tags=config["aws:defaultTags"],
        )
    )


def test_a_block_is_run_in_a_way_that_there_is() -> None:
    asked = {block.word("test") for page in BOOK for block in blocks(page, "sh")} - {None}
    assert asked == TESTS
