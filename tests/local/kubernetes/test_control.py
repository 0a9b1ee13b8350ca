"""Start, stop, kill, damage: what a Kubernetes that a person works with has to come back from."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from local import kubernetes, services
from local.ports import marked
from rayeks.errors import UserError

pytestmark = pytest.mark.engine
SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager")


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A home of this file's own: these tests kill and damage what others share."""
    path = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(path))
        try:
            yield path
        finally:
            kubernetes.stop()


@pytest.fixture
def started(own_home: Path, connect) -> Generator[tuple[kubernetes.Kubernetes, str]]:
    """A running Kubernetes and the name of a namespace that has to survive."""
    cluster = kubernetes.start(progress=silent)
    yield cluster, connect(cluster).add_namespace("kept")


def silent(_line: str) -> None: ...


def pid_of(name: str) -> int:
    running = services.running(name)
    assert running, f"{name} does not run"
    return running.pid


def kill(name: str) -> int:
    process = psutil.Process(pid_of(name))
    process.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        process.wait(10)
    return process.pid


def test_the_first_start_is_fresh_and_the_second_is_the_same(started):
    cluster, _ = started
    again = kubernetes.start()
    assert again == kubernetes.Kubernetes(cluster.endpoint, cluster.ca, cluster.kubeconfig, fresh=False)


def test_the_kubeconfig_is_private_and_holds_no_secret(started):
    cluster, _ = started
    assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600
    text = cluster.kubeconfig.read_text()
    assert "PRIVATE" not in text and "-data" not in text
    for key in cluster.ca.parent.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_store_turns_away_whoever_has_only_a_kubernetes_certificate(started, own_home):
    cluster, _ = started
    context = ssl.create_default_context(cafile=cluster.ca.with_name("etcd-ca.crt"))
    context.load_cert_chain(cluster.ca.with_name("admin.crt"), cluster.ca.with_name("admin.key"))
    port = json.loads((own_home / "ports.json").read_text())["etcd"]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
        connection.request("GET", "/health")
        connection.getresponse()


def test_the_servers_listen_on_loopback_only(started):
    for name in SERVERS:
        connections = psutil.Process(pid_of(name)).net_connections("inet")
        listening = {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}


@pytest.mark.parametrize("victim", SERVERS)
def test_a_killed_server_is_noticed_and_comes_back_alone(started, connect, victim):
    cluster, name = started
    before = kubernetes.status().processes
    killed = kill(victim)
    assert kubernetes.status().processes == before | {victim: None}
    said: list[str] = []
    assert kubernetes.start(progress=said.append).fresh is False
    assert said[0].startswith(f"{victim} (pid {killed}) had died")
    after = kubernetes.status().processes
    assert [each for each in SERVERS if after[each] != before[each]] == [victim]
    assert connect(cluster).core.read_namespace(name).status.phase == "Active"


def test_all_killed_at_once_lose_nothing(started, connect):
    cluster, name = started
    for server in SERVERS:
        kill(server)
    kubernetes.start(progress=silent)
    assert connect(cluster).core.read_namespace(name).status.phase == "Active"


def test_certificates_that_do_not_fit_are_made_anew_and_the_data_stays(started, connect):
    cluster, name = started
    (cluster.ca.with_name("admin.key")).write_bytes(cluster.ca.with_name("apiserver.key").read_bytes())
    said: list[str] = []
    again = kubernetes.start(progress=said.append)
    assert "admin.crt and admin.key are not a pair" in said[0]
    assert connect(again).core.read_namespace(name).status.phase == "Active"


def test_a_stop_and_a_start_keep_the_data_and_the_address(started, connect):
    cluster, name = started
    kubernetes.stop()
    assert kubernetes.status() == kubernetes.Status(None, dict.fromkeys(SERVERS))
    again = kubernetes.start()
    assert (again.endpoint, again.fresh) == (cluster.endpoint, False)
    assert connect(again).core.read_namespace(name).status.phase == "Active"


def test_the_data_of_a_newer_version_is_refused_with_the_way_out(started, own_home):
    kubernetes.stop()
    versions = own_home / "kubernetes" / "versions.json"
    ours = versions.read_text()
    versions.write_text(json.dumps(json.loads(ours) | {"etcd": "3.7.0"}))
    with pytest.raises(UserError, match=r"was written by etcd 3\.7\.0, newer than 3\.6") as caught:
        kubernetes.start()
    assert caught.value.fix and "local.kubernetes reset" in caught.value.fix
    versions.write_text(ours)


def test_a_port_that_a_stranger_took_meanwhile_is_refused_by_name(started, own_home):
    kubernetes.stop()
    port = json.loads((own_home / "ports.json").read_text())["kube-apiserver"]
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(UserError, match=rf"port {port} for kube-apiserver is taken by pid {os.getpid()}"),
    ):
        kubernetes.start()
    assert not any(kubernetes.status().processes.values())


def test_an_interrupt_during_the_start_leaves_no_process(own_home):
    kubernetes.stop()
    with subprocess.Popen(
        [sys.executable, "-m", "local.kubernetes", "start"], stdout=subprocess.PIPE, start_new_session=True
    ) as command:
        deadline = time.monotonic() + 90
        while not services.running("kube-apiserver"):
            assert time.monotonic() < deadline and command.poll() is None
            time.sleep(0.01)
        command.send_signal(signal.SIGINT)
        assert command.wait(90) == 130
    marks = [marked(process) for process in psutil.process_iter()]
    assert not [mark for mark in marks if mark and mark.startswith(f"{own_home}/")]


def test_damaged_data_is_reported_and_a_reset_starts_afresh(started, own_home):
    cluster, _ = started
    kubernetes.stop()
    (own_home / "kubernetes" / "etcd" / "member" / "snap" / "db").write_bytes(b"not a database" * 1000)
    with pytest.raises(UserError, match="etcd ended by itself"):
        kubernetes.start()
    assert not any(kubernetes.status().processes.values())
    kubernetes.reset()
    again = kubernetes.start()
    assert (again.endpoint, again.fresh) == (cluster.endpoint, True)
