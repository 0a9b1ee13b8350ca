"""GitHub as far as the pipelines talk to it: pull requests, comments, issues over HTTP, its pages and its refusals."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rayeks.pipelines.github import AUTHOR, GitHub

REPOSITORY = "example/ray-on-eks"
HEAD = "a" * 40
LONGEST = 65_536


@dataclass
class Forge:
    """A stand-in for api.github.com: only what the pipelines use, with the statuses that GitHub documents for it.

    `refusals` are (status, headers) that the next requests which change something get first.
    """

    url: str = ""
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    next_page: str = ""
    ids: int = 1000

    def add(self, number: int, body: str, author: str = AUTHOR) -> dict[str, Any]:
        """A comment, as its author left it."""
        self.ids += 1
        comment = {"id": self.ids, "body": body, "user": {"login": author}}
        self.comments.setdefault(number, []).append(comment)
        return comment

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        """Status and document."""
        path = path.removeprefix(f"/repos/{REPOSITORY}/")
        if match := re.fullmatch(r"pulls/(\d+)", path):
            found = self.pulls.get(int(match[1]))
            return (200, found) if found else (404, {"message": "Not Found"})
        if match := re.fullmatch(r"issues/comments/(\d+)", path):
            every = [each for listed in self.comments.values() for each in listed if each["id"] == int(match[1])]
            if not every:
                return 404, {"message": "Not Found"}
            return self._changed(every[0], body)
        if match := re.fullmatch(r"issues/(\d+)/comments", path):
            if method == "GET":
                return 200, self.comments.get(int(match[1]), [])
            if len(body["body"]) > LONGEST:
                return _too_long()
            return 201, self.add(int(match[1]), body["body"])
        if match := re.fullmatch(r"issues/(\d+)", path):
            return self._changed(self.issues[int(match[1])], body)
        if path == "issues" and method == "GET":
            label = query["labels"][0]
            return 200, [i for i in self.issues.values() if i["state"] == "open" and label in i["labels"]]
        if path == "issues":
            number = len(self.issues) + 1
            self.issues[number] = {"number": number, "state": "open", "user": {"login": AUTHOR}, **body}
            return 201, self.issues[number]
        return 404, {"message": "Not Found"}

    def _changed(self, item: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        if len(body.get("body", "")) > LONGEST:
            return _too_long()
        item.update(body)
        return 200, item


def _too_long() -> tuple[int, Any]:
    error = {"resource": "IssueComment", "code": "unprocessable", "field": "data"}
    return 422, {"message": "Validation Failed", "errors": [error]}


def _handler(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            split, length = urlsplit(self.path), int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            query = parse_qs(split.query)
            forge.requests.append(f"{self.command} {self.path}")
            if self.headers["Authorization"] != "Bearer token":
                return self.reply(401, {"message": "Bad credentials"})
            if self.command != "GET" and forge.refusals:
                status, headers = forge.refusals.pop(0)
                return self.reply(status, {"message": "Resource not accessible by integration"}, headers)
            status, document = forge.answer(self.command, split.path, query, body)
            headers = {}
            if isinstance(document, list):
                page, size = int(query.get("page", ["1"])[0]), int(query["per_page"][0])
                if len(document) > page * size:
                    following = (
                        forge.next_page or f"{forge.url}{split.path}?{split.query.split('&page')[0]}&page={page + 1}"
                    )
                    headers["Link"] = f'<{following}>; rel="next", <{forge.url}/last>; rel="last"'
                document = document[(page - 1) * size : page * size]
            return self.reply(status, document, headers)

        do_GET = do_POST = do_PATCH = do  # noqa: N815

        def reply(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Stay quiet."""

    return Handler


@pytest.fixture
def forge() -> Iterator[Forge]:
    found = Forge()
    found.pulls[7] = {"state": "open", "head": {"sha": HEAD, "repo": {"full_name": "stranger/ray-on-eks"}}}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def waits() -> list[float]:
    """How long the client would have waited, each time."""
    return []


@pytest.fixture
def github(forge: Forge, waits: list[float]) -> GitHub:
    return GitHub(forge.url, REPOSITORY, "token", sleep=waits.append)


@pytest.fixture
def job(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The environment of the job that comments."""

    def set(**values: str) -> None:
        standard = {
            "GITHUB_API_URL": forge.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": "token",
            "HEAD_SHA": HEAD,
            "HEAD_REPOSITORY": "stranger/ray-on-eks",
            "RUN_URL": "https://github.example/run/1",
        }
        for name, value in (standard | values).items():
            monkeypatch.setenv(name, value)

    set()
    return set
