"""A real data set of 45 kB that ships with the package, so that every sample runs on real input anywhere."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

PATH = Path(__file__).with_name("digits.npz")
CLASSES = 10
FEATURES = 64


class Split(NamedTuple):
    """Rows of `images` (float32, n × 64, 0–1) and `labels` (int64, n)."""

    images: np.ndarray
    labels: np.ndarray


def load() -> Split:
    """All 1,797 digits in their published order."""
    with np.load(PATH) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    return Split((images.reshape(-1, FEATURES) / 16.0).astype(np.float32), labels.astype(np.int64))


def split(held_out: int = 360, seed: int = 0) -> tuple[Split, Split]:
    """(training, held-out) rows; the same for every process given the same seed."""
    images, labels = load()
    order = np.random.default_rng(seed).permutation(len(labels))
    train, test = order[held_out:], order[:held_out]
    return Split(images[train], labels[train]), Split(images[test], labels[test])
