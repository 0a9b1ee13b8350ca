"""`rayeks launch`: finds what a launch needs in a stack's outputs, and shows the job's rows as they come."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from infra.portable import unusable
from local import aws
from rayeks.engine.outputs import read
from rayeks.engine.workspace import LOCAL
from rayeks.errors import UserError
from rayeks.launching import Result, launch
from rayeks.launching.result import row_of


def run(
    console: Console,
    sample: str,
    stack: str,
    settings: Iterable[str],
    *,
    name: str | None = None,
    resume: str | None = None,
) -> Result:
    """Run a sample of a stack to its end. UserError when the stack is not up or lacks it, or a setting is wrong."""
    return on_stack(console, stack, settings, partial(launch, sample), run=name, resume=resume)


def on_stack(
    console: Console, stack: str, settings: Iterable[str], start: Callable[..., Result], **options: Any
) -> Result:
    """Call `start` with a stack's outputs and with all that a launch takes: where, with what, and whom to tell."""
    outputs = read(stack)
    overrides = dict(_setting(text) for text in settings)

    def follow(line: str) -> None:
        row = row_of(line)
        console.print(_row(row) if row else Text(line, style="dim"), soft_wrap=True)

    def progress(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    told: dict[str, Any] = {"overrides": overrides, "follow": follow, "progress": progress, **options}
    if stack == LOCAL:
        return start(outputs, local=True, env=_local_aws(), **told)
    with tempfile.TemporaryDirectory(prefix="rayeks-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(kubeconfig_of(outputs))
        return start(outputs, local=False, kubeconfig=kubeconfig, **told)


def kubeconfig_of(outputs: Mapping[str, Any]) -> str:
    """The kubeconfig of a stack: EKS' own in its outputs, or of another cluster the file and context that they name.

    Raises UserError where this machine has no such file, or the file no such context.
    """
    if "kubeconfig" in outputs:
        return outputs["kubeconfig"]
    file, context = outputs["kubeconfig_file"], outputs["cluster"]
    if problem := unusable(file, context):
        raise UserError(problem, "launch from a machine that reaches the cluster")
    content = yaml.safe_load(Path(file).expanduser().read_text())
    return yaml.safe_dump(content | {"current-context": context})


def show(console: Console, result: Result) -> None:
    """How the launch ended: what it reached, and where its results lie."""
    console.print()
    style = "bold green" if result.exit_code == 0 else "bold red"
    console.print(Text(f"{result.name}: {result.status} after {result.seconds:.0f} s", style=style))
    if result.message and result.exit_code:
        console.print(result.message, markup=False, soft_wrap=True)
    for key in ("model", "accuracy", "checkpoint", "output"):
        if key in result.final:
            console.print(f"{key:<11} {result.final[key]}", soft_wrap=True)
    if result.logs:
        console.print(f"{'logs':<11} {result.logs}", soft_wrap=True)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"{text!r} sets nothing", "write NAME=value, such as TRAIN_EPOCHS=16")
    return name, value


def _local_aws() -> dict[str, str]:
    running = aws.status()
    if running is None:
        raise UserError("the local AWS does not run", "rayeks up local starts it and makes what it has lost")
    return aws.environment(running.endpoint)


def _row(row: Mapping[str, Any]) -> Text:
    """A row of metrics, names before values; what happened comes first."""
    text = Text("  ")
    if "event" in row:
        text.append(f"{row['event']}  ", style="bold")
    for name, value in row.items():
        if name != "event":
            text.append(f"{name} ", style="dim").append(f"{value}  ")
    return text
