"""The controllers beside the local stack: told what their charts would tell them, with the rights of their roles."""

import json
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import boto3

from local import aws, controllers
from local.controllers import KUBERAY, KUEUE, Cloud
from local.files import write_json
from local.home import home
from rayeks.engine.api import Api
from rayeks.engine.servers import Servers

Say = Callable[[str], None]
TERMINATION = "karpenter.k8s.aws/termination"
CLASSES = "/apis/karpenter.k8s.aws/v1/ec2nodeclasses"
KUEUE_CRD = "clusterqueues.kueue.x-k8s.io"


def start(servers: Servers, cluster: str, say: Say) -> list[str]:
    """Have the scheduler, KWOK, Karpenter, KubeRay and, where the stack has queues, Kueue running; returns them.

    Karpenter asks the local AWS as the holder of the role that the stack made for it, and the local AWS asks for its
    rights from here on. UserError when one cannot be built or does not come up.
    """
    write_json(_record(), {"cluster": cluster})
    wanted = [KUBERAY] + [KUEUE] * (KUEUE_CRD in _crds(servers.api))
    _enforce(servers.aws.endpoint, True)
    controllers.start(wanted, cloud=cloud(servers, cluster), progress=say)
    return controllers.running()


def stop(say: Say) -> list[str]:
    """Stop what runs of them; nodes that they made stay."""
    if running := aws.status():
        _enforce(running.endpoint, False)
    return controllers.stop(progress=say)


@contextmanager
def for_teardown(servers: Servers, say: Say) -> Generator[None]:
    """Have Karpenter there while the stack is destroyed, if it ever was: it alone lets its nodes and classes go.

    It drains nodes and deletes the instance profiles that it made, and an EC2NodeClass keeps its finalizer until then.
    """
    if not _held(servers.api):
        yield
        stop(say)
        return
    say("Karpenter was here: it runs until its nodes and classes are gone")
    start(servers, json.loads(_record().read_text())["cluster"], say)
    try:
        yield
    finally:
        stop(say)


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


def _held(api: Api) -> bool:
    """Whether Karpenter has something to let go of."""
    if "ec2nodeclasses.karpenter.k8s.aws" not in _crds(api):
        return False
    return any(TERMINATION in item["metadata"].get("finalizers", ()) for item in api.get(CLASSES)["items"])


def _crds(api: Api) -> set[str]:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    return {item["metadata"]["name"] for item in api.get(path)["items"]}


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
