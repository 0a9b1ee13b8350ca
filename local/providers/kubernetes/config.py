"""The provider's own configuration, and when a change of it means another cluster and so new resources."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.providers.kubernetes.kubeconfig import Access, load
from local.providers.wire import UNKNOWN
from rayeks.errors import UserError

CLUSTER_KEYS = ("kubeconfig", "context", "cluster")
IDENTIFIER = "clusterIdentifier"


@dataclass(frozen=True)
class Settings:
    """What the provider was told; `kubeconfig` is None while it is unknown (a first preview)."""

    kubeconfig: str | None = None
    context: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    patch_force: bool = False
    upsert: bool = False
    configmap_mutable: bool = False
    secret_mutable: bool = False

    def access(self) -> Access:
        """The API server that these settings mean. Raises UserError for a bad kubeconfig."""
        return load(self.kubeconfig, context=self.context, cluster=self.cluster)


def _flag(args: Mapping[str, Any], key: str, variable: str, default: bool = False) -> bool:
    value = args.get(key)
    if value is None:
        value = os.environ.get(variable, default)
    return value is True or value == "true"


def parse(args: Mapping[str, Any]) -> Settings:
    """Settings from the provider's arguments, with pulumi-kubernetes' environment variables as its defaults.

    Raises UserError for client-side apply and YAML rendering, which are not represented, and without a kubeconfig:
    a local provider must never reach for whatever cluster this machine's user happens to be logged in to.
    """
    if not _flag(args, "enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", True):
        raise UserError(
            "enableServerSideApply is false, but the local Kubernetes provider only applies on the server side",
            "leave it out of the provider's arguments",
        )
    if args.get("renderYamlToDirectory"):
        raise UserError("renderYamlToDirectory is not supported by the local Kubernetes provider")
    if args.get("kubeconfig") in (None, ""):
        raise UserError(
            "the kubernetes provider has no kubeconfig; the one of this machine's user is never used",
            "create kubernetes.Provider(kubeconfig=…) and pass it on as `provider`, or set kubernetes:kubeconfig",
        )
    known = {key: args[key] for key in (*CLUSTER_KEYS, "namespace") if args.get(key) not in (None, "", UNKNOWN)}
    return Settings(
        **known,
        patch_force=_flag(args, "enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
        upsert=_flag(args, "upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
        configmap_mutable=_flag(args, "enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
        secret_mutable=_flag(args, "enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
    )


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The changed keys, and those of them that replace every resource of the provider.

    As DiffConfig in pulumi-kubernetes: another clusterIdentifier is another cluster; the same, set before and after, is
    the same cluster whatever the kubeconfig says, known or not. Without one, the active cluster entry decides, and
    an unknown kubeconfig is taken for another cluster.
    """
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if not changed:
        return [], []
    before, after = old.get(IDENTIFIER), new.get(IDENTIFIER)
    if before is not None and after is not None:
        return changed, ([] if before == after else [IDENTIFIER])
    unknown = [key for key in CLUSTER_KEYS if new.get(key) is UNKNOWN]
    if unknown:
        return changed, unknown
    if _active_cluster(old) == _active_cluster(new):
        return changed, []
    return changed, [key for key in CLUSTER_KEYS if key in changed]


def _active_cluster(args: Mapping[str, Any]) -> tuple[str, Any] | None:
    if not args.get("kubeconfig"):
        return None
    try:
        access = parse(args).access()
    except UserError:
        return None  # an old file that is gone says nothing about the cluster it led to
    return access.server, access.cluster.get("certificate-authority-data")
