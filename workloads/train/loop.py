"""What each training worker runs: the same code on one CPU, two CPUs or many GPUs."""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from ray import train
from ray.train.torch import get_device
from torch import nn

from workloads import digits
from workloads.storage import Storage, StorageError, open_storage
from workloads.telling import Say
from workloads.train import checkpoint, rows, sharding
from workloads.train.settings import Settings


class Classifier(nn.Sequential):
    """A two-layer perceptron from 64 pixels to ten digits."""

    def __init__(self, hidden: int) -> None:
        super().__init__(nn.Linear(digits.FEATURES, hidden), nn.ReLU(), nn.Linear(hidden, digits.CLASSES))


def train_worker(settings: Settings, say: Say) -> dict[str, Any]:
    """Train on this worker's share of every batch until the last epoch; rank 0 reports and checkpoints.

    Resumes after the newest whole checkpoint of the run. Returns the last epoch's metrics and the
    name of its checkpoint.
    """
    rank, world = train.get_context().get_world_rank(), train.get_context().get_world_size()
    device = get_device()
    if settings.in_process:
        # Ray gives each worker as many threads as CPUs. Here, threads would only wait for each other.
        torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    run = open_storage(settings.storage).child(settings.run)
    training, held_out = (
        (torch.from_numpy(part.images).to(device), torch.from_numpy(part.labels).to(device))
        for part in rows.load(settings.data)
    )
    model = sharding.spread(Classifier(settings.hidden), settings.strategy, device)
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)

    restored = _restore(run, rank, world, device, say)
    first, outcome = 0, {}
    if restored:
        sharding.restore(model, restored.state, settings.strategy, optimiser)
        first, outcome = restored.epoch + 1, {**restored.metrics, "checkpoint": restored.name}
    elif settings.base:
        sharding.restore(model, read_base(settings.base, settings.hidden).state, settings.strategy)
    if rank == 0:
        say({"event": "training", "first_epoch": first, "epochs": settings.epochs, "world_size": world})

    for epoch in range(first, settings.epochs):
        began = time.perf_counter()
        loss = _one_epoch(model, optimiser, training, settings, epoch, rank, world)
        row: dict[str, Any] = {"epoch": epoch, "loss": round(loss, 4), "world_size": world}
        row["accuracy"] = round(_accuracy(model, held_out), 4)
        row["seconds"] = round(time.perf_counter() - began, 3)
        preempted = train.get_preemption_info()
        last = epoch == settings.epochs - 1
        if last or preempted or (epoch + 1) % settings.checkpoint_every == 0:
            name = checkpoint.new_name(epoch)
            state = sharding.state(model, optimiser, settings.strategy)
            _report(row, name, state if rank == 0 else None, run if settings.in_process else None)
            outcome = {**row, "checkpoint": name}
        else:
            train.report(row)
        if rank == 0:
            say(row | ({"preempted_ranks": preempted.preempted_ranks} if preempted else {}))
    return outcome


def read_base(uri: str, hidden: int) -> checkpoint.Sealed:
    """The checkpoint that a run starts from. StorageError where it is not whole, or of another shape."""
    run, _, name = uri.rstrip("/").rpartition("/")
    try:
        found = checkpoint.read(open_storage(run), name)
    except checkpoint.BrokenCheckpointError as error:
        raise StorageError(f"base {uri} cannot be used: {error}") from error
    shapes, wanted = (
        {key: tuple(value.shape) for key, value in state.items()}
        for state in (found.state["model"], Classifier(hidden).state_dict())
    )
    if shapes != wanted:
        raise StorageError(f"base {uri} is of another model: it has {shapes}, --hidden {hidden} needs {wanted}")
    return found


def _restore(run: Storage, rank: int, world: int, device: torch.device, say: Say) -> checkpoint.Sealed | None:
    """The newest whole checkpoint: rank 0 chooses, so that no two ranks resume from different ones."""
    chosen = checkpoint.newest(run, lambda text: say({"event": "fallback", "detail": text})) if rank == 0 else None
    name = [chosen.name if chosen else None]
    if world > 1:
        dist.broadcast_object_list(name, src=0)
    return checkpoint.read(run, name[0], device) if name[0] else None


def _one_epoch(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    training: tuple[torch.Tensor, torch.Tensor],
    settings: Settings,
    epoch: int,
    rank: int,
    world: int,
) -> float:
    """One pass over the training rows, of which each rank takes its share of each batch; the mean loss."""
    images, labels = training
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(settings.seed * 100_003 + epoch))
    batches = shuffled[: len(labels) // settings.batch * settings.batch].view(-1, settings.batch)
    model.train()
    total = torch.zeros((), device=images.device)
    for batch in batches:
        share = batch[rank::world].to(images.device)
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(images[share]), labels[share])
        loss.backward()
        optimiser.step()
        total += loss.detach()
    if world > 1:
        dist.all_reduce(total)
    return float(total) / len(batches) / world


def _accuracy(model: nn.Module, held_out: tuple[torch.Tensor, torch.Tensor]) -> float:
    images, labels = held_out
    model.eval()
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())


def _report(row: dict[str, Any], name: str, state: dict[str, Any] | None, run: Storage | None) -> None:
    """Report with a checkpoint (its state on rank 0 alone), which Ray Train uploads.

    In a run inside one process Ray uploads nothing, so it is written into `run` here.
    """
    if state is None:
        train.report(row, checkpoint_dir_name=name)
        return
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.write(Path(folder), state, epoch=row["epoch"], metrics=row)
        if run:
            try:
                run.child(name).copy_in(Path(folder))
            except OSError as error:
                raise StorageError(f"checkpoint {run.uri}/{name} cannot be written: {error}") from error
        train.report(row, checkpoint=train.Checkpoint.from_directory(folder), checkpoint_dir_name=name)
