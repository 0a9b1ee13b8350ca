"""The service on a real cluster under a real load: kills and roll-outs, and the fate of every request."""

import asyncio
import os
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

pytestmark = [pytest.mark.ray, pytest.mark.slow]

IN_FLIGHT = 6
TENANTS = ["acme", "globex"]


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

    def replicas(self, stage: str) -> list[dict[str, Any]]:
        found = self.service.applications()["digits"]["deployments"][stage]["replicas"]
        return [replica for replica in found if replica["state"] == "RUNNING"]

    def roll_out(self, model: str) -> None:
        self.service.put(localised(config(self.models, model), self.port))

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        async def one() -> tuple[int, Any]:
            method = "POST" if body is not None else "GET"
            async with (
                aiohttp.ClientSession() as session,
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


def until(condition: Callable[[], Any], timeout_s: float = 120) -> float:
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


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Fates], None]:
    def say(what: str, fates: Fates) -> None:
        times = " and ".join(f"p{share} {fates.percentile(share / 100) * 1000:.0f} ms" for share in (50, 99))
        with capsys.disabled():
            print(f"\n{what}: {len(fates.all)} requests, failed {dict(fates.failed())}, {times}")

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


def test_a_new_model_replaces_the_old_one_without_a_lost_request(running: Running, report: Callable[..., None]) -> None:
    before = running.ask("/version")[1]["model"]
    replicas = {replica["replica_id"] for replica in running.replicas("Classifier")}
    version = registry.register(running.models, "digits", classifier.baseline()[0], {"accuracy": 0.9})
    with running.under_load() as fates:
        running.roll_out(f"digits@{version}")
        until(lambda: running.ask("/version")[1]["model"] == f"digits@{version}")
        time.sleep(2)
    report("new model", fates)
    assert fates.failed() == {}
    assert fates.models[before] > 0
    assert fates.models[f"digits@{version}"] > 0
    assert replicas <= {replica["replica_id"] for replica in running.replicas("Classifier")}


def test_a_model_that_does_not_fit_is_refused_and_the_service_goes_on(
    running: Running, report: Callable[..., None]
) -> None:
    before = running.ask("/version")[1]["model"]
    odd = registry.register(running.models, "digits", classifier.baseline()[0] | {"w1": np.zeros((3, 64))}, {})
    with running.under_load() as fates:
        running.roll_out(f"digits@{odd}")
        until(lambda: "refused" in running.ask("/version")[1])
    report("unfit model", fates)
    assert fates.failed() == {}
    assert set(fates.models) == {before}
    running.roll_out(before)
    until(lambda: "refused" not in running.ask("/version")[1])


def test_a_killed_replica_costs_no_more_than_what_it_held(running: Running, report: Callable[..., None]) -> None:
    with running.under_load() as fates:
        victim = running.replicas("Classifier")[0]
        os.kill(victim["pid"], signal.SIGKILL)
        time.sleep(1)
        seconds = until(
            lambda: len([r for r in running.replicas("Classifier") if r["replica_id"] != victim["replica_id"]]) >= 2
        )
        time.sleep(1)
    report(f"killed replica, replaced after {1 + seconds:.1f} s", fates)
    assert sum(fates.failed().values()) <= IN_FLIGHT


def test_a_killed_node_costs_no_more_than_what_it_held(running: Running, report: Callable[..., None]) -> None:
    with running.under_load() as fates:
        member = running.service.cluster.members[1]
        killed = time.monotonic()
        kill([psutil.Process(member.process.pid)])
        time.sleep(1)
        until(lambda: all(len(running.replicas(stage)) >= 2 for stage in ("Ingress", "Preprocess", "TenantHead")))
        seconds = time.monotonic() - killed
        time.sleep(1)
    report(f"killed node, whole again after {seconds:.1f} s", fates)
    assert sum(fates.failed().values()) <= 2 * IN_FLIGHT
    assert fates.between(killed + seconds, float("inf")).failed() == {}


def test_a_burst_brings_replicas_and_its_end_takes_them_away(running: Running, report: Callable[..., None]) -> None:
    before = len(running.replicas("Classifier"))
    with running.under_load(in_flight=80) as fates:
        seconds = until(lambda: len(running.replicas("Classifier")) > before)
    report(f"burst, another replica after {3 + seconds:.1f} s", fates)
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
