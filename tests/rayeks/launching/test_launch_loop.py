"""A model's life on a real cluster: what is promoted is served and scores the data; what is not changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rayeks.launching.loop import loop
from workloads import registry
from workloads.loop import spec
from workloads.manifests import ray_job, ray_service
from workloads.serve import spec as serve
from workloads.storage import open_storage

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_good_model_is_promoted_served_and_applied_and_a_bad_one_is_not(
    s3: dict[str, str],
    keys: Callable[[str], list[str]],
    short_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    where: dict[str, Any] = {"namespace": "ray-a", "image": "ray", "team": "a"}
    places: dict[str, Any] = {
        f"{place}_uri": f"s3://runs/{place}" for place in ("checkpoints", "models", "input", "output")
    }
    small = {"LOOP_SAMPLE_ROWS": "1800"}
    manifests = {
        "loop": ray_job(spec.job(**where, **places, epochs=3, env=small)),
        "serve": ray_service(serve.service(**where, models_uri="s3://runs/models", model="digits@production")),
    }
    stack = {"workloads": {name: {"manifest": manifest} for name, manifest in manifests.items()}}
    models = open_storage("s3://runs/models")
    said: list[str] = []

    def run(**overrides: str):
        return loop(stack, local=True, env=s3, overrides=overrides, follow=said.append, progress=said.append)

    good = run()
    assert good.status == "SUCCEEDED", said
    assert good.final["event"] == "looped"
    model = good.final["model"]
    assert registry.resolve(models, "digits@production") == model
    assert registry.load(models, model).metrics["accuracy"] >= 0.9
    assert any(f"{model} is served" in line for line in said)
    version = model.partition("@")[2]
    assert good.final["output"] == f"s3://runs/output/{version}"
    assert len(keys(f"output/{version}/parts/")) == 24
    assert good.final["rows_out"] == 1800 - 16
    scored = len(keys("output/"))

    said.clear()
    bad = run(LOOP_EPOCHS="1", LOOP_LEAST_ACCURACY="0.9999", LOOP_SEED="1")
    assert bad.status == "FAILED"
    assert any("is not promoted: accuracy is" in line for line in said)
    assert registry.resolve(models, "digits@production") == model
    assert len(registry.versions(models, "digits")) == 2
    assert len(keys("output/")) == scored
    with capsys.disabled():
        print(f"\nloop: {good.seconds:.0f} s with the service, accuracy {good.final['accuracy']}")
