"""The arithmetic behind the service: a two-layer classifier in NumPy, and heads fitted on its features."""

from typing import Any, NamedTuple

import numpy as np

from workloads import digits

PARTS = {"w1": (digits.FEATURES, None), "b1": (None,), "w2": (None, digits.CLASSES), "b2": (digits.CLASSES,)}
BASELINE = "baseline"
Arrays = dict[str, np.ndarray]


class Prediction(NamedTuple):
    """For n rows: hidden features (n × width) and class probabilities (n × 10)."""

    features: np.ndarray
    probabilities: np.ndarray


def check(arrays: Arrays) -> Arrays:
    """The arrays as float32. ValueError when they are not those of a classifier of these images."""
    if set(arrays) != set(PARTS):
        raise ValueError(f"the model has {sorted(arrays)}, a classifier has {sorted(PARTS)}")
    width = arrays["b1"].shape[0] if arrays["b1"].ndim == 1 else -1
    for part, shape in PARTS.items():
        expected = tuple(width if size is None else size for size in shape)
        if arrays[part].shape != expected:
            raise ValueError(f"the model's {part} is {arrays[part].shape}, the data needs {expected}")
    return {part: array.astype(np.float32) for part, array in arrays.items()}


def predict(arrays: Arrays, images: np.ndarray) -> Prediction:
    """Classify rows of 64 pixels, 0–1."""
    features = np.maximum(images @ arrays["w1"] + arrays["b1"], 0)
    return Prediction(features, softmax(features @ arrays["w2"] + arrays["b2"]))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def baseline() -> tuple[Arrays, float]:
    """Nearest centroid, written as a classifier, and its held-out accuracy: a model without any training."""
    train, held_out = digits.split()
    centroids = np.stack([train.images[train.labels == digit].mean(axis=0) for digit in range(digits.CLASSES)])
    arrays = {
        "w1": np.eye(digits.FEATURES),
        "b1": np.zeros(digits.FEATURES),
        "w2": 2 * centroids.T,
        "b2": -(centroids**2).sum(axis=1),
    }
    return check(arrays), accuracy(arrays, held_out)


def accuracy(arrays: Arrays, rows: digits.Split) -> float:
    """The share of rows whose digit is told."""
    return float((predict(arrays, rows.images).probabilities.argmax(axis=1) == rows.labels).mean())


def fit_head(arrays: Arrays, rows: digits.Split, ridge: float = 1.0) -> Arrays:
    """A tenant's own last layer: ridge regression on the shared features of the tenant's rows."""
    features = predict(arrays, rows.images).features
    design = np.hstack([features, np.ones((len(features), 1), features.dtype)])
    targets = np.eye(digits.CLASSES)[rows.labels]
    solved = np.linalg.solve(design.T @ design + ridge * np.eye(design.shape[1]), design.T @ targets)
    return {"weight": solved[:-1].astype(np.float32), "bias": solved[-1].astype(np.float32)}


def head_digits(head: Arrays, features: np.ndarray) -> list[int]:
    """The digits that a tenant's head sees in rows of features. ValueError for a head of another width."""
    if head["weight"].shape[0] != features.shape[-1]:
        raise ValueError(
            f"the head takes {head['weight'].shape[0]} features, the classifier gives {features.shape[-1]}"
        )
    return (features @ head["weight"] + head["bias"]).argmax(axis=-1).tolist()


def from_checkpoint(state: dict[str, Any]) -> Arrays:
    """The classifier in the state of a training checkpoint (`workloads.train`)."""
    layers = {name: tensor.detach().cpu().numpy() for name, tensor in state["model"].items()}
    return check(
        {"w1": layers["0.weight"].T, "b1": layers["0.bias"], "w2": layers["2.weight"].T, "b2": layers["2.bias"]}
    )
