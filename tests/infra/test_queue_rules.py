"""Jobs that could never leave their queue are refused by the configuration."""

import pytest

from infra.config import InvalidPlatform, parse


def problems(values: dict) -> list[str]:
    try:
        parse(values)
    except InvalidPlatform as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_sample_that_fits_its_queue_is_let_through(changed) -> None:
    assert problems(changed("queues", {})) == []


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("pools.ray-cpu.limits.cpu", 6, "7 cpu of ray-cpu at once, and the queue never has over 6"),
        ("pools.ray-head.limits.memory_gib", 5, "memory of ray-head at once, and the queue never has over 5"),
        ("queues.start_timeout", "Never", "queues.start_timeout: a job that cannot start would hold its quota"),
        ("tenants.research.quota.memory", "900Mi", "tenants.research.quota.memory: 900Mi is less than 1Gi"),
    ],
)
def test_a_job_that_would_wait_for_ever_is_refused_with_path_and_fix(changed, path: str, value, told: str) -> None:
    changed("queues", {})
    found = problems(changed(path, value))
    assert any(told in problem for problem in found), found
    assert all("(" in problem for problem in found if problem.startswith(("samples", "queues")))
