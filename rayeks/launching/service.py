"""A RayService manifest run on this machine: its cluster, its Serve config put through the same REST API."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from rayeks.errors import UserError
from rayeks.launching import leftovers, nodes, workspace
from rayeks.launching.machine import machine, terminable
from rayeks.launching.result import Result
from rayeks.launching.shape import shape, token_auth

Config = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """A running service: where it answers, and the cluster below it."""

    url: str
    cluster: nodes.Cluster

    def put(self, config: Config) -> None:
        """Ask for another declarative config; what did not change in it goes on untouched."""
        _call(self.cluster, "PUT", config)

    def applications(self) -> dict[str, Any]:
        """Serve's account of every application: status, message, deployments with their replicas."""
        return _call(self.cluster, "GET").get("applications", {})

    def settle(self, progress: nodes.Progress, timeout_s: float = 180) -> None:
        """Wait until every application runs. UserError, with Serve's reason, for one that cannot."""
        began = spoken = time.monotonic()
        while True:
            found = self.applications()
            states = {name: application["status"] for name, application in found.items()}
            if states and set(states.values()) == {"RUNNING"}:
                return
            for name, application in found.items():
                if application["status"] in ("DEPLOY_FAILED", "UNHEALTHY"):
                    raise UserError(f"application {name!r} does not run: {_reason(application)}")
            now = time.monotonic()
            if now - began > timeout_s:
                raise UserError(f"the service is not up within {timeout_s:.0f} s: {states}")
            if now - spoken > 5:
                spoken = now
                progress(f"waiting for the replicas: {_counts(found)} ({now - began:.0f} s)")
            self.cluster.heal(progress)
            time.sleep(0.3)


def localised(config: Config, port: int) -> Config:
    """A config for nodes that share one machine's ports: one proxy, on the loopback interface."""
    options = {**config.get("http_options", {}), "host": "127.0.0.1", "port": port}
    return {**config, "proxy_location": "HeadOnly", "http_options": options}


def serve_local(
    manifest: dict[str, Any],
    *,
    name: str,
    env: Mapping[str, str],
    progress: nodes.Progress = print,
    hold: Callable[[Service], None] | None = None,
) -> Result:
    """Run a RayService on this machine until `hold` returns, by default until Ctrl-C, and leave nothing running.

    Lost nodes are replaced meanwhile. UserError when the cluster or an application does not come up.
    """
    began = time.monotonic()
    plan = shape(manifest, machine())
    leftovers.clean(progress)
    for note in plan.notes:
        progress(note)
    progress(f"starting Ray on this machine: a head and {len(plan.nodes) - 1} nodes")
    with terminable():
        cluster = nodes.start(plan, env, auth=token_auth(manifest), progress=progress)
        try:
            (port,) = workspace.free_ports(1)
            service = Service(f"http://127.0.0.1:{port}", cluster)
            service.put(localised(yaml.safe_load(manifest["spec"]["serveConfigV2"]), port))
            service.settle(progress)
            progress(f"{name} answers at {service.url} after {time.monotonic() - began:.0f} s; Ctrl-C ends it")
            try:
                (hold or _until_interrupted(progress))(service)
            except KeyboardInterrupt:
                progress("ending the service")
        finally:
            nodes.stop(cluster)
    return Result(name, "ENDED", time.monotonic() - began, "the service was ended", logs=cluster.folder)


def _until_interrupted(progress: nodes.Progress) -> Callable[[Service], None]:
    def hold(service: Service) -> None:
        while True:
            service.cluster.heal(progress)
            time.sleep(1)

    return hold


def _call(cluster: nodes.Cluster, method: str, body: Config | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    headers = cluster.headers() | {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{cluster.dashboard}/api/serve/applications/", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            content = response.read()
    except urllib.error.HTTPError as error:
        raise UserError(f"Serve refuses the config: {error.read().decode(errors='replace')[:2000]}") from error
    except OSError as error:
        raise UserError(f"Serve's API at {cluster.dashboard} does not answer: {error}") from error
    return json.loads(content) if content.strip() else {}


def _reason(application: dict[str, Any]) -> str:
    messages = [application.get("message", "")]
    messages += [deployment.get("message", "") for deployment in application.get("deployments", {}).values()]
    return "\n".join(message for message in messages if message).strip()[-2000:]


def _counts(applications: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {sum(replica['state'] == 'RUNNING' for replica in deployment.get('replicas', []))}"
        for application in applications.values()
        for name, deployment in application.get("deployments", {}).items()
    )
