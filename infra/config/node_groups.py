"""Sizes and choices of managed node groups, placement groups and capacity reservations."""

from typing import Annotated, Literal

from pydantic import Field

from infra.config.accelerators import MigProfile, Sharing
from infra.config.base import Count, DiskGib, InstanceType, Name, Slice, Zone

ReservationId = Annotated[str, Field(pattern=r"^cr-[0-9a-f]{8,17}$")]
ReservationRef = Annotated[str, Field(pattern=r"^(cr-[0-9a-f]{8,17}|[a-z][a-z0-9]*(-[a-z0-9]+)*)$", max_length=40)]
"""A reservation of this stack file by its name, or one that is there already by its id."""


class Taint(Slice):
    """A taint of a managed node group, in Kubernetes' spelling."""

    key: Annotated[
        str, Field(pattern=r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$", max_length=63)
    ]
    value: Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")] = "true"
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"] = "NoSchedule"


class WarmPool(Slice):
    """Instances that were started once, pulled their images and stopped: they join fast, at the price of a disk."""

    size: Count = Field(ge=1)
    state: Literal["stopped", "running"] = "stopped"


class NodeGroup(Slice):
    """One managed node group: capacity that is there whether or not Karpenter runs."""

    instance_types: tuple[InstanceType, ...] = Field(min_length=1, max_length=20)
    capacity: Literal["on-demand", "spot", "capacity-block"] = "on-demand"
    min: Count
    max: Count = Field(ge=1)
    desired: Count
    disk_gib: DiskGib = 100
    accelerator: Literal["none", "nvidia"] = "none"
    taints: tuple[Taint, ...] = ()
    zones: tuple[Zone, ...] = ()
    """The zones to use; empty means all of the network's."""
    local_disks: Literal["none", "raid0"] = "none"
    """`raid0` joins the instance's NVMe disks and puts images and scratch on them."""
    sharing: Sharing | None = None
    """Hand each GPU out to several pods; they ask for `nvidia.com/gpu.shared` in the pool `ray-gpu-shared`."""
    mig: MigProfile | None = None
    """Slice each GPU into equal parts of this profile; pods ask for `nvidia.com/mig-<profile>`."""
    devices: Literal["plugin", "dra"] = "plugin"
    """`dra` hands GPUs out by resource claims (Kubernetes 1.34 or newer) and not by counts."""
    efa: bool = False
    """One EFA interface on every network card, in the group that lets members exchange anything."""
    placement_group: Name | None = None
    reservation: ReservationRef | None = None
    warm_pool: WarmPool | None = None


class PlacementGroup(Slice):
    """An EC2 placement group. `cluster` lives in one zone; `partition` and `spread` may span them."""

    strategy: Literal["cluster", "partition", "spread"] = "cluster"
    partitions: Annotated[int, Field(ge=1, le=7)] | None = None


class Reservation(Slice):
    """An on-demand capacity reservation: paid from the moment it is made, used or not."""

    instance_type: InstanceType
    zone: Zone
    count: Count = Field(ge=1)
    placement_group: Name | None = None
    """Made inside the group; a cluster group and a reservation outside it never find each other."""
