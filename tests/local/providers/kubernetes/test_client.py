"""The client against a server that is busy, racing, distrusted or gone, and the kubeconfigs that lead to it."""

import base64
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.providers.kubernetes import client, kubeconfig
from local.providers.kubernetes.client import ApiError, ApiServer, Kind, NoSuchKind, Unreachable
from local.providers.kubernetes.kubeconfig import Access
from rayeks.errors import UserError

Answer = tuple[int, dict[str, Any]]
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", True)
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
RESOURCES = {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_DELAYS_S", (0.01, 0.01))
    monkeypatch.setattr(client, "BUSY_DELAYS_S", (0.01, 0.01, 0.01))


@pytest.fixture
def serve() -> Iterator[Callable[[list[Answer]], tuple[ApiServer, list[str]]]]:
    """`serve(answers)`: a client of a server that gives these answers in turn, and the requests that it saw."""
    servers: list[ThreadingHTTPServer] = []

    def start(answers: list[Answer]) -> tuple[ApiServer, list[str]]:
        left, seen = list(answers), []

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen.append(f"{self.command} {self.path}")
                status, body = left.pop(0)
                payload = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_PATCH = do_DELETE = _answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return ApiServer(Access(f"http://127.0.0.1:{server.server_port}"), threading.Event()), seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_busy_server_is_asked_again(serve):
    api, seen = serve([(429, {}), (503, {}), (200, OBJECT)])
    assert api.get(CONFIG_MAP, None, "x") == OBJECT
    assert seen == ["GET /api/v1/namespaces/default/configmaps/x"] * 3


def test_a_refusal_is_not_asked_again_and_keeps_the_servers_words(serve):
    api, seen = serve([(422, {"message": "spec.x: Required value", "reason": "Invalid"})])
    with pytest.raises(ApiError, match=r"spec\.x: Required value"):
        api.apply(CONFIG_MAP, OBJECT, "me")
    assert len(seen) == 1


def test_a_lost_race_is_applied_again_but_a_conflict_of_owners_is_not(serve):
    api, seen = serve([(409, {"reason": "Conflict", "message": "the object has been modified"}), (200, OBJECT)])
    assert api.apply(CONFIG_MAP, OBJECT, "me") == OBJECT
    assert len(seen) == 2
    owned = {"message": "conflict", "details": {"causes": [{"reason": "FieldManagerConflict", "field": ".spec.a"}]}}
    api, seen = serve([(409, owned)])
    with pytest.raises(ApiError) as refusal:
        api.apply(CONFIG_MAP, OBJECT, "me")
    assert refusal.value.ownership
    assert len(seen) == 1


def test_a_kind_is_looked_up_once_and_a_missing_one_every_time(serve):
    api, seen = serve([(200, RESOURCES), (200, RESOURCES), (404, {})])
    assert api.kind("v1", "ConfigMap") is api.kind("v1", "ConfigMap")
    with pytest.raises(NoSuchKind, match="serves no v1 Widget"):
        api.kind("v1", "Widget")
    with pytest.raises(NoSuchKind, match=r"serves no ray\.io/v1 RayCluster"):
        api.kind("ray.io/v1", "RayCluster")
    assert seen == ["GET /api/v1", "GET /api/v1", "GET /apis/ray.io/v1"]


def test_a_server_that_is_gone_is_tried_for_a_while_once_and_explained_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"https://127.0.0.1:{free.getsockname()[1]}"
    api = ApiServer(Access(server), threading.Event())
    with pytest.raises(Unreachable, match=rf"{server} does not answer: connection refused \(3 tries") as first:
        api.get(CONFIG_MAP, None, "x")
    assert first.value.fix
    with pytest.raises(Unreachable, match="still does not answer") as second:
        api.get(CONFIG_MAP, None, "x")
    assert second.value.fix is None


def test_a_cancelled_run_does_not_wait_for_a_busy_server(serve):
    api, _ = serve([(429, {})])
    api.cancelled.set()
    with pytest.raises(UserError, match="the run was cancelled"):
        api.get(CONFIG_MAP, None, "x")


def config(**user: Any) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": "https://a:1/"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "home"}}],
        "current-context": "x",
    }


@pytest.mark.parametrize("render", [json.dumps, yaml.safe_dump], ids=["JSON", "YAML"])
def test_a_kubeconfig_is_its_contents_or_a_path(render, tmp_path: Path):
    text = render(config(token="t"))
    path = tmp_path / "config"
    path.write_text(text)
    for source in (text, str(path)):
        access = kubeconfig.load(source)
        assert (access.server, access.namespace) == ("https://a:1", "home")
        assert access.headers() == {"Authorization": "Bearer t"}


def test_a_credential_plug_in_is_run_for_its_token():
    status = json.dumps({"status": {"token": "from-the-plug-in"}})
    command = {"command": sys.executable, "args": ["-c", f"print({status!r})"]}
    assert kubeconfig.load(json.dumps(config(exec=command))).headers() == {"Authorization": "Bearer from-the-plug-in"}
    failing = {"command": sys.executable, "args": ["-c", "raise SystemExit('log in first')"]}
    with pytest.raises(UserError, match=r"no credentials for https://a:1: .*log in first"):
        kubeconfig.load(json.dumps(config(exec=failing))).headers()


def test_bad_kubeconfigs_say_what_is_wrong(tmp_path: Path):
    with pytest.raises(UserError, match=r"kubeconfig .*/none cannot be read"):
        kubeconfig.load(str(tmp_path / "none"))
    with pytest.raises(UserError, match="has no `clusters`"):
        kubeconfig.load("{}")
    with pytest.raises(UserError, match="has no context named 'y'; it has: x"):
        kubeconfig.load(json.dumps(config()), context="y")
    broken = config() | {
        "clusters": [{"name": "c", "cluster": {"server": "https://a", "certificate-authority": "/no"}}]
    }
    with pytest.raises(UserError, match=r"names unusable files \(/no\)"):
        kubeconfig.load(json.dumps(broken)).tls()
    inline = base64.b64encode(b"not a certificate").decode()
    cluster = {"server": "https://a", "certificate-authority-data": inline}
    with pytest.raises(UserError, match="names unusable files"):
        kubeconfig.load(json.dumps(config() | {"clusters": [{"name": "c", "cluster": cluster}]})).tls()
