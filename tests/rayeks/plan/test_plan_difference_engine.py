"""The foretold difference against the real engine's preview of the same edit, on the provisioned stack `local`.

The engine, its step generator and the providers that it asks know nothing of the prediction: they decide from the state
of what was made. Each edit is previewed and taken back; the stack is provisioned once.
"""

import shutil
from collections.abc import Generator
from contextlib import chdir
from pathlib import Path

import pytest
from pulumi.automation import EngineEvent
from rich.console import Console

from local import aws, services, toolchain
from local.home import root
from rayeks.engine import servers, workspace
from rayeks.engine.down import down
from rayeks.engine.up import up
from rayeks.engine.workspace import environment, open_engine
from rayeks.plan import Plan, plan
from rayeks.plan.difference import difference
from rayeks.plan.preview import preview
from rayeks.plan.steps import Op
from tests.rayeks.plan.edits import EDITS, MORE, Edit

pytestmark = [pytest.mark.engine, pytest.mark.slow]


class Local:
    """The stack `local` of a checkout of its own, provisioned."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        shutil.copytree(root() / "stacks", self.root / "stacks")
        shutil.copy(root() / "Pulumi.yaml", self.root)
        self.file = self.root / "stacks" / "Pulumi.local.yaml"
        self.program = self.root / "stacks" / "__main__.py"
        self.program.write_text(self.program.read_text() + MORE)
        self.original = {path: path.read_text() for path in (self.file, self.program)}
        self.base: Plan = plan("local", root=self.root)

    def edit(self, edit: Edit) -> None:
        """Makes the edit on the files as they were."""
        for path, pieces in ((self.file, edit.file), (self.program, edit.program)):
            text = self.original[path]
            for old, new in pieces:
                assert old in text, f"{old!r} is not in {path.name}"
                text = text.replace(old, new)
            path.write_text(text)

    def foretold(self) -> dict[str, str]:
        """URN → what the prediction says befalls it."""
        steps = difference(preview("local", root=self.root, before=self.base)).steps
        return {step.resource.urn: str(step.op) for step in steps if step.op is not Op.SAME}

    def previewed(self) -> dict[str, str]:
        """URN → what the engine says befalls it."""
        running = servers.start(lambda line: None)
        env = environment(aws.environment(running.aws.endpoint), running.kubernetes.kubeconfig)
        engine = open_engine(toolchain.tool("pulumi"), env)
        found: dict[str, str] = {}
        rank = ["same", "delete", "update", "create", "replace"]

        def take(event: EngineEvent) -> None:
            if event.resource_pre_event is None:
                return
            step = event.resource_pre_event.metadata
            state = step.new or step.old
            if state and state.custom and not step.type.startswith("pulumi:"):
                # What is deleted for a replacement that the program no longer makes is deleted and no more.
                op = {"create-replacement": "replace", "delete-replaced": "delete"}.get(step.op.value, step.op.value)
                assert op in rank, step.op
                found[step.urn] = max(found.get(step.urn, op), op, key=rank.index)

        engine.stack.preview(on_event=take, color="never")
        return {key: op for key, op in found.items() if op != "same"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Local]:
    """The provisioned stack, taken down at the end."""
    folder = tmp_path_factory.mktemp("difference")
    stack = Local(folder)
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        patch.setenv("RAYEKS_HOME", str(folder / "home"))
        patch.setattr(workspace, "root", lambda: stack.root)
        patch.setattr("rayeks.engine.up.root", lambda: stack.root)
        try:
            up(Console(width=160))
            yield stack
        finally:
            try:
                for path, text in stack.original.items():
                    path.write_text(text)
                down(Console(width=160), force=True)
            finally:
                for service in services.recorded():
                    services.stop(service.name)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_what_is_foretold_is_what_the_engine_would_do(edit: Edit, stack: Local) -> None:
    stack.edit(edit)
    foretold = stack.foretold()
    assert foretold == stack.previewed()
    assert ("replace" in foretold.values()) == edit.replaces
    assert bool(foretold) == edit.changes
