"""Typed Karpenter pools: each kind is a promise of `infra.contract` to the jobs that ask for it by name."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from infra.config.base import Count, DiskGib, Duration, Gib, InstanceType, Name, Optimise, Slice, Zone
from infra.config.node_groups import ReservationRef

CapacityType = Literal["reserved", "spot", "on-demand"]


class Limits(Slice):
    """What a pool may hold at once; Karpenter launches nothing beyond it."""

    cpu: Annotated[int, Field(ge=1, description="vCPUs")]
    memory_gib: Gib
    gpus: Count = 0
    nodes: Annotated[int, Field(ge=1, le=5000)] | None = None


class Maintenance(Slice):
    """When Karpenter may replace nodes that have drifted (a new AMI, changed settings): hours in UTC, no others."""

    day: Literal["daily", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "daily"
    start: Annotated[int, Field(ge=0, le=23, description="hour")]
    hours: Annotated[int, Field(ge=1, le=23)]


class _Pool(Slice):
    limits: Limits
    weight: Annotated[int, Field(ge=1, le=100)] = 10
    """Higher is tried first where a pod fits several pools."""
    root_gib: DiskGib = 200
    """The root volume: Ray and CUDA images need at least 100 GiB, Karpenter's default is 20."""
    expire_after: Duration = "720h"
    consolidate_after: Duration = "30m"
    """How long an idle machine is kept for who comes next, counted from when the last pod left. A pod that finds one
    starts at once instead of after one or two minutes and the images' download (docs/cost-of-a-day.md)."""
    headroom: Annotated[int, Field(ge=0, le=100)] = 0
    """Workers' worth of room that is kept warm, and paid for, so that so many pods start without waiting for a node."""
    prepull: bool = False
    """Fetch the stack's Ray images when a node joins, before the first pod asks for them."""

    @model_validator(mode="before")
    @classmethod
    def _whole_gpus(cls, given: Any) -> Any:
        for key in ("sharing", "mig"):
            if isinstance(given, dict) and key in given:
                raise ValueError(f"{key} is for node_groups: Karpenter takes every share for a whole GPU")
        return given

    maintenance: Maintenance | None = None
    """When drifted nodes may be replaced; absent: at any time, within the kind's budget."""


class _Choosing(_Pool):
    """A pool that leaves the instance type to Karpenter, within bounds."""

    optimise: Optimise | None = None
    """What to prefer among the types that the pool may use, as `infra.ranking` ranks them; absent: nothing, Karpenter
    takes the cheapest that fits."""
    prefer: tuple[InstanceType, ...] = Field((), max_length=50)
    """Types to try first, in a NodePool of their own beside one for the rest; absent: those that `optimise` finds."""
    zones: tuple[Zone, ...] = ()


class _Flexible(_Choosing):
    """A pool over whole categories of CPU machines."""

    categories: tuple[Literal["c", "m", "r", "i"], ...] = Field(min_length=1)
    min_generation: Annotated[int, Field(ge=4, le=9)] = 6
    min_vcpus: Annotated[int, Field(ge=2)]
    max_vcpus: Annotated[int, Field(ge=2)] | None = None
    """Karpenter packs pods onto big nodes without comparing prices, so the pods that a pool serves bound it; absent:
    `infra.packing` finds the bound from the stack's own jobs."""
    min_families: Annotated[int, Field(ge=1, le=50)] = 1
    """Spot diversity: Karpenter must keep at least so many instance families to choose from."""


class HeadPool(_Flexible):
    """Ray heads: on-demand, one taint of their own, never moved while they run."""

    kind: Literal["ray-head"]
    categories: tuple[Literal["c", "m", "r", "i"], ...] = ("m", "r")
    min_vcpus: int = 2
    root_gib: DiskGib = 100


class CpuPool(_Flexible):
    """CPU workers: spot first, over many families."""

    kind: Literal["ray-cpu"]
    capacity: tuple[CapacityType, ...] = ("spot", "on-demand")
    categories: tuple[Literal["c", "m", "r", "i"], ...] = ("c", "m", "r")
    min_vcpus: int = 4
    min_families: Annotated[int, Field(ge=1, le=50)] = 5


class DataPool(_Flexible):
    """Data workers: memory, and NVMe for spilling."""

    kind: Literal["ray-data"]
    capacity: tuple[CapacityType, ...] = ("spot", "on-demand")
    categories: tuple[Literal["c", "m", "r", "i"], ...] = ("r", "i")
    min_vcpus: int = 4
    min_families: Annotated[int, Field(ge=1, le=50)] = 3
    min_nvme_gib: Gib = 400


class GpuInferPool(_Choosing):
    """Inference and small fine-tuning: one GPU family or several, spot first."""

    kind: Literal["ray-gpu-infer"]
    families: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], ...] = Field(("g6", "g6e"), min_length=1)
    capacity: tuple[CapacityType, ...] = ("spot", "on-demand")
    max_gpus_per_node: Annotated[int, Field(ge=1, le=8)] | None = None
    """Absent: as many as the stack's own jobs fill, `infra.packing`."""


class GpuTrainPool(_Pool):
    """Multi-node training: one instance type in one zone, in a placement group, never consolidated."""

    kind: Literal["ray-gpu-train"]
    instance_type: InstanceType
    zone: Zone
    capacity: tuple[CapacityType, ...] = ("on-demand",)
    placement_group: Name | None = None
    reservations: tuple[ReservationRef, ...] = ()
    root_gib: DiskGib = 500
    expire_after: Duration = "Never"


Pool = Annotated[HeadPool | CpuPool | DataPool | GpuInferPool | GpuTrainPool, Field(discriminator="kind")]
