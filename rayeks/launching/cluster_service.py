"""A RayService manifest run through KubeRay: applied, and watched until it answers; it stays."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra import contract
from rayeks.errors import UserError
from rayeks.launching.api import Api
from rayeks.launching.cluster import named
from rayeks.launching.result import Result

BROKEN = ("DEPLOY_FAILED", "UNHEALTHY")


def serve_kubernetes(
    manifest: dict[str, Any],
    kubeconfig: Path | str,
    *,
    name: str | None = None,
    env: Mapping[str, str],
    deployed: bool = False,
    progress: Callable[[str], None] = print,
    poll_s: float = 2.0,
) -> Result:
    """Apply a RayService, under its own name unless given another, and wait until KubeRay calls it ready.

    One that the stack has `deployed` is only watched. An application that cannot start ends the watch as FAILED with
    Serve's reason; Ctrl-C leaves it to come up by itself. UserError for what the API server refuses.
    """
    began = time.monotonic()
    launched = named(manifest, name or manifest["metadata"]["name"], env)
    name, namespace = launched["metadata"]["name"], launched["metadata"]["namespace"]
    api = Api(kubeconfig, namespace, launched["kind"])
    if deployed and env:
        raise UserError(
            f"{name} is deployed by the stack", "change it in the stack file, or launch one with --run NAME"
        )
    if deployed:
        progress(f"RayService {namespace}/{name} is deployed by the stack")
    else:
        api.apply(launched)
        progress(f"RayService {namespace}/{name} applied")
    said: set[str] = set()
    try:
        while True:
            found = api.read(name)
            status = found.get("status", {})
            if _is_ready(found):
                break
            if broken := _broken(status):
                return Result(name, "FAILED", time.monotonic() - began, broken)
            for text in (*_waits(status), *api.waiting(_cluster(status))):
                if text not in said:
                    said.add(text)
                    progress(f"{text} ({time.monotonic() - began:.0f} s)")
            time.sleep(poll_s)
    except KeyboardInterrupt:
        progress(
            f"left to come up. Watch: kubectl -n {namespace} get rayservice {name} -w; "
            f"end: kubectl -n {namespace} delete rayservice {name}"
        )
        return Result(name, "DETACHED", time.monotonic() - began, "left to come up")
    url = contract.service_url(name, namespace)
    progress(f"{name} answers at {url}; from here: kubectl -n {namespace} port-forward service/{name}-serve-svc 8000")
    return Result(name, "RUNNING", time.monotonic() - began, f"answers at {url}")


def _is_ready(service: dict[str, Any]) -> bool:
    """Whether what was applied is what answers: readiness of an older generation says nothing of a new one."""
    status = service.get("status", {})
    if status.get("observedGeneration", 0) < service["metadata"].get("generation", 0):
        return False
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    return conditions.get("Ready") == "True" and conditions.get("UpgradeInProgress", "False") != "True"


def _applications(status: dict[str, Any]) -> dict[str, Any]:
    newest = status.get("pendingServiceStatus") or status.get("activeServiceStatus") or {}
    return newest.get("applicationStatuses") or {}


def _cluster(status: dict[str, Any]) -> str:
    newest = status.get("pendingServiceStatus") or status.get("activeServiceStatus") or {}
    return newest.get("rayClusterName", "")


def _broken(status: dict[str, Any]) -> str:
    return "; ".join(
        f"application {name!r}: {application.get('message') or application['status']}"
        for name, application in _applications(status).items()
        if application.get("status") in BROKEN
    )


def _waits(status: dict[str, Any]) -> list[str]:
    if not _cluster(status):
        return ["waiting for KubeRay"]
    states = {name: application.get("status", "") for name, application in _applications(status).items()}
    told = [f"application {name!r} is {state.lower()}" for name, state in states.items() if state]
    return told or ["the Ray cluster is being brought up"]
