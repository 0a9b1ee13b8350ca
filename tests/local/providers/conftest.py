"""Runs a program on the real engine with the local providers, for every provider's tests."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from local.home import root

Program = Callable[[], None]


@dataclass
class Harness:
    """One stack on the real engine; each call runs the current `program` and gives the engine's own summary.

    `up`, `preview`, `refresh` and `destroy` give {operation: count}, such as {"create": 3, "same": 1};
    `log` collects everything that the engine printed.
    """

    stack: automation.Stack
    program: Program
    log: list[str] = field(default_factory=list)

    def up(self, program: Program | None = None, **options: Any) -> dict[str, int]:
        self._use(program)
        result = self.stack.up(on_output=self._note, on_error=self._note, color="never", **options)
        return _counts(result.summary.resource_changes)

    def preview(self, program: Program | None = None, **options: Any) -> dict[str, int]:
        self._use(program)
        result = self.stack.preview(on_output=self._note, on_error=self._note, color="never", **options)
        return _counts(result.change_summary)

    def plan(self, program: Program | None = None, **options: Any) -> dict[str, str]:
        """What a preview would do, as {name: create, update, replace or delete}, where that isn't nothing.

        With `refresh=True` it looks at the real world first: an empty plan then says that nothing has drifted either.
        """
        self._use(program)
        steps: dict[str, str] = {}

        def note(event: automation.EngineEvent) -> None:
            if event.resource_pre_event:
                step = event.resource_pre_event.metadata
                operation = str(getattr(step.op, "value", step.op))
                steps[step.urn.rsplit("::", 1)[1]] = "replace" if "replace" in operation else operation

        self.stack.preview(on_output=self._note, on_event=note, color="never", **options)
        return {name: operation for name, operation in steps.items() if operation not in ("same", "refresh")}

    def refresh(self, **options: Any) -> dict[str, int]:
        result = self.stack.refresh(on_output=self._note, color="never", **options)
        return _counts(result.summary.resource_changes)

    def destroy(self) -> dict[str, int]:
        result = self.stack.destroy(on_output=self._note, color="never")
        return _counts(result.summary.resource_changes)

    def outputs(self) -> dict[str, Any]:
        return {name: output.value for name, output in self.stack.outputs().items()}

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state's resources by name: {"type", "id", "inputs", "outputs", …} as the engine keeps them."""
        state = self.stack.export_stack().deployment or {}
        return {entry["urn"].rsplit("::", 1)[1]: entry for entry in state.get("resources", [])}

    def _note(self, line: str) -> None:
        self.log.append(line)
        print(line)  # pytest shows it when the test fails

    def _use(self, program: Program | None) -> None:
        if program is not None:
            self.program = program
            self.stack.workspace.program = program


def _counts(changes: Mapping[Any, int] | None) -> dict[str, int]:
    return {str(getattr(operation, "value", operation)): count for operation, count in (changes or {}).items()}


@pytest.fixture(scope="session")
def pulumi_command() -> automation.PulumiCommand:
    """The engine: `pulumi` from PATH, else the pinned one that the toolchain builds."""
    command = shutil.which("pulumi")
    if command is None:
        from local.toolchain import tool

        command = str(tool("pulumi"))
        os.environ["PATH"] = f"{Path(command).parent}{os.pathsep}{os.environ['PATH']}"
    return automation.PulumiCommand()


@pytest.fixture
def run_engine(pulumi_command: automation.PulumiCommand, tmp_path: Path) -> Iterator[Callable[..., Harness]]:
    """`run_engine(program, env={...}, config={"aws:region": ...})` gives a `Harness` with an empty stack.

    State and working folder lie in the test's own folder. `env` reaches the engine and its providers.
    What a failed test leaves up is not destroyed: its servers go with the test.
    """

    def start(program: Program, *, env: Mapping[str, str], config: Mapping[str, str] | None = None) -> Harness:
        for folder in ("state", "home", "work"):
            (tmp_path / folder).mkdir(exist_ok=True)
        engine_env = {
            "PATH": f"{root() / 'local/providers/bin'}{os.pathsep}{os.environ['PATH']}",
            "RAYEKS_PYTHON": sys.executable,
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **env,
        }
        options = automation.LocalWorkspaceOptions(
            work_dir=str(tmp_path / "work"),
            pulumi_home=str(tmp_path / "home"),
            pulumi_command=pulumi_command,
            env_vars=engine_env,
        )
        stack = automation.create_or_select_stack("test", project_name="trial", program=program, opts=options)
        stack.set_all_config({key: automation.ConfigValue(value) for key, value in (config or {}).items()})
        return Harness(stack, program)

    yield start
