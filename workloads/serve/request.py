"""What may be asked of the service: one image, and whose head beside the shared classifier."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workloads import digits

Pixel = Annotated[float, Field(ge=0, le=16)]
Tenant = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class Request(BaseModel):
    """One image of 64 pixels, 0–16, and whose head is asked beside the shared classifier."""

    model_config = ConfigDict(extra="forbid")
    pixels: Annotated[list[Pixel], Field(min_length=digits.FEATURES, max_length=digits.FEATURES)]
    tenant: Tenant | None = None
