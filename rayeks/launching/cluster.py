"""A RayJob manifest run through KubeRay: applied under a name of its own, followed to its end, left by Ctrl-C."""

import copy
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3

from infra import contract
from rayeks.launching.api import Api
from rayeks.launching.result import Result, row_of
from rayeks.launching.shape import cluster_spec

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
    cluster = cluster_spec(launched)
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
    api = Api(kubeconfig, namespace, launched["kind"])
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
