"""Mistakes that no single key shows: rules over whole sections of a stack file.

A rule runs when the sections it names are well-formed, so one report holds these mistakes together with misspelt
keys and wrong types. Importing a module adds its rules.
"""

from infra.config.rules import (
    accelerators,
    cluster,
    expected,
    headroom,
    hybrid,
    names,
    network,
    node_groups,
    observability,
    policies,
    pools,
    queueing,
    samples,
    schedulable,
    teams,
)
from infra.config.rules.base import RULES, Problem

__all__ = [
    "RULES",
    "Problem",
    "accelerators",
    "cluster",
    "expected",
    "headroom",
    "hybrid",
    "names",
    "network",
    "node_groups",
    "observability",
    "policies",
    "pools",
    "queueing",
    "samples",
    "schedulable",
    "teams",
]
