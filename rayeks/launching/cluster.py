"""A RayJob manifest run through KubeRay: applied under a name of its own, followed to its end, left by Ctrl-C."""

import copy
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3

from infra import contract
from rayeks.errors import UserError
from rayeks.launching.result import Result, row_of

NAME_LENGTH = 47
ENDED = {"Complete", "Failed", "ValidationFailed"}
MEANING = {
    "": "waiting for KubeRay",
    "Initializing": "the Ray cluster is being brought up",
    "Waiting": "waiting for the job's id",
    "Running": "the job is running",
    "Suspended": "waiting in the queue",
    "Suspending": "being suspended by the queue",
    "Retrying": "failed; KubeRay starts it again on a new cluster",
}

Follow = Callable[[str], None]


def named(manifest: dict[str, Any], name: str, env: Mapping[str, str]) -> dict[str, Any]:
    """The manifest under a name of its own, with `env` on every Ray container, over what they had."""
    launched = copy.deepcopy(manifest)
    launched["metadata"]["name"] = name[:NAME_LENGTH].rstrip("-")
    cluster = launched["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster.get("workerGroupSpecs", [])):
        container = group["template"]["spec"]["containers"][0]
        kept = [entry for entry in container.get("env", []) if entry["name"] not in env]
        container["env"] = kept + [{"name": key, "value": value} for key, value in sorted(env.items())]
    return launched


def launch_kubernetes(
    manifest: dict[str, Any],
    kubeconfig: Path | str,
    *,
    name: str,
    env: Mapping[str, str],
    follow: Follow = print,
    progress: Follow = print,
    variable: str = contract.RUN_VARIABLE,
    poll_s: float = 2.0,
) -> Result:
    """Apply a RayJob under `name` and follow it to its end; `follow` gets the driver's log, a line at a time.

    Ctrl-C leaves the job running (status DETACHED) and says how to watch and stop it. UserError when the API
    server, KubeRay's resources or the namespace are not there, or when the manifest is refused.
    """
    began = time.monotonic()
    launched = named(manifest, name, {variable: name, **env})
    name, namespace = launched["metadata"]["name"], launched["metadata"]["namespace"]
    api = Api(kubeconfig, namespace)
    api.apply(launched)
    progress(f"RayJob {namespace}/{name} applied")
    logs = Logs(api, name, follow)
    said: set[str] = set()
    try:
        while True:
            status = api.status(name)
            state = status.get("jobDeploymentStatus", "")
            for text in (MEANING.get(state, ""), *(api.waiting(status.get("rayClusterName", "")))):
                if text and text not in said:
                    said.add(text)
                    progress(f"{text} ({time.monotonic() - began:.0f} s)")
            if state in ENDED:
                break
            logs.pick_up()
            time.sleep(poll_s)
    except KeyboardInterrupt:
        progress(
            f"left running. Watch: kubectl -n {namespace} get rayjob {name} -w; "
            f"stop: kubectl -n {namespace} delete rayjob {name}"
        )
        return Result(name, "DETACHED", time.monotonic() - began, "left running", logs.rows)
    logs.finish()
    outcome = status.get("jobStatus") or "FAILED"
    outcome = outcome if state == "Complete" else "FAILED"
    message = ": ".join(part for part in (status.get("reason"), status.get("message")) if part)
    return Result(name, outcome, time.monotonic() - began, message, logs.rows)


class Api:
    """The few calls to a Kubernetes API server that a launch makes, with errors for people."""

    def __init__(self, kubeconfig: Path | str, namespace: str) -> None:
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
        self._jobs = {"group": "ray.io", "version": "v1", "namespace": namespace, "plural": "rayjobs"}

    def apply(self, manifest: dict[str, Any]) -> None:
        """Server-side apply: KubeRay's objects are too large for the client-side annotation."""
        self._call(
            self.custom.patch_namespaced_custom_object,
            name=manifest["metadata"]["name"],
            body=manifest,
            field_manager="rayeks",
            _content_type="application/apply-patch+yaml",
            **self._jobs,
        )

    def status(self, name: str) -> dict[str, Any]:
        """The RayJob's status; UserError when it was deleted meanwhile."""
        return self._call(self.custom.get_namespaced_custom_object, name=name, **self._jobs).get("status", {})

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
            return UserError(f"{self.server} does not know RayJobs", "bring the stack up: it installs KubeRay's CRDs")
        if error.status in (401, 403):
            return UserError(f"{self.server} refuses: {message}", "ask for a developer's role in that namespace")
        return UserError(f"{self.server} refuses the RayJob: {message}")


class Logs:
    """The driver's log, followed from one submitter pod to the next; each in a thread of its own."""

    def __init__(self, api: Api, name: str, follow: Follow) -> None:
        self.rows: list[dict[str, Any]] = []
        self._api, self._name, self._follow = api, name, follow
        self._threads: dict[str, threading.Thread] = {}

    def pick_up(self) -> None:
        """Follow submitters that have started since the last call."""
        for pod in self._api.submitters(self._name):
            if pod.metadata.name not in self._threads:
                thread = threading.Thread(target=self._stream, args=(pod.metadata.name,), daemon=True)
                self._threads[pod.metadata.name] = thread
                thread.start()

    def finish(self) -> None:
        """Read what is left."""
        self.pick_up()
        for thread in self._threads.values():
            thread.join(timeout=20)

    def _stream(self, pod: str) -> None:
        from kubernetes.client import ApiException

        try:
            stream = self._api.core.read_namespaced_pod_log(
                pod, self._api.namespace, follow=True, _preload_content=False
            )
            for line in _lines(stream):
                self._follow(line)
                if (row := row_of(line)) is not None:
                    self.rows.append(row)
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            reason = str(error).splitlines()[0]
            self._follow(
                f"(the log of {pod} cannot be followed: {reason}; kubectl -n {self._api.namespace} logs {pod})"
            )


def _lines(stream: Any):
    rest = b""
    for chunk in stream.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
