"""The AWS and the Kubernetes of this machine, and whether they are still those that the state speaks of."""

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from local import aws, kubernetes
from local.files import write_json
from local.home import home
from rayeks.engine import recovery

Say = Callable[[str], None]


@dataclass(frozen=True)
class Servers:
    """Both servers, running."""

    aws: aws.LocalAws
    kubernetes: kubernetes.Kubernetes

    def identity(self) -> dict[str, str]:
        """What changes when a server has lost what it held, by server."""
        with urllib.request.urlopen(f"{self.aws.endpoint}/rayeks/boot", timeout=10) as answer:
            boot = json.load(answer)["boot"]
        return {"AWS": boot, "Kubernetes": kubernetes.identity(self.kubernetes)}
