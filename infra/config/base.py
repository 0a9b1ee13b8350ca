"""The base of every configuration slice, and the small types that several of them share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Slice(BaseModel):
    """A frozen part of the stack file. Unknown keys are mistakes, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
"""A lower-case DNS label of at most 40 characters; it starts and ends every physical name.

ECR takes no two hyphens in a row.
"""

AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
Zone = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$")]
PolicyName = Annotated[str, StringConstraints(pattern=r"^([\w+=,.@-]+/)*[\w+=,.@-]{1,128}$")]
"""An IAM policy of the account, with its path if it has one."""
Principal = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[^\s*?]+)$")]
"""An IAM role or user, as an EKS access entry takes it: no session of one, no group."""
KeyArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$")]
TopicArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$")
]
SecretArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^\s*?]+$")
]
InstanceType = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")]
Count = Annotated[int, Field(ge=0, le=5000)]
DiskGib = Annotated[int, Field(ge=20, le=65536, description="GiB")]
"""A root volume: no smaller than the snapshot in EKS's AMIs."""
Gib = Annotated[int, Field(ge=1, le=65536, description="GiB")]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$")]
"""A Kubernetes quantity, such as `500m`, `16` or `64Gi`."""

Duration = Annotated[str, StringConstraints(pattern=r"^([0-9]+(s|m|h))+$|^Never$")]
"""A Go duration, such as `90s` or `720h`, or `Never`."""

Optimise = Literal["cost", "balanced", "performance"]
"""What to prefer among machines that would all do, as `infra.ranking` ranks them."""

LogRetention = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288
]
"""Days that CloudWatch Logs can keep a log group for; any other number is refused by AWS."""

EXAMPLES = {
    "^[a-z][a-z0-9]*(-[a-z0-9]+)*$": "ray-prod",
    "^[0-9]{12}$": "123456789012",
    "^[a-z]{2}(-[a-z]+)+-[0-9]$": "us-west-2",
    "^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$": "us-west-2a",
    r"^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[^\s*?]+)$": "arn:aws:iam::123456789012:role/admin",
    "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$": "arn:aws:kms:us-west-2:123456789012:key/…",
    r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^\s*?]+$": "arn:…:secret:name-AbCdEf",
    r"^[a-z0-9-]+\.[a-z0-9-]+$": "m7i.large",
    r"^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$": "64Gi",
    "^([0-9]+(s|m|h))+$|^Never$": "720h",
}
"""Pattern of a type above → a value of that form, for who wrote another."""
