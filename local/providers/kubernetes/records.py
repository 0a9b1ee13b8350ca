"""Helm's own record of a release: one Secret a revision, written so that `helm list`, `history` and `get` read it.

Layout: helm.sh/helm/v3 pkg/release/release.go and pkg/storage/driver/{secrets,util}.go.
"""

import base64
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SECRET_TYPE = "helm.sh/release.v1"
DEPLOYED = "deployed"
FAILED = "failed"
PENDING_INSTALL = "pending-install"
PENDING_UPGRADE = "pending-upgrade"
SUPERSEDED = "superseded"
UNINSTALLING = "uninstalling"
Record = dict[str, Any]


def now() -> str:
    """This moment as Helm writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def new(
    name: str,
    namespace: str,
    *,
    chart: str,
    version: str,
    values: Mapping[str, Any],
    manifest: str,
    previous: Record | None = None,
) -> Record:
    """The record of a release's next revision, pending. `values` are the user's, as Helm's config."""
    moment = now()
    first = previous["info"]["first_deployed"] if previous else moment
    status, underway = (
        (PENDING_UPGRADE, "Preparing upgrade") if previous else (PENDING_INSTALL, "Initial install underway")
    )
    return {
        "name": name,
        "info": {
            "first_deployed": first,
            "last_deployed": moment,
            "deleted": "",
            "description": underway,
            "status": status,
        },
        "chart": {
            "metadata": {"name": chart, "version": version, "appVersion": version, "apiVersion": "v2"},
            "lock": None,
            "templates": [],
            "values": {},
            "schema": None,
            "files": [],
        },
        "config": dict(values),
        "manifest": manifest,
        "version": previous["version"] + 1 if previous else 1,
        "namespace": namespace,
    }


def with_status(record: Record, status: str, description: str | None = None) -> Record:
    """The record with another status and, if given, another description."""
    info = {**record["info"], "status": status}
    return {**record, "info": {**info, "description": description} if description else info}


def encode(record: Record) -> str:
    """base64 of gzip of JSON: what Helm puts into the Secret (whose data is base64 once more)."""
    return base64.b64encode(gzip.compress(json.dumps(record).encode(), mtime=0)).decode()


def decode(text: str) -> Record:
    """The record that `encode`, or Helm, wrote."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def secret_name(name: str, revision: int) -> str:
    """The name of a revision's Secret."""
    return f"sh.helm.release.v1.{name}.v{revision}"


def to_secret(record: Record) -> dict[str, Any]:
    """The Secret of a record, with the labels that Helm selects by."""
    labels = {
        "name": record["name"],
        "owner": "helm",
        "status": record["info"]["status"],
        "version": str(record["version"]),
        "modifiedAt": str(int(datetime.now(UTC).timestamp())),
    }
    metadata = {
        "name": secret_name(record["name"], record["version"]),
        "namespace": record["namespace"],
        "labels": labels,
    }
    data = {"release": base64.b64encode(encode(record).encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": SECRET_TYPE, "data": data}


def from_secret(secret: Mapping[str, Any]) -> Record:
    """The record in a Secret."""
    return decode(base64.b64decode(secret["data"]["release"]).decode())


def selector(name: str) -> str:
    """The label selector of all revisions of a release."""
    return f"owner=helm,name={name}"


def obsolete(history: list[Record], limit: int) -> list[Record]:
    """The records, oldest first, that a history of at most `limit` has no room for; never the deployed or newest."""
    ordered = sorted(history, key=lambda record: record["version"])
    excess = len(ordered) - limit if limit > 0 else 0
    spare = [record for record in ordered[:-1] if record["info"]["status"] != DEPLOYED]
    return spare[: max(0, excess)]


def merged(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """`new` over `old`, mapping by mapping, as Helm's CoalesceTables; a null in `new` removes the key."""
    both = {
        key: merged(new[key], old[key])
        if isinstance(new.get(key), Mapping) and isinstance(old.get(key), Mapping)
        else new.get(key, old.get(key))
        for key in {**old, **new}
    }
    return {key: value for key, value in both.items() if value is not None}


def upgraded_values(inputs: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an upgrade by Helm's rules: without any, the current ones stay unless they are to be reset."""
    values = dict(inputs.get("values") or {})
    if inputs.get("resetValues"):
        return values
    if inputs.get("reuseValues"):
        return merged(values, current)
    return values or dict(current)
