"""From training to the registry: a classifier is judged on held-out rows before anything may serve it."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from workloads import digits, registry
from workloads.serve import classifier
from workloads.storage import Storage, open_storage

MODEL = "digits"


def publish(
    models: Storage,
    arrays: classifier.Arrays,
    tenants: Iterable[str],
    least: float,
    metrics: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Register and promote a classifier, and a head for each tenant fitted on the tenant's share of the rows.

    Returns name → version. ModelError when its held-out accuracy is below `least`: then nothing is promoted, and the
    version stays in the registry with its accuracy and whatever else `metrics` says of it.
    """
    train, held_out = digits.split()
    score = round(classifier.accuracy(arrays, held_out), 4)
    published = {MODEL: registry.register(models, MODEL, arrays, {**(metrics or {}), "accuracy": score})}
    registry.promote(models, MODEL, published[MODEL], least={"accuracy": least})
    tenants = list(tenants)
    for index, tenant in enumerate(tenants):
        own = np.arange(len(train.labels)) % len(tenants) == index
        head = classifier.fit_head(arrays, digits.Split(train.images[own], train.labels[own]))
        name = f"head-{tenant}"
        published[name] = registry.register(models, name, head, {"rows": int(own.sum())})
        registry.promote(models, name, published[name])
    return published


def trained(uri: str) -> classifier.Arrays:
    """The classifier of a training checkpoint. ModelError where it cannot be read whole."""
    from workloads.train import checkpoint  # needs PyTorch

    run, _, name = uri.rstrip("/").rpartition("/")
    try:
        return classifier.from_checkpoint(checkpoint.read(open_storage(run), name).state)
    except checkpoint.BrokenCheckpointError as error:
        raise registry.ModelError(f"checkpoint {uri} cannot be used: {error}") from error
