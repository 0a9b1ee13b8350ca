"""The local AWS seen from outside its process: start it, stop it, ask how it is, and point clients at it."""

import json
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local import services
from local.aws.inventory import inventory

if TYPE_CHECKING:
    from local.kubernetes import Kubernetes

__all__ = ["ACCOUNT", "REGION", "LocalAws", "boot", "environment", "inventory", "start", "status", "stop"]

ACCOUNT = "123456789012"
REGION = "us-west-2"
SERVICE = "aws"


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS. `fresh`: it was started, and so emptied, by the very `start` that returned it."""

    endpoint: str
    region: str = REGION
    account: str = ACCOUNT
    fresh: bool = False
    boot: str = ""


def start(
    *,
    kubernetes: "Kubernetes | None" = None,
    port: int | None = None,
    progress: Callable[[str], None] = print,
) -> LocalAws:
    """Have the local AWS running; its EKS clusters answer with this Kubernetes as their API server.

    Its state dies with its process: a restart, also one for another Kubernetes, begins an empty account.
    UserError when the port is taken or the server does not come up.
    """
    port = services.claim_port(SERVICE, port)
    endpoint = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", "local.aws", "--port", str(port)]
    if kubernetes is not None:
        argv += ["--kubernetes-endpoint", kubernetes.endpoint, "--kubernetes-ca", str(kubernetes.ca)]
    service = services.Service(
        name=SERVICE, argv=argv, port=port, ready=lambda: boot(endpoint) is not None, timeout_s=60.0
    )
    running = services.start(service, progress=progress)
    return LocalAws(endpoint, fresh=running.started, boot=(boot(endpoint) or {}).get("boot", ""))


def stop(*, progress: Callable[[str], None] = print) -> bool:
    """End the local AWS, and with it all that is in it. True if it was running."""
    return services.stop(SERVICE, progress=progress)


def status() -> LocalAws | None:
    """The local AWS that runs and answers, or None."""
    running = services.running(SERVICE)
    if running is None:
        return None
    endpoint = f"http://127.0.0.1:{running.port}"
    answer = boot(endpoint)
    return LocalAws(endpoint, boot=answer["boot"]) if answer else None


def boot(endpoint: str) -> dict[str, Any] | None:
    """The server's own page: its boot id, which changes with every restart. None when it does not answer."""
    try:
        with urllib.request.urlopen(f"{endpoint}/rayeks/boot", timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def environment(endpoint: str) -> dict[str, str]:
    """The environment that points any AWS client at this endpoint, with keys that are worth nothing elsewhere.

    It takes the place of whatever `AWS_` variables there are: a profile beside it would be looked for in vain, and
    an empty one is no profile to some clients and one without a name to others.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
