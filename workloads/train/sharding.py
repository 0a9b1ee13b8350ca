"""How the model lies over the workers: whole on each, or in shards; checkpoints are of one form for both.

A run that comes back after a loss waits for its workers' imports: what only shards need is imported for them alone.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from workloads.train.settings import FSDP

State = dict[str, Any]


def spread(model: nn.Module, strategy: str, device: torch.device) -> nn.Module:
    """The model on this worker's device: a replica (`ddp`), or with each layer's weights in shards (`fsdp`).

    Sharded, a layer is whole only while it computes, so weights, gradients and the optimiser's state take a share of
    memory on each worker; on GPUs it computes in bfloat16. A worker that is alone has nobody to share with.
    """
    if not _shared(strategy):
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


def state(model: nn.Module, optimiser: torch.optim.Optimizer, strategy: str) -> State:
    """What a checkpoint holds: whole tensors by the names of the bare model. All ranks call; rank 0 gets it.

    It must fit into the memory of one machine, as the model did before it was sharded.
    """
    if _shared(strategy):
        from torch.distributed.checkpoint import state_dict

        whole = state_dict.StateDictOptions(full_state_dict=True, cpu_offload=True)
        return {
            "model": state_dict.get_model_state_dict(model, options=whole),
            "optimiser": state_dict.get_optimizer_state_dict(model, optimiser, options=whole),
        }
    bare, found = _bare(model), optimiser.state_dict()
    names = dict(enumerate(name for name, _ in bare.named_parameters()))
    return {"model": bare.state_dict(), "optimiser": _renamed(found, names)}


def restore(model: nn.Module, found: State, strategy: str, optimiser: torch.optim.Optimizer | None = None) -> None:
    """Take up the state of any number of workers, however they shared it; each rank its part."""
    if _shared(strategy):
        from torch.distributed.checkpoint import state_dict

        whole = state_dict.StateDictOptions(full_state_dict=True, cpu_offload=True)
        state_dict.set_model_state_dict(model, found["model"], options=whole)
        if optimiser:
            state_dict.set_optimizer_state_dict(model, optimiser, found["optimiser"], options=whole)
        return
    bare = _bare(model)
    bare.load_state_dict(found["model"])
    if optimiser:
        numbers = {name: number for number, (name, _) in enumerate(bare.named_parameters())}
        optimiser.load_state_dict(_renamed(found["optimiser"], numbers))


def _shared(strategy: str) -> bool:
    return strategy == FSDP and dist.is_initialized() and dist.get_world_size() > 1


def _bare(model: nn.Module) -> nn.Module:
    return getattr(model, "module", model)


def _renamed(found: State, names: dict[Any, Any]) -> State:
    """An optimiser's state by other names of its parameters: PyTorch's optimisers number them, shards name them."""
    groups = [{**group, "params": [names[key] for key in group["params"]]} for group in found["param_groups"]]
    return {"state": {names[key]: value for key, value in found["state"].items()}, "param_groups": groups}
