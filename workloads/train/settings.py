"""What a run learns, where it is placed and what machines differ in: frozen data, decided once by the driver."""

from dataclasses import dataclass, field

DDP, FSDP = STRATEGIES = ("ddp", "fsdp")
"""The model whole on each worker, or in shards over all of them."""


class TrainError(Exception):
    """A run that failed more often than it may; the message has the last failure's own words."""


@dataclass(frozen=True)
class Settings:
    """What a run learns and how; equal settings and seed give equal results for any number of workers."""

    run: str
    storage: str
    epochs: int = 8
    batch: int = 32
    learning_rate: float = 3e-3
    hidden: int = 64
    seed: int = 0
    checkpoint_every: int = 1
    in_process: bool = False
    data: str | None = None
    """A folder with the rows to learn from; the shipped digits without one."""
    base: str | None = None
    """A checkpoint of another run (`<storage>/<run>/epoch-…`) to start from: its weights, to be tuned."""
    strategy: str = DDP


@dataclass(frozen=True)
class Placement:
    """How many workers, and what failures they survive.

    `workers` is a count, a (least, most) range, or 0 for a run inside this process without a cluster.
    """

    workers: int | tuple[int, int] = 2
    max_failures: int = 3
    keep_checkpoints: int = 3
    worker_logs: bool = False


ELASTIC_START_S = 20.0


@dataclass(frozen=True)
class Profile:
    """The machine-dependent half of a training run; times are in seconds.

    `health_check_s` also paces `ray.train.report`: the controller takes one report an interval, so a long
    interval stretches short epochs (ten reports took 20 s at Ray's default of 2 s).
    """

    use_gpu: bool
    backend: str
    resources_per_worker: dict[str, float]
    label_selector: dict[str, str] = field(default_factory=dict)
    placement_strategy: str = "PACK"
    """How the gang's placement group spreads: STRICT_SPREAD has a machine for each worker, or waits."""
    health_check_s: float = 1.0
    start_timeout_s: float = 600.0
    collective_timeout_s: float = 300.0
    preemption_poll_s: float = 2.0

    def environment(self, *, elastic: bool = False) -> dict[str, str]:
        """Ray Train's own variables; the driver sets them before it imports Ray, which hands them on.

        An elastic run starts with the machines that there are, so it waits for none: after a loss Ray Train asks for
        the old number until it has learnt better, and each time waits as long as it may.
        """
        start_s = min(self.start_timeout_s, ELASTIC_START_S) if elastic else self.start_timeout_s
        return {
            "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": str(self.health_check_s),
            "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(start_s),
            "RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S": str(self.preemption_poll_s),
        }


# On a cluster a worker group may wait for machines: ten minutes cover an EC2 launch and an image pull.
PROFILES: dict[str, Profile] = {
    "local": Profile(
        use_gpu=False,
        backend="gloo",
        resources_per_worker={"CPU": 1},
        health_check_s=0.2,
        start_timeout_s=60,
        collective_timeout_s=30,
        preemption_poll_s=0.5,
    ),
    "cpu": Profile(use_gpu=False, backend="gloo", resources_per_worker={"CPU": 1}),
    "gpu": Profile(use_gpu=True, backend="nccl", resources_per_worker={"GPU": 1}),
}
