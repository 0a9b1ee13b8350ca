"""`rayeks state`: look at, copy, bring back and rehearse a stack's state in its bucket."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rayeks.errors import UserError

if TYPE_CHECKING:
    from rayeks.state.checkpoints import Checkpoints

app = typer.Typer(help="A stack's state in its bucket: look, copy, bring back, rehearse.", no_args_is_help=True)

Stack = Annotated[str, typer.Argument(help="A stack, such as dev.")]
Project = Annotated[str, typer.Option("--project", help="Whose state: `stacks` or `account`.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for machines.")]


@app.command()
def show(stack: Stack, project: Project = "stacks", as_json: Json = False) -> None:
    """The checkpoint's versions, newest first, and who holds the stack. Ends with 3 while it is held.

    Example: `rayeks state show prod`
    """
    found, _ = _found(stack, project)
    versions, locks = found.versions(), found.locks()
    if as_json:
        document = {"versions": [asdict(each) for each in versions], "locks": [asdict(each) for each in locks]}
        typer.echo(json.dumps(document, default=str, indent=2))
    else:
        typer.echo(f"s3://{found.bucket}/{found.key}")
        for each in versions:
            mark = "*" if each.latest else " "
            what = "deleted" if each.deletion else f"{each.size:,} bytes"
            typer.echo(f"{mark} {each.id}  {each.written:%Y-%m-%d %H:%M:%S}  {what}")
        for each in locks:
            typer.echo(f"locked by {each.holder} since {each.since:%Y-%m-%d %H:%M:%S}")
    if locks:
        raise typer.Exit(3)


@app.command()
def backup(
    stack: Stack,
    project: Project = "stacks",
    to: Annotated[Path, typer.Option("--to", help="The folder for the copy.")] = Path("backups"),
) -> None:
    """Copy the newest checkpoint out of the bucket, with its version and digest beside it.

    Example: `rayeks state backup prod --to ~/backups`
    """
    typer.echo(_found(stack, project)[0].backup(to))


@app.command()
def restore(
    stack: Stack,
    project: Project = "stacks",
    version: Annotated[str | None, typer.Option("--version", help="A version of `rayeks state show`.")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="A copy of `rayeks state backup`.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make an earlier checkpoint the newest. What is there stays a version, so this can be taken back the same way.

    Afterwards `pulumi preview --refresh` shows what the checkpoint does not know of. Refused while the stack is held.

    Examples: `rayeks state restore prod --version 3sL4kqtJ` · `rayeks state restore prod --from backups/prod.json`
    """
    from rayeks.state.checkpoints import from_file

    if (version is None) == (source is None):
        raise UserError("say which checkpoint", "one of --version and --from")
    found, _ = _found(stack, project)
    wanted = found.read(version) if version else from_file(source) if source else None
    assert wanted
    now = found.newest()
    there = f"{now.resources} resources" if now else "no checkpoint"
    typer.echo(f"s3://{found.bucket}/{found.key}: {there} now, {wanted.resources} resources after", err=True)
    if not yes and not typer.confirm("bring it back?", err=True):
        raise typer.Exit(1)
    found.restore(wanted)
    typer.echo(f"done; next: pulumi preview --refresh -s {stack}", err=True)


@app.command()
def drill(stack: Stack, project: Project = "stacks") -> None:
    """Rehearse a restore: a copy of the newest checkpoint is opened by the real engine, on this machine alone.

    Nothing that is in use is touched. Example: `rayeks state drill prod`
    """
    from rayeks.state.drill import drill as rehearse

    done = rehearse(*_found(stack, project))
    typer.echo(
        f"{done.resources} resources opened from a copy in {done.seconds:.0f} s; {done.versions} versions to go back to"
    )


def _found(stack: str, project: str) -> tuple["Checkpoints", Path]:
    """The stack's checkpoints, and its settings file."""
    from infra.iam import Aws
    from local.home import root
    from rayeks.plan import stackfile
    from rayeks.state.checkpoints import Checkpoints

    folders = {"stacks": root(), "account": root() / "account"}
    if project not in folders:
        raise UserError(f"no project {project!r}", f"use one of: {', '.join(folders)}")
    file = stackfile.read(stack, folders[project])
    try:
        aws = Aws(json.loads(file.config["aws:allowedAccountIds"])[0], file.config["aws:region"])
    except (KeyError, IndexError, ValueError):
        raise UserError(f"Pulumi.{stack}.yaml has no aws:region or aws:allowedAccountIds", "add them") from None
    return Checkpoints(aws, file.project, stack), root() / project / f"Pulumi.{stack}.yaml"
