"""Running a stack's samples from its outputs: on Ray of this machine for the local stack, else through KubeRay."""

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra import contract
from rayeks.errors import UserError
from rayeks.launching.result import Result

__all__ = ["Result", "clean", "launch", "samples"]

Say = Callable[[str], None]


def launch(
    sample: str,
    outputs: Mapping[str, Any],
    *,
    local: bool,
    kubeconfig: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
    run: str | None = None,
    resume: str | None = None,
    follow: Say = print,
    progress: Say = print,
) -> Result:
    """Run a sample of `outputs["workloads"]` to its end. A service: here until Ctrl-C, on a cluster until it answers.

    `env` is what the machine adds (where the local AWS answers), `overrides` what the person at the keyboard
    sets, such as `TRAIN_EPOCHS`. `run` names the run, by default after the sample and the time; `resume`
    continues one that exists. `follow` gets the driver's log by line, `progress` what happens around it.
    UserError for an unknown sample, storage that is not there, a cluster that does not come up.
    """
    manifest = _manifest(sample, outputs)
    overrides = dict(overrides or {})
    for name in overrides:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise UserError(f"{name!r} is not the name of a variable", "write NAME=value")
    name = resume or run or f"{sample}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,45}[a-z0-9]", name):
        raise UserError(f"{name!r} cannot name a run", "use at most 47 lower-case letters, digits and '-'")
    variable = contract.RESUME_VARIABLE if resume else contract.RUN_VARIABLE
    if local:
        from rayeks.launching.local import launch_local
        from rayeks.launching.storage import check_buckets

        check_buckets(manifest, env or {})
        if manifest["kind"] == "RayService":
            from rayeks.launching.service import serve_local

            return serve_local(manifest, name=name, env={**(env or {}), **overrides}, progress=progress)
        return launch_local(
            manifest, name=name, env={**(env or {}), **overrides}, follow=follow, progress=progress, variable=variable
        )
    if kubeconfig is None:
        raise UserError("there is no kubeconfig to launch through", "give one, or bring the stack up")
    if manifest["kind"] == "RayService":
        from rayeks.launching.cluster_service import serve_kubernetes

        deployed = bool(samples(outputs)[sample].get("deployed")) and run is None
        return serve_kubernetes(manifest, kubeconfig, name=run, env=overrides, deployed=deployed, progress=progress)
    from rayeks.launching.cluster import launch_kubernetes

    return launch_kubernetes(
        manifest, kubeconfig, name=name, env=overrides, follow=follow, progress=progress, variable=variable
    )


def samples(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The samples of a stack's outputs, by name."""
    return dict(outputs.get("workloads") or {})


def clean(progress: Say = print) -> int:
    """End the Ray processes that killed launchers of this checkout left; says how many there were."""
    from rayeks.launching.leftovers import clean

    return clean(progress)


def _manifest(sample: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    known = samples(outputs)
    if not known:
        raise UserError("the stack's outputs name no samples", "bring it up, with a `samples` section in its file")
    if sample not in known:
        close = difflib.get_close_matches(sample, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UserError(f"this stack has no sample {sample!r}", f"{hint}it has: {', '.join(sorted(known))}")
    manifest = known[sample]["manifest"]
    if manifest.get("kind") == "RayCronJob":  # launched, it runs once, now
        return manifest | {"kind": "RayJob", "spec": manifest["spec"]["jobTemplate"]}
    if manifest.get("kind") not in ("RayJob", "RayService"):
        raise UserError(f"sample {sample!r} is a {manifest.get('kind')}, which is applied rather than launched")
    return manifest
