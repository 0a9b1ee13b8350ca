"""The page in a browser: every section there, nothing beyond the edge of a phone or a desktop, in light and in dark.

Needs Chromium: `apt install chromium` (Debian, Ubuntu), or CHROMIUM=/path/to/it. `make test` installs it where it may.
"""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rayeks.plan.report import Report
from rayeks.report.html import page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECTIONS = ("breaks", "cost", "policies", "capacity", "path", "resources", "outputs")
DARK = "--blink-settings=preferredColorScheme=0"
FRAME = """<!doctype html><iframe width="{width}" height="900" style="border: 0" srcdoc="{page}"></iframe>
<script>
addEventListener("load", () => {{
  const frame = document.querySelector("iframe").contentWindow, page = frame.document;
  page.querySelectorAll("details").forEach(one => one.open = true);
  const seen = one => one.getClientRects().length > 0;
  const style = frame.getComputedStyle(page.body);
  const measured = {{
    width: frame.innerWidth,
    page: page.documentElement.scrollWidth,
    beyond: [...page.body.querySelectorAll("*")]
      .filter(one => seen(one) && one.getBoundingClientRect().right > page.documentElement.clientWidth + 0.5)
      .map(one => one.tagName + " " + one.textContent.trim().slice(0, 60)),
    sections: [...page.querySelectorAll("section")].filter(seen).map(one => one.id),
    boxes: [...page.querySelectorAll("svg.picture")].filter(seen).map(one => one.querySelectorAll("rect").length),
    smallest: Math.min(...[...page.querySelectorAll("svg.picture text")].filter(seen)
      .map(one => one.getBoundingClientRect().height)),
    bars: [...page.querySelectorAll("#cost .bar")].map(one => one.getBoundingClientRect().width),
    colour: style.backgroundColor,
    ink: style.color,
    fetched: frame.performance.getEntriesByType("resource").map(one => one.name),
  }};
  document.body.textContent = "";
  const said = document.body.appendChild(document.createElement("pre"));
  said.id = "measured";
  said.textContent = JSON.stringify(measured);
}});
</script>
"""
"""No window of Chromium is as narrow as a phone; a frame in it is."""


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser's path."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("there is no Chromium: apt install chromium (Debian, Ubuntu), or CHROMIUM=/path/to/it")
    return found


def opened(chromium: str, text: str, folder: Path, width: int, *options: str) -> dict[str, Any]:
    """What the browser says of a page at a width in pixels, with everything unfolded."""
    file = folder / "page.html"
    file.write_text(FRAME.format(width=width, page=html.escape(text)))
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000", *options, file.as_uri()]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    measured = re.search(r"<pre id=\"measured\">(.*?)</pre>", answer.stdout, re.DOTALL)
    assert measured, f"the browser measured nothing:\n{answer.stdout[-500:]}\n{answer.stderr[-1500:]}"
    return json.loads(html.unescape(measured[1]))


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_of_the_page_lies_beyond_the_edge(chromium: str, prod: Report, tmp_path: Path, width: int):
    found = opened(chromium, page(prod), tmp_path, width)
    assert found["width"] == width
    assert found["beyond"] == []
    assert found["page"] <= width
    assert tuple(found["sections"]) == SECTIONS


@pytest.mark.parametrize("width", [390, 1280])
def test_one_picture_is_shown_whose_words_can_be_read(chromium: str, prod: Report, tmp_path: Path, width: int):
    found = opened(chromium, page(prod), tmp_path, width)
    components = {one.urn for one in prod.plan.resources if one.type.startswith("rayeks:") and _top(prod, one.parent)}
    assert len(found["boxes"]) == 1
    assert found["boxes"][0] >= len(components) > 5
    assert found["smallest"] >= 10
    assert all(width > 0 for width in found["bars"])


def test_the_page_is_dark_where_the_reader_wants_it_dark(chromium: str, prod: Report, tmp_path: Path):
    light, dark = (opened(chromium, page(prod), tmp_path, 1280, *options) for options in ((), (DARK,)))
    assert _brightness(light["colour"]) > 200 > 100 > _brightness(light["ink"])
    assert _brightness(dark["colour"]) < 60 < 200 < _brightness(dark["ink"])


def test_the_page_fetches_nothing(chromium: str, prod: Report, tmp_path: Path):
    text = page(prod)
    assert opened(chromium, text, tmp_path, 1280)["fetched"] == []
    assert not re.search(r"""(src|href)=["'](?!#)|@import|url\((?!#)|<script""", text)


def _top(report: Report, parent: str | None) -> bool:
    return parent is not None and report.plan.by_urn[parent].type == "pulumi:pulumi:Stack"


def _brightness(colour: str) -> float:
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
