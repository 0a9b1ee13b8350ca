"""The few calls to a Kubernetes API server that a launch makes, with errors for people."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3

from rayeks.errors import UserError


class Api:
    """Ray objects of one kind in one namespace, and the pods behind them."""

    def __init__(self, kubeconfig: Path | str, namespace: str, kind: str) -> None:
        from kubernetes import client, config

        connection = client.Configuration()
        try:
            config.load_kube_config(str(kubeconfig), client_configuration=connection)
        except config.ConfigException as error:
            raise UserError(
                f"kubeconfig {kubeconfig} cannot be used: {error}", "bring the stack up, or write one for it"
            ) from error
        connection.retries = False
        self.namespace = namespace
        self.server = connection.host
        self.core: Any = client.CoreV1Api(client.ApiClient(connection))
        self.custom: Any = client.CustomObjectsApi(self.core.api_client)
        self.kind = kind
        self._objects = {"group": "ray.io", "version": "v1", "namespace": namespace, "plural": f"{kind.lower()}s"}

    def apply(self, manifest: dict[str, Any]) -> None:
        """Server-side apply: KubeRay's objects are too large for the client-side annotation."""
        self._call(
            self.custom.patch_namespaced_custom_object,
            name=manifest["metadata"]["name"],
            body=manifest,
            field_manager="rayeks",
            _content_type="application/apply-patch+yaml",
            **self._objects,
        )

    def read(self, name: str) -> dict[str, Any]:
        """The object; UserError when it is not there, or no longer."""
        return self._call(self.custom.get_namespaced_custom_object, name=name, **self._objects)

    def status(self, name: str) -> dict[str, Any]:
        """The object's status; UserError when it was deleted meanwhile."""
        return self.read(name).get("status", {})

    def waiting(self, cluster: str) -> list[str]:
        """Why pods of a Ray cluster do not run: the scheduler's or the kubelet's own words."""
        if not cluster:
            return []
        pods = self._call(
            self.core.list_namespaced_pod, self.namespace, label_selector=f"ray.io/cluster={cluster}"
        ).items
        reasons = []
        for pod in pods:
            reasons += [
                f"{pod.metadata.labels.get('ray.io/group', 'pod')} is not scheduled: {condition.message}"
                for condition in pod.status.conditions or []
                if condition.type == "PodScheduled" and condition.status == "False" and condition.message
            ]
            reasons += [
                f"{pod.metadata.name}: {waiting.reason}: {waiting.message or ''}".rstrip(": ")
                for container in pod.status.container_statuses or []
                if (waiting := container.state.waiting)
                and waiting.reason not in ("ContainerCreating", "PodInitializing")
            ]
        return reasons

    def submitters(self, name: str) -> list[Any]:
        """The pods of KubeRay's submitter job that have started; each prints the driver's log."""
        pods = self._call(
            self.core.list_namespaced_pod, self.namespace, label_selector=f"batch.kubernetes.io/job-name={name}"
        ).items
        return [pod for pod in pods if pod.status.phase in ("Running", "Succeeded", "Failed")]

    def _call(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        from kubernetes.client import ApiException

        try:
            return call(*args, **kwargs)
        except ApiException as error:
            raise self._explained(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise UserError(
                f"the API server {self.server} does not answer", "is the stack up, and the kubeconfig its own?"
            ) from error

    def _explained(self, error: Any) -> UserError:
        try:
            message = json.loads(error.body)["message"]
        except (ValueError, KeyError, TypeError):
            message = str(error.reason)
        if error.status == 404 and "namespaces" in message:
            return UserError(f"{self.server} has no namespace {self.namespace!r}", "is that tenant in the stack file?")
        if error.status == 404 and "page not found" in f"{error.body}":
            return UserError(
                f"{self.server} does not know {self.kind}s", "bring the stack up: it installs KubeRay's CRDs"
            )
        if error.status in (401, 403):
            return UserError(f"{self.server} refuses: {message}", "ask for a developer's role in that namespace")
        if error.status == 409:
            return UserError(
                f"the {self.kind} belongs to somebody else: {message}",
                "what the stack deploys is changed in the stack file; give another one a name of its own with --run",
            )
        return UserError(f"{self.server} refuses the {self.kind}: {message}")
