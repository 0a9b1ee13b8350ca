"""The stages as plain Ray tasks and actors, each tied to its kind of machine by a tag; each tells when it was busy."""

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import ray
from ray.util import ActorPool

from workloads import digits
from workloads.data.generate import table
from workloads.data.rows import sift
from workloads.hybrid.settings import ETL, INFER, TRAIN, TRANSFORM, Settings
from workloads.serve import classifier
from workloads.serve.device import Device
from workloads.storage import Storage, StorageError, open_storage
from workloads.telling import Say
from workloads.train import checkpoint, rows
from workloads.train.driver import fit
from workloads.train.settings import PROFILES, Placement
from workloads.train.settings import Settings as TrainSettings

Span = tuple[str, float, float]
"""What a machine did: its Ray node, from when until when (seconds of the day's clock)."""


def etl(settings: Settings) -> Iterator[Span]:
    """Raw rows to clean features, a file a task with one CPU each, on the machines tagged `etl`."""
    clean = ray.remote(num_cpus=1, resources={ETL: 0.01}, max_retries=-1)(_clean)
    missing = sorted(set(_names(settings)) - set(open_storage(settings.folder).child("clean").names()))
    pending = [clean.remote(settings, name) for name in missing]
    while pending:
        (done,), pending = ray.wait(pending)
        yield ray.get(done)


def transform(settings: Settings) -> Iterator[Span]:
    """All features in one memory: shuffled, a fifth held out. On one machine tagged `memory`."""
    whole = ray.remote(num_cpus=1, resources={TRANSFORM: 1}, max_retries=-1)(_transform)
    yield ray.get(whole.remote(settings))


def train(settings: Settings, say: Say) -> dict[str, Any]:
    """Train on a gang: one placement group with a bundle on each of `workers` machines tagged `train`, or none yet."""
    profile = PROFILES[settings.profile]
    tagged = replace(
        profile,
        resources_per_worker=profile.resources_per_worker | {TRAIN: 1},
        placement_strategy="STRICT_SPREAD",
        start_timeout_s=600,
    )
    job = TrainSettings(
        run="train", storage=settings.folder, epochs=settings.epochs, data=f"{settings.folder}/features"
    )
    return fit(job, tagged, Placement(workers=settings.workers), say)


def infer(settings: Settings, model: str) -> Iterator[Span]:
    """Classify every clean row with the model of a checkpoint, on at most `infer` machines tagged so."""
    gpu = PROFILES[settings.profile].use_gpu
    share: dict[str, Any] = {"num_gpus": 1, "num_cpus": 0} if gpu else {"num_cpus": 1}
    missing = sorted(set(_names(settings)) - set(open_storage(settings.folder).child("scored").names()))
    classify = ray.remote(max_restarts=-1, max_task_retries=-1, resources={INFER: 1}, **share)(Classify)
    actors = [classify.remote(settings, model) for _ in range(min(settings.infer, len(missing)))]
    if actors:
        yield from ActorPool(actors).map_unordered(lambda actor, name: actor.run.remote(name), missing)


class Classify:
    """Keeps the trained model on its device from file to file."""

    def __init__(self, settings: Settings, model: str) -> None:
        began = time.time()
        run, _, name = model.rpartition("/")
        self._folder = open_storage(settings.folder)
        self._device = Device(gpu=PROFILES[settings.profile].use_gpu)
        self._device.take(classifier.from_checkpoint(checkpoint.read(open_storage(run), name).state))
        self._since: float | None = began

    def run(self, name: str) -> Span:
        """Score one file."""
        began, self._since = self._since or time.time(), None
        found = _read(self._folder.child("clean"), name)
        predicted = self._device.predict(found["images"]).probabilities.argmax(axis=1)
        _write(self._folder.child("scored"), name, ids=found["ids"], labels=found["labels"], digits=predicted)
        return _span(began)


def result(settings: Settings) -> dict[str, Any]:
    """What came out, read back: as many rows as were clean, none twice, and the share of digits that are right."""
    folder = open_storage(settings.folder)
    scored = [_read(folder.child("scored"), name) for name in _names(settings)]
    ids = np.concatenate([part["ids"] for part in scored])
    right = sum(int((part["digits"] == part["labels"]).sum()) for part in scored)
    if len(np.unique(ids)) != len(ids) or len(ids) != settings.rows:
        raise StorageError(
            f"{folder.uri}: {len(ids)} rows came out of {settings.rows}, {len(np.unique(ids))} of them distinct"
        )
    return {"rows": len(ids), "right": round(right / len(ids), 4)}


def _clean(settings: Settings, name: str) -> Span:
    began, index = time.time(), _names(settings).index(name)
    first, last = (settings.rows * each // settings.files for each in (index, index + 1))
    good, _ = sift(table(first, last - first))
    folder = open_storage(settings.folder).child("clean").ready()
    _write(folder, name, ids=good.ids, images=good.images, labels=good.labels)
    return _span(began)


def _transform(settings: Settings) -> Span:
    began, folder = time.time(), open_storage(settings.folder)
    parts = [_read(folder.child("clean"), name) for name in _names(settings)]
    images, labels = (np.concatenate([part[key] for part in parts]) for key in ("images", "labels"))
    order = np.random.default_rng(0).permutation(len(labels))
    cut = len(order) // 5
    held_out, training = (digits.Split(images[share], labels[share]) for share in (order[:cut], order[cut:]))
    rows.save(folder.child("features").ready(), training, held_out)
    folder.child("scored").ready()
    return _span(began)


def _names(settings: Settings) -> list[str]:
    return [f"{index:05d}.npz" for index in range(settings.files)]


def _span(began: float) -> Span:
    return ray.get_runtime_context().get_node_id(), began, time.time()


def _write(folder: Storage, name: str, **arrays: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # ty: ignore[invalid-argument-type]
    folder.write(name, buffer.getvalue())


def _read(folder: Storage, name: str) -> dict[str, np.ndarray]:
    content = folder.read(name)
    if content is None:
        raise StorageError(f"{folder.uri}/{name} does not exist: an earlier stage has not left it")
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)
