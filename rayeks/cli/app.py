"""The commands and their help. What each does lies elsewhere and is imported when it is asked for."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from rayeks.cli import prices, state
from rayeks.cli.bootstrap import bootstrap
from rayeks.errors import UserError

app = typer.Typer(
    name="rayeks",
    help="Ray on Amazon EKS: plan a stack, run it on this machine, launch the jobs on it.",
    epilog="Begin with `rayeks plan prod`, then `rayeks up local`. The stacks of a real account: `pulumi up -s dev`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Stack = Annotated[str, typer.Argument(help="A stack: local, dev, staging or prod, or any file stacks/Pulumi.*.yaml.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for machines.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"rayeks {version('ray-on-eks')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,
) -> None:
    """Ray on Amazon EKS: plan a stack, run it on this machine, launch the jobs on it."""


@app.command()
def plan(
    stack: Stack,
    base: Annotated[
        str | None, typer.Option("--base", metavar="REF", help="What changes since this git ref, and what that breaks.")
    ] = None,
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="A comment for a pull request.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="A page with pictures.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A price that is not known fails too.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Every resource by name, and every line of the bill.")] = False,
) -> None:
    """What a stack would be and cost, and what breaks, in seconds: no engine, no server, no credentials.

    Ends with 1 when AWS would refuse a value in it, or when it breaks a policy that must hold.

    Examples: `rayeks plan prod` · `rayeks plan prod --base main --html plan.html` · `rayeks plan dev --json | jq .bill`
    """
    from local.home import root
    from rayeks.plan import plan as planned
    from rayeks.plan.report import assess

    comparison = None
    if base:
        from rayeks.plan.base import against

        found, comparison = against(stack, base, root=root())
    else:
        found = planned(stack, root=root())
    report = assess(found, comparison=comparison)
    if html:
        from rayeks.report.html import page

        html.write_text(page(report))
    if as_json:
        typer.echo(report.document(), nl=False)
    elif as_markdown:
        from rayeks.report.markdown import comment

        typer.echo(comment(report), nl=False)
    else:
        from rayeks.cli.show import console
        from rayeks.report.terminal import render

        console().print(render(report, full=full))
    report.raise_for_alarms(strict=strict)


@app.command()
def preflight(
    stack: Stack,
    as_json: Json = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="One check by its name; may be repeated.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
) -> None:
    """Look at the target before `pulumi up`: what would fail there, what would be missed, and the fix.

    Asks AWS with your own credentials (AWS_PROFILE, AWS_ENDPOINT_URL), or for a stack on a Kubernetes of your own that
    cluster with its kubeconfig, and changes nothing. Ends with 1 when a check failed or could not be made.

    Examples: `rayeks preflight prod` · `rayeks preflight dev --only vcpu-quotas` · `rayeks preflight onprem --json`
    """
    from local.home import root
    from rayeks.preflight import preflight as ask
    from rayeks.preflight import read, render, target

    planned = read(stack, root())
    report = ask(planned, target(planned), only=only or (), strict=strict, say=lambda line: typer.echo(line, err=True))
    if as_json:
        typer.echo(render.document(report))
    else:
        from rayeks.cli.show import console

        console().print(render.render(report))
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def up(
    stack: Stack = "local",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read everything back first, and mend what was changed by other hands.")
    ] = False,
    controllers: Annotated[
        bool, typer.Option("--controllers", help="Leave Karpenter, KubeRay and Kueue running on simulated nodes.")
    ] = False,
) -> None:
    """Provision the stack `local` on this machine with the real Pulumi engine, or bring it up to date.

    Starts an AWS and a Kubernetes on loopback ports, then runs the very program that `pulumi up` runs on the other
    stacks. Run it again after an edit of stacks/Pulumi.local.yaml: only what changed is changed.

    Examples: `rayeks up` · `rayeks up local --refresh` · `rayeks up local --controllers`, then kubectl
    """
    _only_local(stack, "up")
    from rayeks.cli import show
    from rayeks.engine.up import up as provision

    console = show.console()
    show.brought_up(console, provision(console, refresh=refresh, with_controllers=controllers))


@app.command()
def down(
    stack: Stack = "local",
    force: Annotated[
        bool, typer.Option("--force", help="Stop the servers even if they hold things that the stack did not make.")
    ] = False,
) -> None:
    """Destroy the stack `local`, prove that nothing is left, and stop what was started.

    Example: `rayeks down`
    """
    _only_local(stack, "destroy")
    from rayeks.cli import show
    from rayeks.engine.down import down as tear_down

    console = show.console()
    show.brought_down(console, tear_down(console, force=force))


@app.command()
def prove(stack: Stack = "local", as_json: Json = False) -> None:
    """Let the real Karpenter, KubeRay and Kueue place everything that a stack runs, and say on what.

    Brings the stack up on this machine (another than `local` in servers of its own, which are gone afterwards) and the
    controllers beside it; nodes and containers are simulated by KWOK, everything else is real. Waits until every
    EC2NodeClass is Ready under the rights of Karpenter's own role, launches every sample and a pod for each pool,
    prints machines, prices and what is left over, and takes all of it away again.
    Ends with 1 when a pod stays Pending, with the controllers' own words. The first time the controllers are built.

    Examples: `rayeks prove` · `rayeks prove prod` · `rayeks prove --json | jq .placements`
    """
    from rayeks.cli.show import console
    from rayeks.proof import prove as made
    from rayeks.proof.render import render

    proof = made(console(stderr=as_json), stack)
    if as_json:
        typer.echo(json.dumps(proof.to_json(), indent=2))
    else:
        console().print(render(proof))
    if not proof.ok:
        raise typer.Exit(1)


@app.command()
def launch(
    sample: Annotated[str, typer.Argument(help="A sample of the stack's outputs, such as train.")],
    stack: Annotated[str, typer.Option("--stack", "-s", help="Where to run it.")] = "local",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A variable of the job; may be repeated.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="The run's name; after the sample and the time without.")
    ] = None,
    resume: Annotated[str | None, typer.Option("--resume", help="Continue the run of this name.")] = None,
    as_json: Json = False,
) -> None:
    """Run a sample from a stack's outputs, and follow it to its end; its exit status is the job's.

    On the stack `local` it runs on a Ray cluster of this machine, with the same shape, entrypoint and storage; on the
    others it becomes a RayJob of the cluster.

    Examples: `rayeks launch train` · `rayeks launch train --stack dev --set TRAIN_EPOCHS=16`
    """
    from dataclasses import asdict

    from rayeks.cli import launch as launching
    from rayeks.cli import show

    console = show.console(stderr=as_json)
    result = launching.run(console, sample, stack, settings or (), name=run, resume=resume)
    if as_json:
        typer.echo(json.dumps(asdict(result), default=str, indent=2))
    else:
        launching.show(console, result)
    raise typer.Exit(result.exit_code)


@app.command()
def loop(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Where to run it.")] = "local",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A variable of the job; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a model, promote it if it is good enough, score the data with it, and see that the service serves it.

    The samples `loop` and `serve` of the stack in one. A model below LOOP_LEAST_ACCURACY ends it with 1: it stays in
    the registry, and everything goes on with the model before.

    Examples: `rayeks loop` · `rayeks loop --set LOOP_EPOCHS=16 --set LOOP_LEAST_ACCURACY=0.95`
    """
    from dataclasses import asdict

    from rayeks.cli import launch as launching
    from rayeks.cli import show
    from rayeks.launching.loop import loop as run

    console = show.console(stderr=as_json)
    result = launching.on_stack(console, stack, settings or (), run)
    if as_json:
        typer.echo(json.dumps(asdict(result), default=str, indent=2))
    else:
        launching.show(console, result)
    raise typer.Exit(result.exit_code)


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="A Ray cluster, the RayJob that made it, or a job's id.")] = None,
    stack: Annotated[str, typer.Option("--stack", "-s", help="Where it ran.")] = "local",
    team: Annotated[str | None, typer.Option("--team", help="Of this team alone.")] = None,
    days: Annotated[int, typer.Option("--days", min=0, help="How far to look back.")] = 7,
    as_json: Json = False,
) -> None:
    """What happened on Ray clusters, also those that are gone: jobs, nodes, what failed and why, where the logs lie.

    Reads Ray's own events in the stack's bucket of logs, with your own credentials; a cluster's last minute may not
    have arrived yet. Times are UTC. Failed tasks are there where the stack says observability.logs.tasks.

    Examples: `rayeks history --stack dev --days 30` · `rayeks history train --stack prod` · `rayeks history --json`
    """
    from rayeks.cli import history as past
    from rayeks.cli.show import console

    found = past.find(stack, name, days=days, team=team, progress=lambda line: typer.echo(line, err=True))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        past.show(console(), found)


@app.command()
def outputs(
    stack: Stack = "local",
    as_json: Json = False,
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Secrets in clear text.")] = False,
) -> None:
    """What a stack says of itself: names, endpoints, buckets, pools, and how to launch each sample.

    Examples: `rayeks outputs` · `rayeks outputs local --json | jq -r .workloads.train.launch`
    """
    from rayeks.cli import show
    from rayeks.engine.outputs import read

    found = read(stack, show_secrets=show_secrets)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        console = show.console()
        console.print(show.outputs(found))


@app.command()
def doctor(as_json: Json = False) -> None:
    """What is installed, what is missing and how to get it, what runs, and what the state holds.

    Ends with 1 when something that `rayeks up local` needs cannot be had. Example: `rayeks doctor`
    """
    from rayeks.cli import show
    from rayeks.cli.doctor import examine

    findings = examine()
    if as_json:
        typer.echo(json.dumps([finding.to_json() for finding in findings], indent=2))
    else:
        show.console().print(show.findings(findings))
    if any(finding.missing for finding in findings):
        raise typer.Exit(1)


app.command()(bootstrap)
app.add_typer(state.app, name="state")
app.add_typer(prices.app, name="prices")


@app.command()
def policies(as_json: Json = False) -> None:
    """What every stack must be: each policy with its severity, its reason and how it is met.

    `rayeks plan` judges by this list without an engine, and infra/policies/pack is the same list for the engine. An
    exception is written in the stack file, with an owner and a day on which it expires.

    Examples: `rayeks policies` · `rayeks policies --json | jq -r '.[].name'` ·
    `pulumi preview -s prod --policy-pack infra/policies/pack`
    """
    from infra.policies import POLICIES

    if as_json:
        typer.echo(json.dumps([policy.to_json() for policy in POLICIES], indent=2))
    else:
        from rayeks.cli import show
        from rayeks.cli.policies import table

        show.console().print(table(POLICIES))


def _only_local(stack: str, verb: str) -> None:
    """The other stacks are Pulumi's own business, with the person's own credentials."""
    from rayeks.engine.workspace import LOCAL, known

    if known(stack) != LOCAL:
        raise UserError(
            f"rayeks changes the stack `{LOCAL}` only; {stack!r} lies in an AWS account",
            f"with credentials for it: pulumi {verb} -s {stack}",
        )
