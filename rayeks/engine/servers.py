"""The AWS and the Kubernetes of this machine, and whether they are still those that the state speaks of."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local import aws, controllers, kubernetes, services
from local.files import write_json
from local.home import home
from rayeks.engine.api import Api

Say = Callable[[str], None]


@dataclass(frozen=True)
class Servers:
    """Both servers, running."""

    aws: aws.LocalAws
    kubernetes: kubernetes.Kubernetes

    @property
    def api(self) -> Api:
        """The Kubernetes API server."""
        return Api(self.kubernetes.kubeconfig)

    def identity(self) -> dict[str, str]:
        """What changes when a server has lost all that it held, by server."""
        return {"the local AWS": self.aws.boot, "the local Kubernetes": self.api.identity()}


def start(say: Say) -> Servers:
    """Have both servers running. UserError when one can't be had."""
    cluster = kubernetes.start(nodes=bool(controllers.running()), progress=say)
    return Servers(aws.start(kubernetes=cluster, progress=say), cluster)


def stop(*, and_forget: bool = False) -> None:
    """Stop both servers; the AWS loses what it holds by that, the Kubernetes only when told to forget."""
    aws.stop()
    if and_forget:
        kubernetes.reset()
    else:
        kubernetes.stop()


def up() -> list[str]:
    """The servers that run, by name."""
    return [service.name for service in services.recorded() if service.alive]


def lost(servers: Servers) -> list[str]:
    """The servers that no longer hold what the state says, because they began anew since `remember`."""
    known = json.loads(_record().read_text()) if _record().exists() else {}
    return [name for name, identity in servers.identity().items() if known.get(name) != identity]


def remember(servers: Servers) -> None:
    """Note that the state speaks of what these servers hold."""
    write_json(_record(), servers.identity())


def forget() -> None:
    """Note that no server holds anything of the state."""
    _record().unlink(missing_ok=True)


def _record() -> Path:
    return home() / "servers.json"
