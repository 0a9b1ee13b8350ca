"""The operations book as its tests read it: pages, their fenced blocks, and stack files with the blocks merged in."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BOOK = sorted((ROOT / "docs").glob("*.md"))


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what is said beside it, its text, and the page that it is of."""

    page: Path
    language: str
    words: tuple[str, ...]
    text: str

    def word(self, name: str) -> str | None:
        """The value of NAME=VALUE beside the language."""
        return next((word.removeprefix(f"{name}=") for word in self.words if word.startswith(f"{name}=")), None)


def blocks(page: Path, *languages: str) -> list[Block]:
    """The page's blocks of these languages, in order."""
    found = re.findall(r"^```(\w+)([^\n]*)\n(.*?)^```$", page.read_text(), re.M | re.S)
    return [Block(page, name, tuple(words.split()), text) for name, words, text in found if name in languages]


def merged(below: Any, above: Any) -> Any:
    """Mappings merged in depth; anything else gives way."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}
