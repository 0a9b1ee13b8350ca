"""How the model lies over the workers: whole on each, or in shards; checkpoints are of one form for both."""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from workloads.train.settings import FSDP

WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def spread(model: nn.Module, strategy: str, device: torch.device) -> nn.Module:
    """The model on this worker's device: a replica (`ddp`), or with each layer's weights in shards (`fsdp`).

    Sharded, a layer is whole only while it computes, so weights, gradients and the optimiser's state take a share of
    memory on each worker; on GPUs it computes in bfloat16. Without a process group there is nobody to share with.
    """
    if strategy != FSDP or not dist.is_initialized():
        from ray.train.torch import prepare_model

        return prepare_model(model)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    half = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32, output_dtype=torch.float32)
    policy = half if device.type == "cuda" else MixedPrecisionPolicy()
    model.to(device)
    for layer in model.children():
        if any(True for _ in layer.parameters()):
            fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    return model


def state(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """What a checkpoint holds: whole tensors by the names of the bare model. All ranks call; rank 0 gets it.

    It must fit into the memory of one machine, as the model did before it was sharded.
    """
    return {
        "model": get_model_state_dict(model, options=WHOLE),
        "optimiser": get_optimizer_state_dict(model, optimiser, options=WHOLE),
    }


def restore(model: nn.Module, found: dict[str, Any], optimiser: torch.optim.Optimizer | None = None) -> None:
    """Take up the state of any number of workers, however they shared it; each rank its part."""
    set_model_state_dict(model, found["model"], options=WHOLE)
    if optimiser:
        set_optimizer_state_dict(model, optimiser, found["optimiser"], options=WHOLE)
