"""What the stack files of account/ say: whose pipelines may deploy what into one AWS account."""

from typing import Annotated

import pulumi
from pydantic import Field, StringConstraints, ValidationError

from infra.config.base import AccountId, Name, Region, Slice
from infra.config.storage import Bucket
from infra.iam import Aws

Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$")]
StackName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]


class Account(Slice):
    """One AWS account: its state bucket, and the roles of each stack that lives in it."""

    repository: Repository
    """OWNER/NAME on GitHub; no other repository's jobs can assume the roles."""
    stacks: dict[StackName, Name] = Field(min_length=1)
    """Stack → its `ray-on-eks:platform.name`. The GitHub environment that deploys it bears the stack's name."""
    state: Bucket = Bucket(noncurrent_days=365)
    region: Region
    account: AccountId

    @property
    def aws(self) -> Aws:
        """Where ARNs point."""
        return Aws(self.account, self.region)


def load() -> Account:
    """The account of the stack that Pulumi runs. Raises pulumi.RunError, printed without a traceback, for mistakes."""
    aws = pulumi.Config("aws")
    accounts = aws.get_object("allowedAccountIds") or []
    own = {"region": aws.get("region"), "account": accounts[0] if accounts else None}
    try:
        return Account.model_validate({**(pulumi.Config().get_object("account") or {}), **own})
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise pulumi.RunError("\n".join([f"Pulumi.{pulumi.get_stack()}.yaml:", *lines])) from None
