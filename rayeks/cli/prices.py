"""`rayeks prices`: what the table knows of a machine, and asking AWS anew."""

import json
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from infra import prices
from rayeks.errors import UserError

app = typer.Typer(help="The prices that a plan counts with, each with its source and date.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for machines.")]
FEW = 20


@app.command()
def refresh(
    region: Annotated[list[str] | None, typer.Option("--region", help="A region; may be repeated.")] = None,
    check: Annotated[
        int | None, typer.Option("--check", metavar="DAYS", min=0, help="Ask nobody: end with 1 if prices are older.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask AWS what machines (on demand and on spot) and services cost now, and write it into infra/prices.json.

    Asks the Price List API and the spot history with your own credentials (AWS_PROFILE, AWS_ENDPOINT_URL). Without
    --region, every region that the table knows. What AWS does not list clearly keeps its price and its date.

    Examples: `rayeks prices refresh --region eu-central-1` · `rayeks prices refresh --check 90`
    """
    from rayeks.prices import table

    held = table.read()
    regions = region or sorted({*held["on_demand"], *held["same_as"]})
    if check is not None:
        _check(held, regions, check)
        return
    import boto3

    from rayeks.prices.refresh import refreshed

    found, changes = refreshed(held, regions, boto3.Session(), datetime.now(UTC))
    written = table.write(found)
    if as_json:
        typer.echo(json.dumps({"written": written, "changes": [change.to_json() for change in changes]}, indent=2))
        return
    for change in changes[:FEW]:
        typer.echo(f"{change.region} {change.what}: {_usd(change.old)} -> {_usd(change.new)}")
    if len(changes) > FEW:
        typer.echo(f"… and {len(changes) - FEW} more; --json lists all")
    typer.echo(f"{len(changes)} prices changed in {', '.join(regions)}")


@app.command()
def show(
    types: Annotated[list[str], typer.Argument(help="Instance types, such as g6e.xlarge.")],
    region: Annotated[str, typer.Option("--region", help="Where.")] = "us-west-2",
) -> None:
    """What the table knows of a machine. Example: `rayeks prices show g6e.xlarge p5.48xlarge`"""
    for kind in types:
        for market, price in (("on demand", prices.on_demand(kind, region)), ("spot", prices.spot(kind, region))):
            said = f"{_usd(price.usd)} an hour ({price.source}, {price.date})" if price else "unknown"
            typer.echo(f"{kind} {market} in {region}: {said}")


def _check(held: dict, regions: list[str], days: int) -> None:
    """UserError where a region's prices of machines are older than so many days, or unknown."""
    for name in regions:
        place = name if name in held["on_demand"] else held["same_as"].get(name, "")
        entry = held["on_demand"].get(place)
        if entry is None:
            raise UserError(f"the table knows no price in {name}", f"rayeks prices refresh --region {name}")
        age = (date.today() - date.fromisoformat(entry["date"])).days
        if age > days:
            raise UserError(f"prices of {name} are {age} days old, over {days}", "rayeks prices refresh")
        typer.echo(f"prices of {name} are {age} days old")


def _usd(usd: float | None) -> str:
    return "none" if usd is None else f"${usd:g}"
