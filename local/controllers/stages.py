"""What KWOK plays: nodes that become Ready, pods that become Running and go when they are deleted.

The stages are those of the pinned KWOK module. Not played: images, probes, exit codes, the programs in the containers.
A pod of a Job stays Running, since nothing in it ever ends.
"""

from pathlib import Path

import yaml

from local import golang
from local.files import write
from local.toolchain import FAMILIES

STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-delete.yaml",
)
PARALLEL = 32
"""Stages at once: with KWOK's default of 4, two pods a second become Running, with 32 about twelve."""


def write_config(path: Path) -> Path:
    """Write KWOK's configuration with its stages to `path`; the same text leaves the file as it is."""
    folder = golang.module_folder(FAMILIES / "kwok", "sigs.k8s.io/kwok") / "kustomize" / "stage"
    options = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "options": {
            "podPlayStageParallelism": PARALLEL,
            "nodePlayStageParallelism": PARALLEL,
            "nodeLeaseParallelism": PARALLEL,  # these have no defaults beside the other two
            "podsOnNodeSyncParallelism": PARALLEL,
        },
    }
    text = "---\n".join([yaml.safe_dump(options), *((folder / stage).read_text() for stage in STAGES)])
    if not path.exists() or path.read_text() != text:
        write(path, text)
    return path
