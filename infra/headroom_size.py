"""How large the pods are that hold a pool's headroom: as large as those that they hold it for."""

from infra import contract, instances
from infra.config.pools import GpuTrainPool, Pool
from workloads.sizes import CPU_WORKER, GPU_WORKER
from workloads.spec import Head, Resources


def worker(pool: Pool) -> Resources:
    """What one worker of the pool requests, as the samples' do; of a training pool, a whole machine's workers."""
    if pool.kind == contract.RAY_HEAD.name:
        return Head().resources
    if not contract.POOLS[pool.kind].gpu:
        return CPU_WORKER
    known = instances.facts(pool.instance_type) if isinstance(pool, GpuTrainPool) else None
    whole = max(1, known.gpus) if known else 1
    return Resources(cpu=GPU_WORKER.cpu * whole, memory_gib=GPU_WORKER.memory_gib * whole, gpus=whole)
