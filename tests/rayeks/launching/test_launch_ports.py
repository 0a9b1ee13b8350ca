"""Ports that somebody holds: they are passed over, and one that is taken at the last moment is told."""

import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from rayeks.errors import UserError
from rayeks.launching import nodes, workspace
from rayeks.launching.shape import Node, Shape


@pytest.fixture
def held() -> Generator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.2", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_held_is_not_given(monkeypatch: pytest.MonkeyPatch, short_home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(workspace, "PORTS", range(port, port + 2))
        assert workspace.free_ports(1) == [port + 1]
        with pytest.raises(UserError, match=rf"fewer than 2 loopback ports in {port}–{port + 2} are free"):
            workspace.free_ports(2)


@pytest.mark.ray
@pytest.mark.slow
def test_a_port_that_is_taken_before_the_head_starts_is_an_error_that_shows_rays_own_words(
    monkeypatch: pytest.MonkeyPatch, short_home: Path, held: int
) -> None:
    given = workspace.free_ports

    def first_is_taken(count: int) -> list[int]:
        return [held, *given(count)[1:]] if count == 3 else given(count)

    monkeypatch.setattr(workspace, "free_ports", first_is_taken)
    with pytest.raises(UserError, match="Ray node 0 ended with code"):
        nodes.start(Shape((Node("headgroup", 0),), ()), {}, auth=False, progress=lambda line: None, timeout_s=60)
