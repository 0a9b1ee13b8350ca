"""The controllers beside the local stack: told what their charts would tell them, with the rights of their roles."""

import json
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3

from infra import queueing
from infra.config import Platform
from local import aws, controllers
from local.controllers import Cloud
from local.files import write_json
from local.home import home
from rayeks.engine.api import Api
from rayeks.engine.servers import Servers

Say = Callable[[str], None]
CRD = "ec2nodeclasses.karpenter.k8s.aws"


@dataclass(frozen=True)
class Told:
    """What the controllers are told of a stack: the cluster's name, and Kueue's configuration where it has queues."""

    cluster: str
    kueue: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, platform: Platform) -> "Told":
        """What a stack's configuration says of it."""
        queues = platform.queues
        return cls(platform.name, queueing.configuration(queues) if queues else None)


def start(servers: Servers, told: Told, say: Say) -> list[str]:
    """Have the scheduler, KWOK, Karpenter, KubeRay and, where the stack has queues, Kueue running; returns them.

    Karpenter asks the local AWS as the holder of the role that the stack made for it, and the local AWS asks for its
    rights from here on. UserError when one cannot be built or does not come up.
    """
    write_json(_record(), asdict(told))
    _enforce(servers.aws.endpoint, True)
    controllers.start(cloud=cloud(servers, told.cluster), kueue=told.kueue, progress=say)
    return controllers.running()


def stop(say: Say) -> list[str]:
    """Stop what runs of them; nodes that they made stay."""
    if running := aws.status():
        _enforce(running.endpoint, False)
    return controllers.stop(progress=say)


@contextmanager
def for_teardown(servers: Servers, say: Say) -> Generator[None]:
    """Have the controllers there while the stack is destroyed, if they ever were: they alone let go of what they hold.

    Karpenter drains nodes and deletes the instance profiles that it made; EC2NodeClasses and queues keep a finalizer
    until their controller takes it off.
    """
    if not _record().exists() or not _known(servers.api):
        yield
        return
    say("the controllers were here: they run until what they hold is gone")
    start(servers, Told(**json.loads(_record().read_text())), say)
    try:
        yield
    finally:
        stop(say)
    _record().unlink()


def cloud(servers: Servers, cluster: str) -> Cloud:
    """What Karpenter is told, as its chart's values say it, and the credentials of its own role."""
    session = boto3.Session("test", "test", region_name=servers.aws.region)
    endpoint = servers.aws.endpoint
    role = f"arn:aws:iam::{servers.aws.account}:role/{cluster}-karpenter"
    sts = session.client("sts", endpoint_url=endpoint)
    keys = sts.assume_role(RoleArn=role, RoleSessionName="karpenter")["Credentials"]
    return Cloud(
        settings={
            "cluster-name": cluster,
            "cluster-endpoint": servers.kubernetes.endpoint,
            "interruption-queue": cluster,
        },
        environment=aws.environment(endpoint)
        | {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
        },
    )


def _known(api: Api) -> bool:
    """Whether the API server still knows Karpenter's objects; one that began anew does not."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    return any(item["metadata"]["name"] == CRD for item in api.get(path)["items"])


def _enforce(endpoint: str, on: bool) -> None:
    """Whether the local AWS asks assumed roles for their rights; it never asks the account's owner."""
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0" if on else b"inf", headers={"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


def _record() -> Path:
    folder = home() / "controllers"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "stack.json"
