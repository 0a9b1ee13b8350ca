"""An S3 that does not answer, for each sample: one line that names it, before anything is started."""

from collections.abc import Callable

import pytest

from workloads.data.__main__ import main as data
from workloads.hybrid.__main__ import main as hybrid
from workloads.loop.__main__ import main as loop
from workloads.serve.__main__ import main as serve
from workloads.train.__main__ import main as train

PLACE = "s3://bucket/prefix"
COMMANDS: dict[Callable[[list[str]], int], list[str]] = {
    train: ["--storage", PLACE],
    data: ["--input", PLACE, "--output", PLACE],
    hybrid: ["--storage", PLACE],
    loop: ["--checkpoints", PLACE, "--models", PLACE, "--input", PLACE, "--output", PLACE],
    serve: ["publish", "--models", PLACE],
}


@pytest.mark.parametrize("main", COMMANDS, ids=lambda main: main.__module__.split(".")[1])
def test_an_endpoint_that_does_not_answer_is_named_before_ray_starts(
    main: Callable[[list[str]], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ray

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert main(COMMANDS[main]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("error: S3 endpoint http://127.0.0.1:9 (from AWS_ENDPOINT_URL) is not reachable")
    assert not ray.is_initialized()
