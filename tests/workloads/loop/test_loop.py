"""The loop's settings, manifests and gate, without a cluster."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rayeks.errors import UserError
from rayeks.launching.loop import await_model
from workloads import registry
from workloads.loop import spec
from workloads.loop.__main__ import parse
from workloads.manifests import ray_cron_job, ray_job
from workloads.serve import classifier
from workloads.serve.publish import publish
from workloads.spec import Job
from workloads.storage import open_storage

Judge = Callable[[dict[str, Any]], list[str]]
PLACES = ("checkpoints", "models", "input", "output")


def the_loop(**changes: Any) -> Job:
    places: dict[str, Any] = {f"{place}_uri": f"s3://b/{place}" for place in PLACES}
    return spec.job(**places, namespace="ray-a", image="ray", team="a", **changes)


def env(manifest: dict[str, Any]) -> dict[str, str]:
    head = manifest["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    return {entry["name"]: entry.get("value", "") for entry in head["env"]}


def test_the_crd_accepts_the_loop_and_the_pipeline(complaints: Judge) -> None:
    assert complaints(ray_job(the_loop())) == []
    assert complaints(ray_cron_job(spec.pipeline(the_loop(), schedule="0 3 * * 1-5", epochs=16))) == []


def test_the_pipeline_repeats_the_loop_with_parameters_of_its_own() -> None:
    once, timed = ray_job(the_loop(epochs=4)), ray_cron_job(spec.pipeline(the_loop(), schedule="@daily", epochs=16))
    assert env(once["spec"])["LOOP_EPOCHS"] == "4"
    assert env(timed["spec"]["jobTemplate"])["LOOP_EPOCHS"] == "16"
    assert timed["spec"]["jobTemplate"]["entrypoint"] == once["spec"]["entrypoint"] == "python -m workloads.loop"
    assert timed["spec"]["schedule"] == "@daily"


def test_what_the_manifest_says_is_what_the_command_line_reads() -> None:
    found = parse([], env(ray_job(the_loop(least_accuracy=0.95, workers=3))["spec"]))
    assert [getattr(found, place) for place in PLACES] == [f"s3://b/{place}" for place in PLACES]
    assert (found.least_accuracy, found.workers, found.profile) == (0.95, 3, "cpu")


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_is_not_said_is_asked_for(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [text for other in PLACES if other != place for text in (f"--{other}", "/x")]
    with pytest.raises(SystemExit):
        parse(arguments, {})
    assert f"--{place}" in capsys.readouterr().err


def test_a_model_below_the_threshold_is_registered_with_its_metrics_and_not_promoted(tmp_path) -> None:
    models = open_storage(str(tmp_path))
    good = classifier.baseline()[0]
    first = publish(models, good, [], least=0.8, metrics={"run": "a"})["digits"]
    with pytest.raises(registry.ModelError, match=r"is not promoted: accuracy is 0\.\d+, 0\.8 is the least"):
        publish(models, good | {"w2": np.zeros_like(good["w2"])}, [], least=0.8, metrics={"run": "b"})
    assert registry.resolve(models, "digits@production") == f"digits@{first}"
    bad = next(version for version in registry.versions(models, "digits") if version != first)
    assert registry.load(models, f"digits@{bad}").metrics["run"] == "b"


def test_a_service_that_takes_the_model_up_late_is_waited_for() -> None:
    answers = iter([OSError("not yet"), {"model": "digits@1"}, {"model": "digits@2"}])
    said: list[str] = []

    def ask() -> dict[str, str]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    await_model(ask, "digits@2", said.append, timeout_s=30)
    assert "digits@2 is served" in said[0]


def test_a_service_that_refuses_the_model_is_quoted() -> None:
    refusal = {"model": "digits@1", "refused": "digits@production: the model's w1 is (3, 64)"}
    with pytest.raises(UserError, match=r"does not serve digits@2 within 2 s; it says: .*w1 is \(3, 64\)"):
        await_model(lambda: refusal, "digits@2", lambda line: None, timeout_s=2)
