"""Prices of instances in the local AWS: on-demand as published (us-east-1, July 2026), spot derived from them."""

import hashlib

from moto.ec2.models.instance_types import INSTANCE_TYPES

# Dollars an hour for one vCPU: within these families the price follows the size.
PER_VCPU = {
    "c5": 0.0425,
    "c6a": 0.03825,
    "c6i": 0.0425,
    "c7a": 0.05132,
    "c7g": 0.03625,
    "c7i": 0.044625,
    "c8g": 0.03988,
    "c8i": 0.0468425,
    "m5": 0.048,
    "m6a": 0.0432,
    "m6i": 0.048,
    "m7a": 0.05796,
    "m7g": 0.0408,
    "m7i": 0.0504,
    "m8g": 0.04488,
    "m8i": 0.05292,
    "r5": 0.063,
    "r6i": 0.063,
    "r7g": 0.05355,
    "r7i": 0.06615,
    "r8g": 0.05892,
    "t3": 0.0208,
}
# Dollars an hour by type, where size does not tell the price.
BY_TYPE = {
    "g4dn.xlarge": 0.526,
    "g4dn.2xlarge": 0.752,
    "g4dn.4xlarge": 1.204,
    "g4dn.8xlarge": 2.176,
    "g4dn.12xlarge": 3.912,
    "g4dn.16xlarge": 4.352,
    "g5.xlarge": 1.006,
    "g5.2xlarge": 1.212,
    "g5.4xlarge": 1.624,
    "g5.8xlarge": 2.448,
    "g5.12xlarge": 5.672,
    "g5.16xlarge": 4.096,
    "g5.24xlarge": 8.144,
    "g5.48xlarge": 16.288,
    "g6.xlarge": 0.8048,
    "g6.2xlarge": 0.9776,
    "g6.4xlarge": 1.3232,
    "g6.8xlarge": 2.0144,
    "g6.12xlarge": 4.6016,
    "g6.16xlarge": 3.3968,
    "g6.24xlarge": 6.6752,
    "g6.48xlarge": 13.3504,
    "g6e.xlarge": 1.861,
    "g6e.2xlarge": 2.24208,
    "g6e.4xlarge": 3.00424,
    "g6e.8xlarge": 4.52856,
    "g6e.12xlarge": 10.49264,
    "g6e.16xlarge": 7.57719,
    "g6e.24xlarge": 15.06559,
    "g6e.48xlarge": 30.13118,
    "g7e.2xlarge": 3.36312,
    "g7e.4xlarge": 3.99816,
    "g7e.12xlarge": 8.28608,
    "g7e.24xlarge": 16.57216,
    "g7e.48xlarge": 33.14432,
    "p4d.24xlarge": 21.957642,
    "p4de.24xlarge": 27.44705,
    "p5.4xlarge": 6.88,
    "p5.48xlarge": 55.04,
    "p5en.48xlarge": 63.296,
    "p6-b200.48xlarge": 113.9328,
    "p6-b300.48xlarge": 142.416,
    "trn1.32xlarge": 21.5,
}


def on_demand(instance_type: str) -> float | None:
    """Dollars an hour for Linux, or None where no price is on record."""
    if instance_type in BY_TYPE:
        return BY_TYPE[instance_type]
    family = instance_type.split(".")[0]
    about = INSTANCE_TYPES.get(instance_type)
    if about is None or family not in PER_VCPU:
        return None
    return round(about["VCpuInfo"]["DefaultVCpus"] * PER_VCPU[family], 6)


def spot(instance_type: str, zone: str) -> float | None:
    """Dollars an hour on the simulated spot market: 30 to 50 % of on-demand, fixed for a type and zone."""
    full = on_demand(instance_type)
    if full is None:
        return None
    draw = int.from_bytes(hashlib.sha256(f"{instance_type}/{zone}".encode()).digest()[:2], "big") / 65535
    return round(full * (0.3 + 0.2 * draw), 6)
