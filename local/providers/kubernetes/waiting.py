"""Waiting for the cluster: until conditions hold, until an object is gone, never silently, never for ever."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.providers.kubernetes.client import ApiServer, Kind
from local.providers.kubernetes.conditions import Condition
from local.providers.kubernetes.values import annotation
from rayeks.errors import UserError

DEFAULT_TIMEOUT_S = 600.0
FIRST_POLL_S = 0.05
LAST_POLL_S = 1.0
POLL_GROWTH = 1.5
MESSAGE_EVERY_S = 5.0
TIMEOUT = "pulumi.com/timeoutSeconds"
FINALIZERS = {
    "foregroundDeletion": "foregroundDeletion (the garbage collector deletes its dependents first)",
    "kubernetes": "kubernetes (the namespace controller empties it first)",
    "kubernetes.io/pv-protection": "kubernetes.io/pv-protection (a claim is still bound to it)",
    "kubernetes.io/pvc-protection": "kubernetes.io/pvc-protection (a pod still uses it)",
    "customresourcecleanup.apiextensions.k8s.io": "customresourcecleanup (its custom resources are deleted first)",
}
Say = Callable[[str], None]


class TimedOut(UserError):
    """A wait that ended without what it waited for; the message names what is lacking."""


def timeout_s(custom: float, obj: Mapping[str, Any]) -> float:
    """Seconds to wait: the resource's custom timeout, else its annotation, else ten minutes."""
    text = annotation(obj, TIMEOUT)
    return custom or (float(text) if text.isdigit() else DEFAULT_TIMEOUT_S)


def until(
    api: ApiServer,
    lacking: Callable[[], str | None],
    limit_s: float,
    say: Say,
    explain: Callable[[str], str] = str,
) -> str | None:
    """Poll until nothing is `lacking`; what it last lacked, if `limit_s` ends first.

    Says so every five seconds. `explain` may find out more than it is worth to ask for at every poll.
    """
    start = said = time.monotonic()
    interval = FIRST_POLL_S
    while (reason := lacking()) is not None:
        now = time.monotonic()
        if now - start >= limit_s:
            return explain(reason)
        if now - said >= MESSAGE_EVERY_S:
            say(f"waiting for {explain(reason)}, {now - start:.0f} s of {limit_s:.0f} s")
            said = now
        api.pause(max(0.0, min(interval, limit_s - (now - start))))
        interval = min(interval * POLL_GROWTH, LAST_POLL_S)
    return None


def until_met(
    api: ApiServer, kind: Kind, live: dict[str, Any], wanted: Sequence[Condition], limit_s: float, say: Say
) -> tuple[dict[str, Any], str | None]:
    """The live object once all conditions hold, or as it last was and what it lacks."""
    metadata = live["metadata"]
    seen = [live]

    def lacking() -> str | None:
        now = api.metadata(kind, metadata.get("namespace"), metadata["name"])
        if now and now["resourceVersion"] != seen[0]["metadata"]["resourceVersion"]:
            now = api.get(kind, metadata.get("namespace"), metadata["name"])
            seen[0] = now or seen[0]
        if now is None:
            return f"{kind.name} {metadata['name']} itself, which was deleted meanwhile"
        missing = [text for condition in wanted if (text := condition.lacking(seen[0]))]
        return f"{'; '.join(missing)} of {kind.name} {metadata['name']}" if missing else None

    return (seen[0], until(api, lacking, limit_s, say)) if wanted else (live, None)


def until_gone(api: ApiServer, kind: Kind, live: Mapping[str, Any], limit_s: float, say: Say) -> None:
    """Wait until the object, or the one of its name with its uid, is gone. Raises TimedOut naming what holds it."""
    metadata = live["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace")

    def lacking() -> str | None:
        now = api.metadata(kind, namespace, name)
        gone = now is None or now["uid"] != metadata.get("uid", now["uid"])
        return None if gone else f"deletion of {kind.name} {name}"

    def explain(reason: str) -> str:
        now = api.get(kind, namespace, name)
        return f"{reason}: {holders(now)}" if now else reason

    reason = until(api, lacking, limit_s, say, explain)
    if reason:
        where = f" -n {namespace}" if namespace else ""
        raise TimedOut(
            f"gave up after {limit_s:.0f} s: {reason}",
            "the controller that removes a finalizer must be running and have the rights to finish; see "
            f"`kubectl describe {kind.plural}{where} {name}`, then run again, or allow longer by custom_timeouts",
        )


def holders(live: Mapping[str, Any]) -> str:
    """What keeps an object from being gone: its finalizers, and what its status says of the deletion."""
    metadata = live["metadata"]
    names = [*(metadata.get("finalizers") or []), *((live.get("spec") or {}).get("finalizers") or [])]
    parts = [f"held by finalizer {FINALIZERS.get(name, name)}" for name in names]
    for condition in (live.get("status") or {}).get("conditions") or []:
        about_deletion = live.get("kind") == "Namespace" or "Terminat" in condition.get("type", "")
        if about_deletion and condition.get("status") == "True" and condition.get("message"):
            parts.append(condition["message"])
    return "; ".join(parts) or "not yet removed by the API server"
