"""Whether GPUs can be handed out as a node group says."""

from collections.abc import Iterator

from infra import gpus
from infra.config.node_groups import NodeGroup
from infra.config.rules.base import Problem, rule


@rule
def gpus_can_be_shared(node_groups: dict[str, NodeGroup]) -> Iterator[Problem]:
    for name, group in node_groups.items():
        path = f"node_groups.{name}"
        chosen = [key for key in ("sharing", "mig") if getattr(group, key)]
        chosen += ["devices"] if group.devices == "dra" else []
        if chosen and group.accelerator == "none":
            yield Problem(f"{path}.{chosen[0]}", "the group has no GPUs", "set accelerator: nvidia")
        if len(chosen) > 1:
            yield Problem(f"{path}.{chosen[1]}", f"cannot be with {chosen[0]} on one GPU", "make a group for each")
        if group.mig:
            yield from _mig_fits(f"{path}.mig", group.mig, group.instance_types)


def _mig_fits(path: str, profile: str, types: tuple[str, ...]) -> Iterator[Problem]:
    for kind in types:
        known = gpus.profiles(kind)
        if not known:
            fix = "MIG is of A100, H100, H200, B200 and RTX PRO 6000; use sharing here"
            yield Problem(path, f"the GPU of {kind} cannot be sliced", fix)
        elif profile not in known:
            yield Problem(path, f"{kind} has no profile {profile}", f"it has {', '.join(known)}")
