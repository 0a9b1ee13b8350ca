"""helm.sh/v3:Release of a known chart: its CRDs and Helm's own record of it.

What of a chart is represented, and what is not (no pods, no RBAC, no webhooks), is told in charts.py. Names, versions,
values, history, CRD handling and refusals are Helm 3's; the resource's behaviour is pulumi-kubernetes'.
"""

from collections.abc import Mapping
from typing import Any

from local.providers.kubernetes import charts, crds, names, ownership, records
from local.providers.kubernetes.charts import Chart
from local.providers.kubernetes.client import ApiServer
from local.providers.kubernetes.config import Settings
from local.providers.kubernetes.diff import observed
from local.providers.kubernetes.objects import MANAGER_KEY, Call
from local.providers.kubernetes.records import Record
from local.providers.wire import UNKNOWN, ResourceInitError
from rayeks.errors import UserError

RESOURCE_NAMES_KEY = "CustomResourceDefinition.apiextensions.k8s.io/apiextensions.k8s.io/v1"
TIMEOUT_S = 300
HISTORY = 10
FORCE_NEW = ("name", "namespace")
COMPUTED = ("resourceNames", "status", "checksum")


class Releases:
    """Helm releases on one API server. Inputs and state are plain data, without secrets' wrappers."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api

    def create(self, call: Call, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Install: the id and state. Raises UserError for a name in use, ResourceInitError if it stopped half-way."""
        if call.preview:
            return "", previewed(inputs)
        name, namespace = inputs["name"], inputs["namespace"]
        manager = names.field_manager(call.urn)
        if inputs.get("createNamespace"):
            self._create_namespace(namespace, manager)
        secrets = self._secrets(name, namespace)
        mine = any(ownership.applied_by(secret, manager) for secret in secrets)
        if secrets and not mine and not inputs.get("replace"):
            raise UserError(
                f"cannot re-use the name {name!r}: a Helm release of that name is in namespace {namespace}",
                "import it (`pulumi import`), uninstall it, or choose another name",
            )
        history = [records.from_secret(secret) for secret in secrets]
        return f"{namespace}/{name}", self._deploy(call, inputs, manager, history)

    def update(self, call: Call, inputs: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """Upgrade to a new revision: the new state. Raises as `create`."""
        if call.preview:
            return previewed(inputs)
        history = self._history(inputs["name"], inputs["namespace"])
        if not history:
            raise UserError(
                f"the Helm release {inputs['namespace']}/{inputs['name']} is no longer in the cluster",
                "run again with --refresh, so that the engine sees that it is gone and installs it",
            )
        return self._deploy(call, inputs, _manager(call, state), history)

    def read(
        self, call: Call, identity: str, inputs: dict[str, Any], state: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """(inputs with what another hand upgraded, state), or None where no revision is left."""
        namespace, name = names.parse_id(identity)
        history = self._history(name, namespace)
        if not history:
            return None
        latest = history[-1]
        metadata = latest["chart"]["metadata"]
        now = {"values": latest.get("config") or {}, "version": metadata["version"]}
        if not inputs:
            imported = {"name": name, "namespace": namespace, "chart": metadata["name"], **now}
            return imported, state_of(imported, latest, _manager(call, state))
        before = {key: state.get(key) for key in now}
        drifting = {key: inputs[key] for key in now if key in inputs}
        seen = {**inputs, **observed(drifting, before, now)}
        return seen, state_of(seen, latest, _manager(call, state))

    def delete(self, call: Call, identity: str, state: dict[str, Any]) -> None:
        """Uninstall: the CRDs that are templates and every revision's record; CRDs of a crds/ folder stay."""
        namespace, name = names.parse_id(identity)
        history = self._history(name, namespace)
        if not history:
            return
        leaving = records.with_status(history[-1], records.UNINSTALLING, "Deletion in progress (or silently failed)")
        self._store(leaving, _manager(call, state))
        templates = charts.parsed(leaving.get("manifest") or "")
        crds.remove(self.api, templates, _limit_s(call, state), call.say, wait=not state.get("skipAwait"))
        self._forget(history)

    def _deploy(self, call: Call, inputs: Mapping[str, Any], manager: str, history: list[Record]) -> dict[str, Any]:
        """Install or upgrade, in Helm's order: crds/ folder, ownership, pending record, templates, final record."""
        chart = charts.find(inputs["chart"])
        version = charts.version(chart, inputs.get("version"))
        files = charts.manifests(chart)
        name, namespace = inputs["name"], inputs["namespace"]
        previous = history[-1] if history else None
        if not chart.templated and previous is None and not inputs.get("skipCrds"):
            absent = [crd for crd in _definitions(files) if not crds.live(self.api, crd)]
            crds.install(self.api, absent, manager, _limit_s(call, inputs), call.say)
        templates = [crds.owned(crd, name, namespace) for crd in _definitions(files)] if chart.templated else []
        crds.check_ownership(self.api, templates, name, namespace)
        pending = records.new(
            name,
            namespace,
            chart=chart.name,
            version=version,
            values=records.upgraded_values(inputs, (previous or {}).get("config") or {}),
            manifest=manifest(chart, files),
            previous=previous,
        )
        self._store(pending, manager)
        kept = {crd["metadata"]["name"] for crd in templates}
        before = charts.parsed(previous["manifest"]) if previous else []
        dropped = [crd for crd in before if crd["metadata"]["name"] not in kept]
        try:
            crds.install(self.api, templates, manager, _limit_s(call, inputs), call.say)
            crds.remove(self.api, dropped, _limit_s(call, inputs), call.say, wait=True)
        except UserError as error:
            self._fail(call, inputs, pending, manager, error)
            raise
        done = records.with_status(pending, records.DEPLOYED, "Upgrade complete" if previous else "Install complete")
        self._store(done, manager)
        self._tidy(history, done, manager, int(inputs.get("maxHistory") or HISTORY))
        return state_of(inputs, done, manager)

    def _fail(self, call: Call, inputs: Mapping[str, Any], pending: Record, manager: str, error: UserError) -> None:
        """Record a failed revision and raise ResourceInitError; an atomic first install is undone instead."""
        failed = records.with_status(pending, records.FAILED, f"Release {pending['name']!r} failed: {error.message}")
        self._store(failed, manager)
        if inputs.get("atomic") and failed["version"] == 1:
            crds.remove(self.api, charts.parsed(failed["manifest"]), _limit_s(call, inputs), call.say, wait=True)
            self._forget([failed])
            return
        identity = f"{failed['namespace']}/{failed['name']}"
        reasons = [f"Helm release {identity} was recorded but not completed: {error}"]
        raise ResourceInitError(identity, state_of(inputs, failed, manager), inputs, reasons) from error

    def _tidy(self, history: list[Record], done: Record, manager: str, limit: int) -> None:
        kept = []
        for record in history:
            if record["info"]["status"] == records.DEPLOYED:
                record = records.with_status(record, records.SUPERSEDED)
                self._store(record, manager)
            kept.append(record)
        self._forget(records.obsolete([*kept, done], limit))

    def _create_namespace(self, name: str, manager: str) -> None:
        kind = self.api.kind("v1", "Namespace")
        if self.api.get(kind, None, name) is None:
            metadata = {"name": name, "labels": {"name": name}}
            self.api.apply(kind, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, manager)

    def _secrets(self, name: str, namespace: str | None) -> list[dict[str, Any]]:
        found = self.api.select(self.api.kind("v1", "Secret"), namespace, records.selector(name))
        return sorted(found, key=lambda secret: int(secret["metadata"]["labels"]["version"]))

    def _history(self, name: str, namespace: str | None) -> list[Record]:
        return [records.from_secret(secret) for secret in self._secrets(name, namespace)]

    def _store(self, record: Record, manager: str) -> None:
        self.api.apply(self.api.kind("v1", "Secret"), records.to_secret(record), manager, force=True)

    def _forget(self, history: list[Record]) -> None:
        kind = self.api.kind("v1", "Secret")
        for record in history:
            secret = records.secret_name(record["name"], record["version"])
            self.api.delete(kind, record["namespace"], secret, "Background")


def check(
    inputs: dict[str, Any], old: Mapping[str, Any], resource_name: str, settings: Settings
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Inputs with name, defaults and the exact version, and the (property, reason) of each mistake."""
    checked = {key: value for key, value in inputs.items() if key not in COMPUTED}
    if checked.get("name") in (None, ""):
        checked["name"] = old.get("name") or names.unique_name(f"{resource_name}-", b"")
    if checked.get("namespace") in (None, ""):
        checked["namespace"] = settings.namespace or "default"
    if not checked.get("skipAwait"):
        checked.setdefault("timeout", TIMEOUT_S)
    reference, version = checked.get("chart"), checked.get("version")
    if not reference:
        return checked, [("chart", "a Release needs a chart")]
    if reference is UNKNOWN or version is UNKNOWN:
        return checked, []
    try:
        chart = charts.find(reference)
    except UserError as error:
        return checked, [("chart", str(error))]
    try:
        checked["version"] = charts.version(chart, version)
    except UserError as error:
        return checked, [("version", str(error))]
    return checked, []


def manifest(chart: Chart, files: Mapping[str, str]) -> str:
    """The rendered templates as Helm records them; CRDs of a crds/ folder are none."""
    if not chart.templated:
        return ""
    bodies = {name: text.removeprefix("---").lstrip("\n") for name, text in files.items()}
    return "".join(f"---\n# Source: {chart.name}/templates/{name}\n{text}" for name, text in bodies.items())


def previewed(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The state that a release will have, as far as a preview can know it."""
    return {**inputs, "status": UNKNOWN, "resourceNames": UNKNOWN}


def state_of(inputs: Mapping[str, Any], record: Record, manager: str) -> dict[str, Any]:
    """The resource's state: its inputs, and what the record says."""
    metadata = record["chart"]["metadata"]
    templates = sorted(crd["metadata"]["name"] for crd in charts.parsed(record.get("manifest") or ""))
    status = {
        "appVersion": metadata.get("appVersion"),
        "chart": metadata["name"],
        "name": record["name"],
        "namespace": record["namespace"],
        "revision": record["version"],
        "status": record["info"]["status"],
        "version": metadata["version"],
    }
    return {
        **inputs,
        "values": record.get("config") or {},
        "version": metadata["version"],
        "resourceNames": {RESOURCE_NAMES_KEY: templates} if templates else {},
        "status": status,
        MANAGER_KEY: manager,
    }


def _definitions(files: Mapping[str, str]) -> list[crds.Crd]:
    return [crd for text in files.values() for crd in charts.parsed(text)]


def _manager(call: Call, state: Mapping[str, Any]) -> str:
    return state.get(MANAGER_KEY) or names.field_manager(call.urn)


def _limit_s(call: Call, inputs: Mapping[str, Any]) -> float:
    return call.timeout_s or float(inputs.get("timeout") or TIMEOUT_S)
