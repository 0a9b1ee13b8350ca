"""The checks, by subject. Importing this package registers them in the order of the report."""

from rayeks.preflight.checks import (  # noqa: I001 - the order of the report
    place,
    rights,
    access,
    versions,
    addons,
    machines,
    vcpus,
    limits,
    network,
    images,
    reservations,
    names,
    cost,
    cluster,
)

__all__ = [
    "access",
    "addons",
    "cluster",
    "cost",
    "images",
    "limits",
    "machines",
    "names",
    "network",
    "place",
    "reservations",
    "rights",
    "vcpus",
    "versions",
]
