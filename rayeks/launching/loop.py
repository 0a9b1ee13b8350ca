"""A model's whole life by one command: the loop as a job, then the proof that the service took up what it promoted."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rayeks.errors import UserError
from rayeks.launching import launch, samples
from rayeks.launching.result import Result

LOOP, SERVE = "loop", "serve"
TAKEN_UP_WITHIN_S = 120
"""A service looks an alias up every ten seconds; the rest is for one that is being rolled out."""

Say = Callable[[str], None]
Ask = Callable[[], dict[str, str]]
"""What the service says of its model; OSError while it does not answer."""


def loop(
    outputs: Mapping[str, Any],
    *,
    local: bool,
    kubeconfig: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
    follow: Say = print,
    progress: Say = print,
) -> Result:
    """Run the sample `loop` to its end, and wait until the sample `serve` serves the model that it promoted.

    On this machine a service is started to see that, and ended. A loop that promotes nothing is a failed job, and
    no service is asked. UserError for a stack without the loop, and for a service that does not take the model up.
    """
    result = launch(
        LOOP,
        outputs,
        local=local,
        kubeconfig=kubeconfig,
        env=env,
        overrides=overrides,
        follow=follow,
        progress=progress,
    )
    if result.status != "SUCCEEDED":
        return result
    model = result.final["model"]
    if SERVE not in samples(outputs):
        progress(f"{model} is promoted; the stack has no service to take it up")
        return result
    began = time.monotonic()
    manifest = samples(outputs)[SERVE]["manifest"]
    if local:
        _see_here(manifest, model, env or {}, progress)
    else:
        assert kubeconfig  # launch has refused otherwise
        await_model(_through(kubeconfig, manifest), model, progress)
    return replace(result, seconds=result.seconds + time.monotonic() - began)


def await_model(ask: Ask, model: str, progress: Say, *, timeout_s: float = TAKEN_UP_WITHIN_S) -> None:
    """Wait until a service says that it serves `model`. UserError with what it says instead."""
    began, told = time.monotonic(), "nothing"
    while time.monotonic() - began < timeout_s:
        with suppress(OSError, ValueError):
            said = ask()
            told = said.get("refused") or said.get("model", "nothing")
            if said.get("model") == model:
                progress(f"{model} is served, {time.monotonic() - began:.0f} s after the service was asked first")
                return
        time.sleep(1)
    raise UserError(f"the service does not serve {model} within {timeout_s:.0f} s; it says: {told}")


def _see_here(manifest: dict[str, Any], model: str, env: Mapping[str, str], progress: Say) -> None:
    from rayeks.launching.service import Service, serve_local

    def hold(service: Service) -> None:
        def ask() -> dict[str, str]:
            with urllib.request.urlopen(f"{service.url}/version", timeout=5) as response:
                return json.load(response)

        await_model(ask, model, progress)

    serve_local(manifest, name=SERVE, env=env, progress=progress, hold=hold)


def _through(kubeconfig: Path | str, manifest: dict[str, Any]) -> Ask:
    """The service by way of the API server, which reaches what a laptop does not."""
    from kubernetes.client import ApiException

    from rayeks.launching.api import Api

    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    api = Api(kubeconfig, namespace, manifest["kind"])

    def ask() -> dict[str, str]:
        try:
            said = api.core.connect_get_namespaced_service_proxy_with_path(
                f"{name}-serve-svc:8000", namespace, "version", _preload_content=False
            )
        except ApiException as error:
            raise OSError(error.reason) from error
        return json.loads(said.data)

    return ask
