"""Packs the dashboards that Ray generates for Grafana: `python -m local.ray_dashboards`, after Ray's version changed.

Ray writes them on a head that runs; a platform wants them before. They lie here so that a plan needs no Ray.
"""

import gzip
import json
import os
from pathlib import Path

from local.home import root

FOLDER = "infra/dashboards/ray"
NAMES = ("default", "data", "serve", "serve_deployment", "train")
"""Of Ray's generators; those of `ray.serve.llm` are for stacks that serve language models."""


def generated() -> dict[str, str]:
    """Dashboard by name, as the installed Ray makes it, without white space."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    from ray.dashboard.modules.metrics import grafana_dashboard_factory as factory

    texts = {name: getattr(factory, f"generate_{name}_grafana_dashboard")()[0] for name in NAMES}
    return {name: json.dumps(json.loads(text), separators=(",", ":")) for name, text in texts.items()}


def path(name: str) -> Path:
    """Where a dashboard lies."""
    return root() / FOLDER / f"ray-{name.replace('_', '-')}.json.gz"


if __name__ == "__main__":
    for name, text in generated().items():
        path(name).write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
        print(f"{path(name)}: {path(name).stat().st_size} bytes")
