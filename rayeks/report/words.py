"""How a report says money, time and kinds of resources, the same in every rendering."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.prices import Price
from rayeks.plan.bill import OLD_AFTER_DAYS, Bill
from rayeks.plan.charges import Line, exact

if TYPE_CHECKING:
    from rayeks.plan.runs import Run

UNKNOWN = "unknown"


def money(usd: Decimal | None, *, digits: int = 2) -> str:
    """`$1,234.56`; a price that nobody knows is never nothing."""
    return UNKNOWN if usd is None else f"{'−' if usd < 0 else ''}${abs(usd):,.{digits}f}"


def together(lines: Iterable[Line]) -> str:
    """What some lines come to, with what of them has no price: `$12.00 and 1 unknown`."""
    amounts = [line.amount for line in lines]
    known = [amount for amount in amounts if amount is not None]
    unknown = len(amounts) - len(known)
    if not known:
        return UNKNOWN
    return money(sum(known, Decimal(0))) + (f" and {unknown} unknown" if unknown else "")


def change(usd: Decimal | None) -> str:
    """A difference of costs with its sign: `+$12.00`."""
    if usd is None:
        return UNKNOWN
    return f"+{money(usd)}" if usd > 0 else money(usd) if usd < 0 else "no change"


def quantity(number: Decimal) -> str:
    """A quantity without trailing zeros: `2,190`, `121.67`."""
    whole = number == number.to_integral_value()
    return f"{number:,.0f}" if whole else f"{number.normalize():,f}"


def clock(seconds: float) -> str:
    """`17:04 min`, or `45 s` for less than a minute."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"


def kind(name: str) -> str:
    """`aws:ec2/vpc:Vpc` as `ec2.Vpc`, `rayeks:infra:Network` as `Network`, a Kubernetes kind with its group."""
    package, module, short = name.split(":", 2)
    if package == "pulumi":
        return f"{short} provider" if module == "providers" else short
    if package == "aws":
        return f"{module.split('/')[0]}.{short}"
    return f"{module}.{short}" if package == "kubernetes" else short


def counted(number: int, word: str) -> str:
    """`1 value`, `2 values`, `3 policies`."""
    if number != 1:
        word = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{number} {word}"


def price(found: Price) -> str:
    """The price of one unit, with all its digits and at least the cents: `$0.0052`, `$0.10`."""
    whole, _, cents = f"{exact(found.usd):,f}".partition(".")
    return f"${whole}.{cents:0<2}"


def sources(bill: Bill) -> dict[tuple[str, date], int]:
    """Who said the bill's prices and when, each once and numbered in the order in which the bill needs them."""
    said = [(each.price.source, each.price.date) for each in (*bill.lines, *bill.node_hours) if each.price]
    return {source: number for number, source in enumerate(dict.fromkeys(said), start=1)}


def age(bill: Bill, today: date) -> tuple[str, bool]:
    """How old the prices are, in words, and whether that is too old to rely on."""
    days = bill.age(today)
    if bill.dates is None or days is None:
        return "no prices", True
    oldest, newest = bill.dates
    text = f"prices from {oldest}" if oldest == newest else f"prices from {oldest} to {newest}"
    if days > OLD_AFTER_DAYS:
        return f"{text}: the oldest is {days} days old (`rayeks prices refresh` asks AWS anew)", True
    return text, False


def claimed(bill: Bill) -> str:
    """What claims may add to the bill, which is in none of its sums; nothing where they may add nothing."""
    said = [f"{line.what}, up to {quantity(line.quantity)} GiB ({money(line.amount)} a month)" for line in bill.claimed]
    return f"Not counted: {'; '.join(said)}" if said else ""


def reserved(run: "Run") -> str:
    """What of a run costs nothing more: `; 2 nodes are reserved, and paid above`."""
    if not run.reserved:
        return ""
    return f"; {counted(run.reserved, 'node')} {'is' if run.reserved == 1 else 'are'} reserved, and paid above"
