"""Who owns which field of a live object, by the managedFields that server-side apply keeps."""

from collections.abc import Mapping
from typing import Any

# Hands that pulumi-kubernetes takes fields over from: a person at kubectl, and its own earlier client-side self.
TAKEN_OVER = frozenset(
    {
        ("kubectl", "Apply"),
        ("kubectl", "Update"),
        ("before-first-apply", "Update"),
        ("pulumi-kubernetes", "Update"),
        ("pulumi-resource-kubernetes", "Update"),
    }
)


def entries(live: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The managedFields of a live object."""
    return live.get("metadata", {}).get("managedFields") or []


def applied_by(live: Mapping[str, Any], manager: str) -> bool:
    """Whether `manager` has applied this object."""
    return any(entry["manager"] == manager and entry["operation"] == "Apply" for entry in entries(live))


def managers(live: Mapping[str, Any]) -> list[str]:
    """The field managers of an object, for a message."""
    return sorted({entry["manager"] for entry in entries(live)})


def take_over(live: Mapping[str, Any], manager: str) -> list[dict[str, Any]]:
    """The JSON patch that hands `manager` the fields of the managers in TAKEN_OVER; empty when they own none."""
    kept: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    taken = False
    for entry in entries(live):
        mine = entry["manager"] == manager and entry["operation"] == "Apply"
        theirs = (entry["manager"], entry["operation"]) in TAKEN_OVER
        if entry.get("subresource") or not (mine or theirs):
            kept.append(entry)
        else:
            fields = union(fields, entry.get("fieldsV1") or {})
            taken = taken or theirs
    if not taken:
        return []
    api_version = live["apiVersion"]
    ours = {"manager": manager, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1"}
    metadata = live["metadata"]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, {**ours, "fieldsV1": fields}]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
    ]


def union(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """The union of two field sets: nested mappings whose keys are the fields."""
    merged = {**left, **right}
    return {key: union(left[key], right[key]) if key in left and key in right else merged[key] for key in merged}
