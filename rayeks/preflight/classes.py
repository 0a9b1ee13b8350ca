"""Which vCPU quota of EC2 an instance type counts against, on demand and on the spot market. Pure data."""

import re
from dataclasses import dataclass

ON_DEMAND, SPOT = "on-demand", "spot"


@dataclass(frozen=True)
class VcpuQuota:
    """A vCPU quota of EC2. `code` is empty where AWS publishes none: it must be found by `name`."""

    code: str
    name: str
    market: str


def _quotas(market: str, *rows: tuple[str, str, str]) -> dict[str, VcpuQuota]:
    return {key: VcpuQuota(code, name, market) for key, code, name in rows}


ON_DEMAND_QUOTAS = _quotas(
    ON_DEMAND,
    ("standard", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    ("g", "L-DB2E81BA", "Running On-Demand G and VT instances"),
    ("p", "L-417A185B", "Running On-Demand P instances"),
    ("trn", "L-2C3B7624", "Running On-Demand Trn instances"),
    ("inf", "L-1945791B", "Running On-Demand Inf instances"),
    ("x", "L-7295265B", "Running On-Demand X instances"),
    ("f", "L-74FC7D96", "Running On-Demand F instances"),
    ("dl", "L-6E869C2A", "Running On-Demand DL instances"),
    ("hpc", "L-F7808C92", "Running On-Demand HPC instances"),
    ("high-memory", "L-43DA4232", "Running On-Demand High Memory instances"),
)
SPOT_QUOTAS = _quotas(
    SPOT,
    ("standard", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
    ("g", "L-3819A6DF", "All G and VT Spot Instance Requests"),
    ("p4", "L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests"),
    ("p5", "L-C4BD4855", "All P5 Spot Instance Requests"),
    ("p6", "", "All P6 Spot Instance Requests"),
    ("trn", "L-6B0D517C", "All Trn Spot Instance Requests"),
    ("inf", "L-B5D1601B", "All Inf Spot Instance Requests"),
    ("x", "L-E3A00192", "All X Spot Instance Requests"),
    ("f", "L-88CF9481", "All F Spot Instance Requests"),
    ("dl", "L-85EED4F7", "All DL Spot Instance Requests"),
)
"""Source: EC2 user guide, "Amazon EC2 instance type quotas"; EC2 splits P on the spot market by generation."""

PREFIXES = {
    "dl": "dl",
    "f": "f",
    "g": "g",
    "gr": "g",
    "hpc": "hpc",
    "inf": "inf",
    "p": "p",
    "trn": "trn",
    "u": "high-memory",
    "vt": "g",
    "x": "x",
}
"""The letters before a family's first digit → its class. Other letters are standard by their first: im4gn is an I."""

STANDARD = "acdhimrtz"


def instance_class(instance_type: str) -> str | None:
    """The class that EC2 counts a type in; None for what has no vCPU quota (Mac, which runs on dedicated hosts)."""
    match = re.match(r"[a-z]+", instance_type)
    letters = match[0] if match else ""
    if letters in PREFIXES:
        return PREFIXES[letters]
    return "standard" if letters[:1] in STANDARD and letters != "mac" else None


def quota(instance_type: str, market: str) -> VcpuQuota | None:
    """The quota that a running instance of the type counts against, or None where there is none."""
    kind = instance_class(instance_type)
    if kind is None:
        return None
    if market == ON_DEMAND:
        return ON_DEMAND_QUOTAS[kind]
    if kind == "p":
        generation = re.match(r"p(\d+)", instance_type)
        number = int(generation[1]) if generation else 0
        kind = "p4" if number <= 4 else f"p{number}"
    return SPOT_QUOTAS.get(kind)
