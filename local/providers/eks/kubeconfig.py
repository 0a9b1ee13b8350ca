"""The kubeconfig that the component hands out: on EKS tokens by the AWS CLI, locally a client certificate."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.providers.eks.graph import Child, Ref, computed
from rayeks.errors import UserError

TOKEN_API = "client.authentication.k8s.io/v1beta1"


def kubeconfig(cluster: Child, user: Mapping[str, Any]) -> dict[str, Any]:
    """A kubeconfig of one cluster and one user, with the cluster's endpoint and authority as references."""
    return {
        "apiVersion": "v1",
        "clusters": [
            {
                "cluster": {
                    "server": Ref(cluster, "endpoint"),
                    "certificate-authority-data": Ref(cluster, "certificateAuthority.data"),
                },
                "name": "kubernetes",
            }
        ],
        "contexts": [{"context": {"cluster": "kubernetes", "user": "aws"}, "name": "aws"}],
        "current-context": "aws",
        "kind": "Config",
        "users": [{"name": "aws", "user": dict(user)}],
    }


def token_user(cluster: Child, credentials: Mapping[str, Any], *, profile: bool) -> dict[str, Any]:
    """The user whose token the AWS CLI fetches, as the role or (for Pulumi's own use) the profile given."""
    arguments = ["--region", computed(_region, Ref(cluster, "arn")), "eks", "get-token"]
    arguments += ["--cluster-name", Ref(cluster, "name"), "--output", "json"]
    if credentials.get("roleArn"):
        arguments += ["--role", credentials["roleArn"]]
    if profile and credentials.get("profileName"):
        arguments += ["--profile", credentials["profileName"]]
    info = json.dumps({"apiVersion": TOKEN_API})
    environment = [{"name": "KUBERNETES_EXEC_INFO", "value": info}]
    return {"exec": {"apiVersion": TOKEN_API, "command": "aws", "args": arguments, "env": environment}}


def certificate_user(path: Path) -> dict[str, str]:
    """The client certificate and key, by path, of the user in a kubeconfig file.

    By path, so that no key enters Pulumi's state. Raises UserError when the file is missing or has no paths.
    """
    fix = "start the local Kubernetes with `rayeks up local`, which writes this file and sets RAYEKS_KUBECONFIG"
    try:
        document = yaml.safe_load(path.read_text())
        user = document["users"][0]["user"]
        return {key: user[key] for key in ("client-certificate", "client-key")}
    except (OSError, yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        raise UserError(f"{path} names no client certificate and key: {error}", fix) from error


def as_json(document: Any) -> Any:
    """The document as compact JSON."""
    return computed(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False), document)


def _region(arn: str) -> str:
    return arn.split(":")[3]
