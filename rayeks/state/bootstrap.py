"""The first state of an account: the bucket is made with its state on this machine, which then moves into the bucket.

Every step looks first at what is there, so a run that was cut short at any point is simply run again.
"""

import json
import runpy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pulumi.automation import LocalWorkspace, Stack
from pulumi.automation.errors import CommandError

from infra.account_iam import PROJECT, secrets_provider, state_bucket
from infra.iam import Aws
from local.home import home
from rayeks.errors import UserError
from rayeks.plan import stackfile
from rayeks.state.backend import Backend, Say, failed
from rayeks.state.checkpoints import Checkpoints


@dataclass(frozen=True)
class Account:
    """One stack of the project in account/, the stacks that it serves, and where all of their state belongs."""

    stack: str
    folder: Path
    project: str
    aws: Aws
    stacks: tuple[str, ...]

    @classmethod
    def read(cls, stack: str, root: Path) -> "Account":
        """The account of the checkout in `root`. UserError for an unknown stack or a file that lacks the account."""
        file = stackfile.read(stack, root / "account")
        try:
            number = json.loads(file.config["aws:allowedAccountIds"])[0]
            served = json.loads(file.config[f"{file.project}:account"])["stacks"]
            aws = Aws(number, file.config["aws:region"])
        except (KeyError, IndexError, ValueError, TypeError) as error:
            path = f"account/Pulumi.{stack}.yaml"
            raise UserError(
                f"{path} does not say which account it is: {error!r}", "see the others in account/"
            ) from None
        return cls(stack, root / "account", file.project, aws, tuple(served))

    @property
    def bucket(self) -> str:
        """The state bucket."""
        return state_bucket(self.aws)

    @property
    def here(self) -> Backend:
        """State on this machine, for as long as there is no bucket."""
        folder = home() / "bootstrap" / self.stack
        folder.mkdir(parents=True, exist_ok=True)
        return Backend(folder.as_uri(), self.folder, {"PULUMI_CONFIG_PASSPHRASE": ""})

    @property
    def there(self) -> Backend:
        """State in the bucket."""
        # The passphrase opens what was sealed here, once, while it moves.
        url = f"s3://{self.bucket}?region={self.aws.region}"
        return Backend(url, self.folder, {"PULUMI_CONFIG_PASSPHRASE": ""})


def bootstrap(account: Account, root: Path, say: Say) -> None:
    """Have the bucket, the key, the roles, and in the bucket the state of it all and of every stack that it serves."""
    if not _moved(account):
        _refuse_orphan(account)
        say(f"1. account/{account.stack}: its state is on this machine for now, {account.here.url}")
        _update(account, account.here, say)
        say(f"2. moving its state into s3://{account.bucket}, sealed by its key")
        _move(account)
        # An update writes the state anew under the key; until then it is sealed as it was here.
        _update(account, account.there, say)
    else:
        say(f"1. account/{account.stack}: its state is in s3://{account.bucket} already")
        _select(account, account.there)
        _update(account, account.there, say)
        say("2. nothing to move")
    say("3. a preview from there: nothing may change")
    _confirm(account)
    shutil.rmtree(home() / "bootstrap" / account.stack, ignore_errors=True)
    for stack in account.stacks:
        say(f"4. stack {stack}: {_initialised(account, stack, root)}")
    say(f"5. from now on: pulumi login 's3://{account.bucket}?region={account.aws.region}'")


def _moved(account: Account) -> bool:
    """Whether the account's own state lies in the bucket; a stack that was only begun there holds nothing yet."""
    found = Checkpoints(account.aws, account.project, account.stack).newest()
    return bool(found and found.resources)


def _refuse_orphan(account: Account) -> None:
    """A bucket of which no state is left must be looked at by a person; making it again would fail half-way."""
    kept = home() / "bootstrap" / account.stack / ".pulumi" / "stacks" / account.project / f"{account.stack}.json"
    if Checkpoints(account.aws, account.project, account.stack).bucket_exists() and not kept.exists():
        raise UserError(
            f"s3://{account.bucket} exists, but its own state is neither in it nor on this machine",
            f"rayeks state show {account.stack} --project account, then rayeks state restore",
        )


def _update(account: Account, backend: Backend, say: Say) -> None:
    stack = _open(account, backend)
    try:
        result = stack.up(color="never", on_output=lambda line: None)
    except CommandError as error:
        raise failed("pulumi up", backend, error) from None
    changes = result.summary.resource_changes or {}
    said = ", ".join(f"{count} {getattr(op, 'value', op)}" for op, count in sorted(changes.items(), key=str))
    say(f"   {said or 'nothing to do'}")


def _move(account: Account) -> None:
    file = home() / "bootstrap" / f"{account.stack}.json"
    account.here.run("stack", "export", "--stack", account.stack, "--file", str(file))
    _forget_seal(account)
    _select(account, account.there)
    account.there.run("stack", "import", "--stack", account.stack, "--file", str(file))
    file.unlink()


def _confirm(account: Account) -> None:
    try:
        _open(account, account.there).preview(expect_no_changes=True, color="never")
    except CommandError as error:
        raise failed("pulumi preview", account.there, error) from None


def _initialised(account: Account, stack: str, root: Path) -> str:
    """Have a stack of the main project in the bucket, its secrets sealed by the account's key."""
    if Checkpoints(account.aws, PROJECT, stack).newest():
        return "is there already"
    backend = Backend(account.there.url, root)
    backend.run("stack", "init", stack, "--no-select", "--secrets-provider", secrets_provider(account.aws.region))
    return "made; commit what this wrote into its stack file"


def _select(account: Account, backend: Backend) -> None:
    """Have the account's stack at a place, sealed by the account's key."""
    known = json.loads(backend.run("stack", "ls", "--json"))
    if account.stack not in {each["name"].rsplit("/", 1)[-1] for each in known}:
        provider = secrets_provider(account.aws.region)
        backend.run("stack", "init", account.stack, "--no-select", "--secrets-provider", provider)


def _forget_seal(account: Account) -> None:
    """Take the passphrase's salt out of the stack file: the key seals from here on."""
    path = account.folder / f"Pulumi.{account.stack}.yaml"
    lines = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("encryptionsalt:")]
    path.write_text("".join(lines))


def _open(account: Account, backend: Backend) -> Stack:
    workspace = LocalWorkspace(
        work_dir=str(account.folder),
        pulumi_command=backend.command,
        program=_program(account.folder),
        env_vars=dict(backend.environment),
    )
    return Stack.create_or_select(account.stack, workspace)


def _program(folder: Path) -> Callable[[], None]:
    def run() -> None:
        runpy.run_path(str(folder), run_name="__main__")

    return run
