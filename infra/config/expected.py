"""What a stack is expected to hold and move in a month: for the bill of `rayeks plan`; nothing is made from it."""

from typing import Annotated

from pydantic import Field

from infra.config.base import Name, Slice

Amount = Annotated[float, Field(ge=0, le=1e9)]


class Expected(Slice):
    """Use that AWS bills by the amount. GiB are what AWS's price lists call GB."""

    buckets_gib: dict[Name, Amount] = {}
    """Bucket → GiB that it holds, old versions included; 500 where nothing is said.

    A bucket that the platform keeps for itself, such as the bill's, counts as 10.
    """
    files_gib: Amount = 100
    """GiB on EFS, all of them at the standard class's price."""
    files_read_gib: Amount = 200
    files_written_gib: Amount = 50
    images_gib: Amount = 50
    """GiB of images in ECR, those that were pulled through included; layers are counted once."""
    nat_gib: Amount = 300
    """GiB through the NAT gateways: what no gateway endpoint carries."""
    endpoints_gib: Amount = 100
    """GiB through interface endpoints."""
    logs_gib: Amount = 10
    """GiB that each log group takes in."""
    run_hours: Annotated[float, Field(gt=0, le=744)] = 1
    """Hours that one run of a sample takes, from its first node to its last."""
    node_hours: dict[Name, Amount] = {}
    """Pool → node-hours of a month; a pool that is not named counts by the hour alone."""
