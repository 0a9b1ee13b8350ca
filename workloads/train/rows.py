"""The rows that a run learns from: those that ship with the package, or what a stage before has left in storage."""

import io

import numpy as np

from workloads import digits
from workloads.storage import Storage, StorageError, open_storage

FILES = ("training.npz", "held_out.npz")


def save(folder: Storage, training: digits.Split, held_out: digits.Split) -> None:
    """Leave rows for a run; the held-out ones last."""
    for name, part in zip(FILES, (training, held_out), strict=True):
        buffer = io.BytesIO()
        np.savez(buffer, images=part.images, labels=part.labels)
        folder.write(name, buffer.getvalue())


def load(uri: str | None) -> tuple[digits.Split, digits.Split]:
    """(training, held-out) rows of a folder; without one, the shipped ones.

    StorageError for a folder without them, and for rows that are not images of 64 pixels with a label of ten each.
    """
    if uri is None:
        return digits.split()
    folder = open_storage(uri)
    training, held_out = (_part(folder, name) for name in FILES)
    return training, held_out


def _part(folder: Storage, name: str) -> digits.Split:
    content = folder.read(name)
    if content is None:
        raise StorageError(f"there are no rows to train on: {folder.uri}/{name} does not exist")
    try:
        with np.load(io.BytesIO(content)) as arrays:
            images, labels = arrays["images"].astype(np.float32), arrays["labels"].astype(np.int64)
    except (ValueError, KeyError, OSError) as error:
        raise StorageError(f"{folder.uri}/{name} holds no rows: {error}") from error
    if images.ndim != 2 or images.shape[1] != digits.FEATURES or images.shape[0] != labels.shape[0]:
        raise StorageError(f"{folder.uri}/{name}: the model takes n × {digits.FEATURES}, the data is {images.shape}")
    if len(labels) and not (labels.min() >= 0 and labels.max() < digits.CLASSES):
        raise StorageError(f"{folder.uri}/{name}: labels are {labels.min()}–{labels.max()}, not 0–{digits.CLASSES - 1}")
    return digits.Split(images, labels)
