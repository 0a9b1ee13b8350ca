"""Flags of a sample's command line that may come as variables: a pod is told by its environment, a person types."""

import argparse
from collections.abc import Callable, Iterable, Mapping


class Flags:
    """Adds flags to `parser`, each with a variable `<prefix>_<NAME>` for where it is not given."""

    def __init__(self, parser: argparse.ArgumentParser, environment: Mapping[str, str], prefix: str) -> None:
        self._parser, self._environment, self._prefix = parser, environment, prefix

    def add(self, name: str, default: object, kind: Callable, text: str, variable: str = "") -> None:
        """A flag `--name`; its variable's text and its default are parsed by `kind` as what is typed is."""
        variable = variable or f"{self._prefix}_{name.replace('-', '_').upper()}"
        self._parser.add_argument(
            f"--{name}",
            default=self._environment.get(variable, default),
            type=kind,
            help=f"{text} (${variable}; default: {default})",
        )

    def parse(self, arguments: list[str], **among: Iterable[str]) -> argparse.Namespace:
        """What was typed, what the environment says, and the defaults; `among` is the few words that a flag takes."""
        parsed = self._parser.parse_args(arguments)
        for name, known in among.items():
            value = getattr(parsed, name)
            if value not in known:
                self._parser.error(f"there is no {name} {value!r}; choose from {', '.join(known)}")
        return parsed


def at_least(least: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` on."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)

    return number
