"""The loop as it runs, on Ray of this machine: the new model is everywhere, or nothing has changed."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from workloads import registry
from workloads.loop.driver import Settings, run
from workloads.storage import open_storage

pytestmark = pytest.mark.ray


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    places: dict[str, Any] = {name: str(tmp_path / name) for name in ("checkpoints", "models", "input", "output")}
    return Settings(run="one", **places, epochs=3, workers=0, sample_rows=900, tenants=("acme",))


@pytest.fixture
def two_cpus(settings: Settings) -> Generator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("two_cpus")
def test_a_good_model_is_promoted_and_applied_and_a_bad_one_changes_nothing(settings: Settings) -> None:
    models = open_storage(settings.models)
    said: list[dict[str, Any]] = []
    final = run(settings, said.append)
    assert final["model"] == registry.resolve(models, "digits@production")
    assert registry.load(models, final["model"]).metrics["run"] == "one"
    assert registry.load(models, "head-acme").metrics["rows"] > 0
    assert (final["rows_out"], final["output"]) == (900 - 16, f"{settings.output}/{final['model'][7:]}")
    assert [row["event"] for row in said if row.get("event") in ("promoted", "looped")] == ["promoted", "looped"]

    bad = replace(settings, run="two", epochs=1, least_accuracy=0.9999)
    with pytest.raises(registry.ModelError, match="is not promoted"):
        run(bad, said.append)
    assert registry.resolve(models, "digits@production") == final["model"]
    assert len(open_storage(settings.output).names()) == 1
