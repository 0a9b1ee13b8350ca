"""The Pulumi command on one project and one place of state, with the person's own credentials."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi.automation.errors import CommandError

from local import toolchain
from rayeks.engine.command import EngineCommand
from rayeks.errors import UserError

Say = Callable[[str], None]
PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


@dataclass(frozen=True)
class Backend:
    """A place of state (`s3://…`, `file://…`) and the project's folder. `extra` is added to the environment."""

    url: str
    project: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What the engine is told: the person's own environment, and where the state is."""
        own = {name: value for name, value in os.environ.items() if name not in PASSPHRASES}
        return {**own, "PULUMI_SKIP_UPDATE_CHECK": "true", **self.extra, "PULUMI_BACKEND_URL": self.url}

    @property
    def command(self) -> EngineCommand:
        """The user's own `pulumi`, else the pinned one."""
        return EngineCommand(Path(shutil.which("pulumi") or toolchain.tool("pulumi")), self.environment)

    def run(self, *arguments: str) -> str:
        """What `pulumi …` printed; UserError with its own words where it fails."""
        try:
            return self.command.run(list(arguments), str(self.project), {}).stdout
        except CommandError as error:
            raise failed(f"pulumi {' '.join(arguments[:2])}", self, error) from None


def failed(what: str, backend: Backend, error: CommandError) -> UserError:
    """A command that failed, in the engine's words; what most often ends one is told with its fix."""
    said = str(error)
    lines = [line for line in said.splitlines() if "error:" in line] or said.splitlines()[-3:]
    fix = "mend the cause and run it again"
    if "stack is currently locked" in said:
        fix = f"see who holds it (rayeks state show); when nobody does: pulumi cancel, with {backend.url}"
    return UserError(f"{what} failed on {backend.url}:\n" + "\n".join(f"  - {line.strip()}" for line in lines), fix)
