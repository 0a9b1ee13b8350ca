"""What a batch job reads, writes and applies, and how much of a machine each stage takes."""

from dataclasses import dataclass

BASELINE = "baseline"


@dataclass(frozen=True)
class Settings:
    """From where to where, and by which model: a reference in the registry, or `baseline`, which needs none."""

    input: str
    output: str
    models: str | None = None
    model: str = BASELINE


@dataclass(frozen=True)
class Profile:
    """What the stages ask of Ray. A classifying actor takes a share of a GPU, or CPUs where there is none.

    On a cluster, machines with GPUs give Ray no CPUs: so reading and writing stay off them, and nothing starts one
    before there is something to classify.
    """

    read_cpus: float
    write_cpus: float
    actor_cpus: float
    actor_gpus: float = 0


PROFILES = {
    "local": Profile(read_cpus=0.5, write_cpus=0.25, actor_cpus=0.2),
    "cpu": Profile(read_cpus=1, write_cpus=0.5, actor_cpus=1),
    "gpu": Profile(read_cpus=1, write_cpus=0.5, actor_cpus=0, actor_gpus=1),
}
