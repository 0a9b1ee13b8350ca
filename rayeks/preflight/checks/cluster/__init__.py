"""The checks of a cluster that is there already, by subject. Importing this package registers them in their order."""

from rayeks.preflight.checks.cluster import (  # noqa: I001 - the order of the report
    door,
    rights,
    nodes,
    storage,
    others,
    walls,
    brought,
)

__all__ = ["brought", "door", "nodes", "others", "rights", "storage", "walls"]
