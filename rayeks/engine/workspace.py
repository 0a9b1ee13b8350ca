"""The engine's own folder: a copy of the project and of the stack's settings, and the state, all under the home."""

import os
import runpy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pulumi import RunError
from pulumi.automation import LocalWorkspace, Stack

import infra.policies
import local
from local.aws import ACCOUNT
from local.files import write
from local.home import home, root
from rayeks.engine.command import EngineCommand
from rayeks.errors import UserError
from rayeks.plan import stackfile

LOCAL = "local"
PROVIDERS = Path(local.__file__).parent / "providers" / "bin"
POLICIES = Path(infra.policies.__file__).parent / "pack"
"""The policy pack that every update runs with."""
# What a person's shell may set for the stacks of a real account; none of it may reach the local one.
FOREIGN = ("AWS_", "PULUMI_", "KUBECONFIG")


@dataclass(frozen=True)
class Engine:
    """A Pulumi stack of this checkout, and the command that changes it."""

    stack: Stack
    command: EngineCommand
    mistakes: list[Exception]
    """What the program raised for a person to read; filled while it runs."""


def settings(stack: str) -> Path:
    """The settings file of a stack, where a person edits it."""
    return root() / project().get("stackConfigDir", "") / f"Pulumi.{stack}.yaml"


def known(stack: str) -> str:
    """The stack's name; UserError with the names there are when no settings file bears it."""
    names = stackfile.stacks(root())
    if stack not in names:
        raise UserError(f"no stack {stack!r}", f"use one of: {', '.join(names)}")
    return stack


def project() -> dict[str, Any]:
    """What Pulumi.yaml says."""
    return yaml.safe_load((root() / "Pulumi.yaml").read_text())


def state_file(stack: str = LOCAL) -> Path:
    """Where the engine keeps the stack's checkpoint."""
    return home() / "state" / ".pulumi" / "stacks" / project()["name"] / f"{stack}.json"


def journal() -> Path:
    """Where the providers note what they created: one JSON object a line, `urn` and `id`."""
    return home() / "created.jsonl"


def environment(aws: Mapping[str, str], kubeconfig: Path | None) -> dict[str, str]:
    """Everything that the engine and its providers may know of the world outside.

    `aws` is what points AWS clients at the local endpoint; `kubeconfig` is the administrator's.
    """
    base = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    if kubeconfig:
        base["RAYEKS_KUBECONFIG"] = str(kubeconfig)
    state = home() / "state"
    state.mkdir(exist_ok=True)
    return {
        **base,
        **aws,
        "PATH": f"{PROVIDERS}{os.pathsep}{base.get('PATH', os.defpath)}",
        "RAYEKS_HOME": str(home()),
        "RAYEKS_JOURNAL": str(journal()),
        "RAYEKS_PYTHON": sys.executable,
        "PULUMI_HOME": str(home() / "pulumi"),
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_SUPPRESS_NEO_LINK": "true",
    }


def open_engine(
    binary: Path, environment: Mapping[str, str], stack: str = LOCAL, *, rehearsed: str | None = None
) -> Engine:
    """The stack, made where it does not exist yet, with its settings as the person's file says them now.

    `rehearsed` is the stack whose settings it takes instead, in the local AWS's account and not in their own.
    """
    folder = home() / "work"
    folder.mkdir(exist_ok=True)
    _copy_project(folder)
    _copy_settings(stack, folder, rehearsed or stack)
    mistakes: list[Exception] = []
    command = EngineCommand(binary, environment)
    workspace = LocalWorkspace(work_dir=str(folder), pulumi_command=command, program=program(mistakes))
    return Engine(Stack.create_or_select(stack, workspace), command, mistakes)


def program(mistakes: list[Exception]) -> Callable[[], None]:
    """The program as Pulumi runs it; what it raises for a person to read is kept in `mistakes`."""

    def run() -> None:
        try:
            runpy.run_path(str(root() / project().get("main", ".")), run_name="__main__")
        except (UserError, RunError) as mistake:
            mistakes.append(mistake)
            raise RunError(str(mistake)) from None

    return run


def _copy_project(folder: Path) -> None:
    # An inline program needs no language plugin; `main` and `stackConfigDir` speak of the checkout's folders.
    data = {key: value for key, value in project().items() if key not in ("main", "stackConfigDir")}
    write(folder / "Pulumi.yaml", yaml.safe_dump(data | {"runtime": "python"}))


def _copy_settings(stack: str, folder: Path, source: str) -> None:
    """Copy the settings, keeping the salt that Pulumi wrote into the copy: it opens the state's secrets."""
    copy = folder / f"Pulumi.{stack}.yaml"
    kept = yaml.safe_load(copy.read_text()) or {} if copy.exists() else {}
    try:
        text = settings(source).read_text()
        data = yaml.safe_load(text) or {}
        if source != stack:
            data = yaml.safe_load(_moved(text, data))
    except yaml.YAMLError as error:
        raise UserError(f"{settings(source)} is not YAML: {error}") from error
    salt = {key: value for key, value in kept.items() if key == "encryptionsalt"}
    write(copy, yaml.safe_dump(salt | data, sort_keys=False))


def _moved(text: str, data: Mapping[str, Any]) -> str:
    """The settings with the local AWS's account wherever their own accounts stand."""
    for account in data["config"].get("aws:allowedAccountIds", ()):
        text = text.replace(account, ACCOUNT)
    return text
