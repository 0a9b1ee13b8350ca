"""The samples of a stack as outputs: each one's manifest, and the command that launches it."""

from typing import Any

from infra.config import Platform


def launches(platform: Platform) -> dict[str, Any]:
    """Sample name → its manifest and the command that launches it."""
    return {}
