"""The run as Ray Train sees it: workers placed by profile, failures budgeted, rows relayed to the driver."""

import json
import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import ray
from ray.util.queue import Queue

from workloads.storage import Storage, open_storage
from workloads.telling import Say
from workloads.train.settings import Placement, Profile, Settings, TrainError

if TYPE_CHECKING:  # `ray.train` chooses these classes at run time, where type checkers see two generations of them
    from ray.train.v2.api.callback import UserCallback
    from ray.train.v2.api.config import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.api.exceptions import TrainingFailedError
    from ray.train.v2.torch.torch_trainer import TorchTrainer
else:
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig, TrainingFailedError, UserCallback
    from ray.train.torch import TorchTrainer
from ray.train.torch import TorchConfig

SNAPSHOT = "checkpoint_manager_snapshot.json"


class Told(UserCallback):
    """Says at once, from Ray Train's controller, that workers were lost; what follows is its business."""

    def __init__(self, rows: Queue) -> None:
        self._rows = rows

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        reasons = {rank: str(error).strip().splitlines() for rank, error in sorted(worker_exceptions.items())}
        detail = next((lines[-1][:200] for lines in reasons.values() if lines), "")
        self._rows.put({"event": "lost", "ranks": list(reasons), "detail": detail})


def fit_on_ray(settings: Settings, profile: Profile, placement: Placement, say: Say) -> dict[str, Any]:
    """Train on the cluster of `RAY_ADDRESS`, or on one of this machine; returns rank 0's outcome."""
    storage = open_storage(settings.storage)
    _forget_broken_snapshot(storage.child(settings.run), say)
    ray.init(log_to_driver=placement.worker_logs, logging_level=logging.WARNING, ignore_reinit_error=True)
    with _relay(say) as rows:
        trainer = TorchTrainer(
            _train_worker,
            train_loop_config={"settings": asdict(settings), "rows": rows},
            torch_config=TorchConfig(backend=profile.backend, timeout_s=int(profile.collective_timeout_s)),
            scaling_config=ScalingConfig(
                num_workers=placement.workers,
                use_gpu=profile.use_gpu,
                resources_per_worker=dict(profile.resources_per_worker),
                label_selector=profile.label_selector or None,
                placement_strategy=profile.placement_strategy,
                elastic_resize_monitor_interval_s=10,
            ),
            run_config=RunConfig(
                name=settings.run,
                storage_path=storage.path,
                storage_filesystem=storage.filesystem,
                failure_config=FailureConfig(max_failures=placement.max_failures),
                checkpoint_config=CheckpointConfig(num_to_keep=placement.keep_checkpoints),
                callbacks=[Told(rows)],
            ),
        )
        return _outcome(trainer)


def fit_in_process(train: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run the training loop here, without a cluster: for tests and first contact."""
    return _outcome(TorchTrainer(train, scaling_config=ScalingConfig(num_workers=0)))


def _outcome(trainer: TorchTrainer) -> dict[str, Any]:
    # `Result.metrics` is None in a run that had nothing left to train; what rank 0 returned always is there.
    try:
        result: Any = trainer.fit()
    except TrainingFailedError as error:
        failures = getattr(error, "worker_failures", {}) or {0: error}
        rank, failure = min(failures.items())
        last = (str(failure).strip().splitlines() or [type(failure).__name__])[-1]
        raise TrainError(f"training ended with a failure of worker {rank}: {last}") from error
    return result.return_value


def _train_worker(config: dict[str, Any]) -> dict[str, Any]:
    from workloads.train.loop import train_worker

    return train_worker(Settings(**config["settings"]), config["rows"].put)


@contextmanager
def _relay(say: Say) -> Generator[Queue]:
    """A queue beside the driver; its rows are told to `say` in order, all of them before the block is left."""
    here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
    rows = Queue(actor_options={"num_cpus": 0, "label_selector": here})

    def speak() -> None:
        while (row := rows.get()) is not None:
            say(row)

    speaker = threading.Thread(target=speak, name="metrics", daemon=True)
    speaker.start()
    try:
        yield rows
    finally:
        rows.put(None)
        speaker.join(timeout=10)
        rows.shutdown()


def _forget_broken_snapshot(run: Storage, say: Say) -> None:
    """Set Ray Train's own list of checkpoints aside where it would refuse to start from it.

    The list is Ray's bookkeeping alone: which checkpoint to resume from is decided by the seals.
    """
    content = run.read(SNAPSHOT)
    if content is None:
        return
    present = set(run.names())
    try:
        listed = {entry["checkpoint_dir_name"] for entry in json.loads(content)["checkpoint_results"]}
        problem = f"names missing checkpoints: {', '.join(sorted(listed - present))}" if listed - present else ""
    except (ValueError, KeyError, TypeError):
        problem = "is not readable"
    if problem:
        say({"event": "fallback", "detail": f"{run.uri}/{SNAPSHOT} {problem}: set aside"})
        run.write(f"{SNAPSHOT}.broken", content)
        run.delete(SNAPSHOT)
