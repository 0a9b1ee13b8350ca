"""Training on a cluster of Ray's: a model in shards is the model, and its checkpoints are anybody's."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from workloads.train.driver import fit
from workloads.train.settings import DDP, FSDP, PROFILES, Placement, Settings

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def on_ray() -> Generator[Callable[..., list[dict[str, Any]]]]:
    """Train on two workers of one cluster for the module; returns what the run said."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)

        def run(**settings: Any) -> list[dict[str, Any]]:
            said: list[dict[str, Any]] = []
            fit(Settings(**settings), PROFILES["local"], Placement(workers=2), said.append)
            return said

        yield run
        ray.shutdown()


def test_a_model_in_shards_learns_what_a_whole_one_does_and_leaves_the_same_checkpoints(
    on_ray: Callable[..., list[dict[str, Any]]], train: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    whole = train(run="whole", epochs=3)[-1]
    sharded = on_ray(run="sharded", storage=str(tmp_path), epochs=2, strategy=FSDP)
    assert {row["world_size"] for row in sharded if "epoch" in row and "event" not in row} == {2}
    assert sharded[-1]["event"] == "finished"
    # The same run goes on in one process, whose model is whole.
    continued = train(run="sharded", epochs=3, strategy=DDP)
    assert next(row for row in continued if row.get("event") == "training")["first_epoch"] == 2
    assert continued[-1]["loss"] == pytest.approx(whole["loss"], abs=1e-3)
    assert continued[-1]["accuracy"] == pytest.approx(whole["accuracy"], abs=0.01)
    # And a tuned one begins in shards from weights that were trained whole.
    tuned = on_ray(
        run="tuned", storage=str(tmp_path), epochs=1, strategy=FSDP, base=whole["checkpoint"], learning_rate=1e-5
    )
    assert tuned[-1]["accuracy"] == pytest.approx(whole["accuracy"], abs=0.02)
