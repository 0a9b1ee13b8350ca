"""GitHub's REST API, as little of it as the pipelines need, on the standard library alone."""

import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_BODY = 65_000
"""Characters of a comment or an issue; GitHub takes 65,536."""
AUTHOR = "github-actions[bot]"
TRIES = 4
LONGEST_WAIT_S = 60.0


class Refused(Exception):
    """GitHub said no; `status` is the HTTP status."""

    def __init__(self, status: int, what: str, message: str, fix: str) -> None:
        super().__init__(f"GitHub refused {what} ({status}): {message}\n  fix: {fix}")
        self.status = status


FIXES = {
    401: "give the job a token: env GITHUB_TOKEN",
    403: "give the job `issues: write` and `pull-requests: write`; a locked conversation takes no comments",
    404: "the repository, the number or the token's rights are wrong",
    422: "GitHub does not take this text or number",
}


@dataclass(frozen=True)
class GitHub:
    """One repository. `api` is the root of the API, such as https://api.github.com."""

    api: str
    repository: str
    token: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of_this_job(cls) -> "GitHub":
        """As GitHub Actions says it in the environment."""
        return cls(
            os.environ.get("GITHUB_API_URL", "https://api.github.com"),
            os.environ["GITHUB_REPOSITORY"],
            os.environ["GITHUB_TOKEN"],
        )

    def get(self, path: str) -> Any:
        """One object of the repository."""
        return self._ask("GET", self._url(path))[0]

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Create or change something of the repository."""
        return self._ask(method, self._url(path), body)[0]

    def every(self, path: str) -> Iterator[dict[str, Any]]:
        """Each item of a list, over all its pages."""
        url: str | None = f"{self._url(path)}{'&' if '?' in path else '?'}per_page=100"
        while url:
            items, headers = self._ask("GET", url)
            yield from items
            following = re.search(r'<([^>]+)>;\s*rel="next"', headers.get("Link", ""))
            url = following[1] if following else None
            # The token goes nowhere but to the API.
            if url and not url.startswith(f"{self.api}/"):
                raise Refused(200, "the next page", f"it would be at {url}", "none: this is not GitHub's answer")

    def _url(self, path: str) -> str:
        return f"{self.api}/repos/{self.repository}/{path}"

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> tuple[Any, Mapping[str, str]]:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "User-Agent": "ray-on-eks",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        for left in reversed(range(TRIES)):
            request = urllib.request.Request(url, data=data, headers=headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer), dict(answer.headers)
            except urllib.error.HTTPError as error:
                message = _message(error)
                wait = _wait(error)
                if not left or wait is None:
                    fix = FIXES.get(error.code, "try again later")
                    raise Refused(error.code, f"{method} {url.removeprefix(self.api)}", message, fix) from None
                self.sleep(wait)
        raise AssertionError("the last try returns or raises")


def _wait(error: urllib.error.HTTPError) -> float | None:
    """Seconds to wait before the same request may succeed; None where it will not, or only after too long."""
    if error.code in (403, 429) and (after := error.headers.get("Retry-After", "")).isdigit():
        return float(after) if float(after) <= LONGEST_WAIT_S else None
    return 2.0 if error.code >= 500 else None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        said = json.loads(error.read())
        return "; ".join([said["message"], *(str(each) for each in said.get("errors") or ())])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


def shortened(text: str, longest: int, where: str) -> str:
    """The text cut at a line so that it fits, with open code blocks and folds closed; it says `where` the rest is."""
    if len(text) <= longest:
        return text
    kept = text[: max(0, longest - len(where) - 200)].rpartition("\n")[0]
    fence = ""
    for mark in re.findall(r"^\s*(`{3,})", kept, re.M):
        fence = "" if fence and len(mark) >= len(fence) else fence or mark
    folds = max(0, min(10, kept.count("<details") - kept.count("</details>")))
    closed = (f"\n{fence}" if fence else "") + "\n\n</details>" * folds
    return f"{kept}{closed}\n\n*Cut here: {where}*\n"


def harmless(text: str) -> str:
    """Text of a stranger, fit for a comment of ours: it calls nobody and hides no marks."""
    text = re.sub(r"<!--|-->", "", text)
    return re.sub(r"@(?=[A-Za-z0-9])", "@\N{WORD JOINER}", text)
