"""The day for people: a table in Markdown, and what each contender pays an hour as an SVG. Pure."""

from collections.abc import Sequence
from html import escape

from benchmarks.day.ledger import Result
from benchmarks.day.trace import DAY

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 860, 380, 56, 24, 180, 40
COLOURS = {
    "ours": "#0b6e4f",
    "static": "#8d99ae",
    "groups": "#e09f3e",
    "data-on-eks": "#3d5a80",
    "ai-on-eks": "#9e2a2b",
}
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"


COLUMNS = ("contender", "$ a day", "ours is", "of it spot", "machines, most at once", "GPU hours used", "pods")
COLUMNS += ("wait p50", "p99", "longest", "at once: CPU, GPU, head", "begun again", "taken back")


def table(results: Sequence[Result]) -> str:
    """The contenders, the dearest first, beside ours."""
    ours = next((each for each in results if each.contender == "ours"), None)
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" + "|---:" * (len(COLUMNS) - 1) + "|"]
    for each in results:
        cells = (
            f"**{each.title}**" if each is ours else each.title,
            f"{each.usd:.2f}",
            "" if ours is None or each is ours else f"{1 - ours.usd / each.usd:.0%} less",
            f"{each.spot_usd / each.usd:.0%}" if each.usd else "",
            f"{each.machines}, {each.most_machines}",
            f"{each.gpu_share:.0%}",
            str(each.pods),
            f"{each.p50_s:.0f} s",
            f"{each.p99_s:.0f} s",
            f"{each.longest_s:.0f} s" if each.longest_s < 600 else f"{each.longest_s / 60:.0f} min",
            ", ".join(f"{share:.0%}" for _, share in sorted(each.at_once.items())),
            str(each.moved),
            str(each.interrupted),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def between(page: str, table: str) -> str:
    """The page with the table where it belongs."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}{END}{after}"


def drawn(results: Sequence[Result]) -> str:
    """$ an hour over the day, a line a contender."""
    until = max((result.rate[-1][0] for result in results if result.rate), default=DAY)
    most = max((usd for result in results for _, usd in result.rate), default=1.0)
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(minute: float) -> float:
        return round(LEFT + wide * minute / until, 1)

    def y(usd: float) -> float:
        return round(TOP + high * (1 - usd / most), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        "<title>What each contender pays an hour</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for part in range(5):
        usd = most * part / 4
        parts.append(f'<path d="M{LEFT} {y(usd)}H{LEFT + wide}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(usd) + 4}" text-anchor="end" fill="#444444">${usd:.0f}</text>')
    for hour in range(0, int(until // 60) + 1, 4):
        parts.append(f'<text x="{x(hour * 60)}" y="{HEIGHT - 16}" text-anchor="middle" fill="#444444">{hour}:00</text>')
    for index, result in enumerate(results):
        colour = COLOURS.get(result.contender, "#000000")
        path = "".join(f"H{x(at)}V{y(usd)}" for at, usd in result.rate)
        parts.append(f'<path d="M{x(0)} {y(0)}{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        at = TOP + 14 + 20 * index
        parts.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{at - 9}" width="10" height="10" fill="{colour}"/>')
        text = f"{result.title}: ${result.usd:,.0f}"
        parts.append(f'<text x="{WIDTH - RIGHT + 30}" y="{at}" fill="#222222">{escape(text)}</text>')
    return "\n".join([*parts, "</svg>", ""])
