"""The service on a real cluster under a real load: kills and roll-outs, and the fate of every request."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import pytest
import yaml

from rayeks.errors import UserError
from rayeks.launching.leftovers import kill
from rayeks.launching.service import Service, localised, serve_local
from workloads import registry
from workloads.manifests import ray_service
from workloads.serve import classifier, spec
from workloads.serve.load import Fates, load
from workloads.serve.publish import publish
from workloads.storage import Storage, open_storage

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[3]

IN_FLIGHT = 6
TENANTS = ["acme", "globex"]
STAGES = ("Ingress", "Preprocess", "Classifier", "TenantHead")


def config(models: Storage, model: str) -> dict[str, Any]:
    """The sample's config with replicas light enough that a two-core machine may hold more of them."""
    found = spec.serve_config(models_uri=models.uri, model=model, fast=True, most=4)
    for stage in found["applications"][0]["deployments"]:
        stage["ray_actor_options"] = {"num_cpus": 0.1}
        stage["health_check_period_s"] = 1
        stage["graceful_shutdown_timeout_s"] = 5
        if scaling := stage.get("autoscaling_config"):
            scaling["target_ongoing_requests"] = 3
    return found


class Running:
    """A service that runs for a module of tests."""

    def __init__(self, models: Storage, service: Service) -> None:
        self.models, self.service = models, service
        self.port = int(service.url.rsplit(":", 1)[1])

    def stage(self, name: str) -> dict[str, Any]:
        return self.service.applications()["digits"]["deployments"][name]

    def replicas(self, stage: str) -> list[dict[str, Any]]:
        return [replica for replica in self.stage(stage)["replicas"] if replica["state"] == "RUNNING"]

    def everybody(self) -> set[str]:
        return {replica["replica_id"] for stage in STAGES for replica in self.replicas(stage)}

    def roll_out(self, model: str) -> None:
        self.service.put(localised(config(self.models, model), self.port))

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        async def one() -> tuple[int, Any]:
            method = "POST" if body is not None else "GET"
            async with (
                aiohttp.ClientSession(headers=headers) as session,
                session.request(method, f"{self.service.url}{path}", json=body) as response,
            ):
                return response.status, await response.json()

        return asyncio.run(one())

    @contextmanager
    def under_load(self, in_flight: int = IN_FLIGHT) -> Generator[Fates]:
        fates, stop = Fates(), threading.Event()

        async def drive() -> None:
            until = asyncio.Event()
            driving = asyncio.create_task(
                load(self.service.url, concurrency=in_flight, until=until, fates=fates, tenants=TENANTS)
            )
            while not stop.is_set():
                await asyncio.sleep(0.05)
            until.set()
            await driving

        thread = threading.Thread(target=lambda: asyncio.run(drive()))
        thread.start()
        try:
            time.sleep(3)
            yield fates
        finally:
            stop.set()
            thread.join()


def until(condition: Callable[[], Any], timeout_s: float = 300) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "not so in time"
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def running() -> Generator[Running]:
    home = Path(tempfile.mkdtemp(prefix="rx-"))
    models = open_storage(str(home / "models"))
    publish(models, classifier.baseline()[0], TENANTS, least=0.8)
    manifest = ray_service(spec.service(namespace="ray-a", models_uri=models.uri, image="ray", team="a"))
    manifest["spec"]["serveConfigV2"] = yaml.safe_dump(config(models, "digits"))
    up, over = threading.Event(), threading.Event()
    found: list[Service] = []
    said: list[str] = []

    def hold(service: Service) -> None:
        found.append(service)
        up.set()
        while not over.is_set():
            service.cluster.heal(said.append)
            time.sleep(0.2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYEKS_HOME", str(home))

        def run() -> None:
            try:
                serve_local(manifest, name="serve", env={}, progress=said.append, hold=hold)
            finally:
                up.set()

        thread = threading.Thread(target=run)
        thread.start()
        up.wait(300)
        assert found, said
        try:
            yield Running(models, found[0])
        finally:
            over.set()
            thread.join(60)
            shutil.rmtree(home)


Report = Callable[[str, Fates, float, float], None]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Print the fate of requests, and their times before, during and after what happened from `began` to `ended`."""

    def say(what: str, fates: Fates, began: float, ended: float) -> None:
        spans = {"before": (0.0, began), "during": (began, ended), "after": (ended, float("inf"))}
        parts = []
        for name, span in spans.items():
            part = fates.between(*span)
            p50, p99 = (part.percentile(share) * 1000 for share in (0.5, 0.99))
            parts.append(f"{name} {len(part.all)} requests, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        with capsys.disabled():
            print(f"\n{what}: failed {dict(fates.failed())} of {len(fates.all)}; {'; '.join(parts)}")

    return say


def test_it_answers_for_each_tenant_and_says_which_model_did(running: Running) -> None:
    image = {"pixels": [0.0] * 64}
    status, answer = running.ask("/predict", image | {"tenant": "acme"})
    assert status == 200
    assert answer.keys() == {"digit", "confidence", "model", "tenant_digit"}
    assert answer["model"].startswith("digits@")
    assert running.ask("/healthz") == (200, "ok")
    assert running.ask("/predict", image)[1].keys() == {"digit", "confidence", "model"}


@pytest.mark.parametrize(
    "body", [{"pixels": [0.0] * 63}, {"pixels": [17.0] * 64}, {"pixels": "no"}, {}, {"pixels": [0.0] * 64, "x": 1}]
)
def test_what_is_no_image_is_refused(running: Running, body: Any) -> None:
    assert running.ask("/predict", body)[0] == 422


def test_an_unknown_tenant_is_named(running: Running) -> None:
    status, answer = running.ask("/predict", {"pixels": [0.0] * 64, "tenant": "nobody"})
    assert (status, answer["detail"]) == (404, "there is no head of tenant 'nobody'")


def test_a_traced_request_is_told_by_every_stage_that_it_went_through(running: Running) -> None:
    trace = secrets.token_hex(16)
    image = {"pixels": [0.0] * 64, "tenant": "acme"}
    assert running.ask("/predict", image, {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"})[0] == 200

    def spans() -> list[dict[str, Any]]:
        # Sessions are linked to by other names too.
        files = {file.resolve() for file in running.service.cluster.folder.glob("*/session_*/logs/serve/spans/*.jsonl")}
        found = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [span for span in found if span["context"]["trace_id"] == f"0x{trace}"]

    def stages() -> set[str]:
        told = json.dumps([[span["name"], span["attributes"]] for span in spans()])
        return {stage for stage in (*STAGES, "proxy") if stage in told}

    until(lambda: stages() >= set(STAGES), timeout_s=60)
    assert len({span["context"]["span_id"] for span in spans()}) >= len(STAGES) + 1
    assert sum(span["parent_id"] is not None for span in spans()) == len(spans())


def test_a_new_model_replaces_the_old_one_without_a_lost_request(running: Running, report: Report) -> None:
    before = running.ask("/version")[1]["model"]
    replicas = {replica["replica_id"] for replica in running.replicas("Classifier")}
    version = registry.register(running.models, "digits", classifier.baseline()[0], {"accuracy": 0.9})
    with running.under_load() as fates:
        began = time.monotonic()
        running.roll_out(f"digits@{version}")
        until(lambda: running.ask("/version")[1]["model"] == f"digits@{version}")
        ended = time.monotonic()
        time.sleep(2)
    report(f"new model, served after {ended - began:.1f} s", fates, began, ended)
    assert fates.failed() == {}
    assert fates.models[before] > 0
    assert fates.models[f"digits@{version}"] > 0
    assert replicas <= {replica["replica_id"] for replica in running.replicas("Classifier")}


def test_a_model_that_does_not_fit_is_refused_and_the_service_goes_on(running: Running, report: Report) -> None:
    before = running.ask("/version")[1]["model"]
    odd = registry.register(running.models, "digits", classifier.baseline()[0] | {"w1": np.zeros((3, 64))}, {})
    with running.under_load() as fates:
        began = time.monotonic()
        running.roll_out(f"digits@{odd}")
        until(lambda: "refused" in running.ask("/version")[1])
        ended = time.monotonic()
    report("unfit model", fates, began, ended)
    assert fates.failed() == {}
    assert set(fates.models) == {before}
    running.roll_out(before)
    until(lambda: "refused" not in running.ask("/version")[1])


def test_new_code_replaces_the_old_one_without_a_lost_request(running: Running, report: Report, tmp_path: Path) -> None:
    code = tmp_path / "workloads"
    shutil.copytree(ROOT / "workloads", code, ignore=shutil.ignore_patterns("__pycache__"))
    app = (code / "serve" / "app.py").read_text()
    assert app.count('return "ok"') == 1
    (code / "serve" / "app.py").write_text(app.replace('return "ok"', 'return "ok, says the new code"'))
    # It goes on with this code: a roll-out back would begin anew with whatever model comes after.
    old, model = running.everybody(), running.ask("/version")[1]["model"]
    changed = localised(config(running.models, model), running.port)
    changed["applications"][0]["runtime_env"] = {"env_vars": {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}}
    with running.under_load() as fates:
        began = time.monotonic()
        running.service.put(changed)
        until(lambda: running.ask("/healthz") == (200, "ok, says the new code"))
        until(lambda: not old & running.everybody())
        running.service.settle(lambda line: None)
        ended = time.monotonic()
        time.sleep(2)
    report(f"new code, in every replica after {ended - began:.1f} s", fates, began, ended)
    assert fates.failed() == {}
    assert fates.between(began, ended).all


def test_a_killed_replica_costs_no_more_than_what_it_held(running: Running, report: Report) -> None:
    with running.under_load() as fates:
        victim = running.replicas("Classifier")[0]
        began = time.monotonic()
        os.kill(victim["pid"], signal.SIGKILL)
        time.sleep(1)
        until(lambda: len([r for r in running.replicas("Classifier") if r["replica_id"] != victim["replica_id"]]) >= 2)
        ended = time.monotonic()
        time.sleep(2)
    report(f"killed replica, replaced after {ended - began:.1f} s", fates, began, ended)
    assert sum(fates.failed().values()) <= IN_FLIGHT
    assert fates.between(ended, float("inf")).failed() == {}


def test_a_killed_node_costs_no_more_than_what_it_held(running: Running, report: Report) -> None:
    with running.under_load() as fates:
        member = running.service.cluster.members[1]
        began = time.monotonic()
        kill([psutil.Process(member.process.pid)])
        time.sleep(1)
        until(lambda: all(len(running.replicas(stage)) >= 2 for stage in STAGES))
        ended = time.monotonic()
        time.sleep(2)
    report(f"killed node, whole again after {ended - began:.1f} s", fates, began, ended)
    assert sum(fates.failed().values()) <= 2 * IN_FLIGHT
    assert fates.between(ended, float("inf")).failed() == {}


def test_a_burst_brings_replicas_and_its_end_takes_them_away(running: Running, report: Report) -> None:
    until(lambda: running.stage("Classifier")["target_num_replicas"] == len(running.replicas("Classifier")) == 2)
    began = time.monotonic()
    with running.under_load(in_flight=80) as fates:
        until(lambda: running.stage("Classifier")["target_num_replicas"] > 2)
        decided = time.monotonic()
        until(lambda: len(running.replicas("Classifier")) > 2)
        ready = time.monotonic()
    report(f"burst, decided after {decided - began:.1f} s, ready {ready - decided:.1f} s later", fates, began, ready)
    assert set(fates.failed()) <= {"503"}
    until(lambda: len(running.replicas("Classifier")) == 2)


def test_a_service_whose_model_does_not_exist_says_so(running: Running) -> None:
    other = config(running.models, "digits@never")
    other["applications"][0] |= {"name": "other", "route_prefix": "/other"}
    both = localised(config(running.models, running.ask("/version")[1]["model"]), running.port)
    both["applications"] += other["applications"]
    running.service.put(both)
    with pytest.raises(UserError, match=r"application 'other' does not run[\s\S]*no model 'digits@never'"):
        running.service.settle(lambda line: None)
    assert running.ask("/healthz") == (200, "ok")
