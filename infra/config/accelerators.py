"""How a managed node group hands out its GPUs: whole, in shares, in slices, or by claims."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from infra.config.base import Slice

MigProfile = Annotated[str, StringConstraints(pattern=r"^[1-7]g\.[0-9]+gb$")]


class Sharing(Slice):
    """Several pods on each GPU of a group.

    `time-slicing` takes turns, without any isolation of memory; `mps` runs at once, with an equal part of memory each.
    """

    mode: Literal["time-slicing", "mps"]
    replicas: Annotated[int, Field(ge=2, le=48)]
    """Pods that each GPU takes. NVIDIA's MPS knows at most 48 clients."""
