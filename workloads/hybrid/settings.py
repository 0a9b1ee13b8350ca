"""What the pipeline works on, and the kinds of machine that its stages are tied to."""

from dataclasses import dataclass

ETL, TRANSFORM, TRAIN, INFER = "etl", "transform", "train", "infer"
KINDS = (ETL, TRANSFORM, TRAIN, INFER)
"""Ray resources that tag machines, one of its own on each: a task that asks for a tag runs on that kind of machine
alone, and while nothing asks for it there need be none."""


@dataclass(frozen=True)
class Settings:
    """One run. Its folder holds what each stage leaves to the next, so a run that is started again goes on there.

    `files` are as many tasks of the first stage and of the last. `workers` machines train as a gang; at most `infer`
    classify. `profile` is the kind of machine that trains and classifies, as training calls it.
    """

    run: str
    storage: str
    rows: int = 7188
    files: int = 12
    epochs: int = 8
    workers: int = 2
    infer: int = 2
    profile: str = "local"

    @property
    def folder(self) -> str:
        """The run's own."""
        return f"{self.storage.rstrip('/')}/{self.run}"
