"""Shards and whole models exchange their checkpoints: two processes without a cluster, and the same model whole."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.tensor import DTensor

from workloads.train import sharding
from workloads.train.settings import DDP, FSDP


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))


def step(trained: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    trained(torch.ones(3, 8)).square().sum().backward()
    optimiser.step()


def work(rank: int, folder: str) -> None:
    """What each of two workers does: goes on from a whole model's state, and leaves its own."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    sharded = sharding.spread(model(), FSDP, torch.device("cpu"))
    held = sum(part.to_local().numel() for part in sharded.parameters() if isinstance(part, DTensor))
    assert 0 < held < sum(part.numel() for part in model().parameters())
    optimiser = torch.optim.Adam(sharded.parameters())
    sharding.restore(sharded, torch.load(f"{folder}/whole.pt"), FSDP, optimiser)
    step(sharded, optimiser)
    found = sharding.state(sharded, optimiser, FSDP)
    if rank == 0:
        torch.save(found, f"{folder}/sharded.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_workers_in_shards_go_on_where_a_whole_model_was_and_it_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    whole = model()
    optimiser = torch.optim.Adam(whole.parameters())
    step(whole, optimiser)
    torch.save(sharding.state(whole, optimiser, DDP), tmp_path / "whole.pt")
    mp.spawn(work, args=(str(tmp_path),), nprocs=2)
    step(whole, optimiser)
    other = model()
    taken = torch.optim.Adam(other.parameters())
    sharding.restore(other, torch.load(tmp_path / "sharded.pt"), DDP, taken)
    for _ in range(2):
        assert torch.allclose(other(torch.eye(8)), whole(torch.eye(8)), atol=1e-6)
        step(whole, optimiser)
        step(other, taken)


def test_a_worker_that_is_alone_keeps_the_model_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    alone = model()
    before = alone(torch.eye(8))
    optimiser = torch.optim.Adam(alone.parameters())
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    try:
        sharding.restore(alone, sharding.state(alone, optimiser, FSDP), FSDP, optimiser)
    finally:
        dist.destroy_process_group()
    assert torch.equal(alone(torch.eye(8)), before)
