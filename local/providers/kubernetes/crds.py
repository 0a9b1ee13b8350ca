"""CustomResourceDefinitions of a Helm chart: installed, awaited, owned by one release, removed."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.providers.kubernetes import conditions, waiting
from local.providers.kubernetes.client import ApiError, ApiServer
from rayeks.errors import UserError

CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
PARALLEL = 4
MANAGED_BY = "app.kubernetes.io/managed-by"
RELEASE_NAME = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
Crd = dict[str, Any]


def live(api: ApiServer, crd: Mapping[str, Any]) -> Crd | None:
    """The CRD as it is in the cluster, or None."""
    return api.get(api.kind(*CRD), None, crd["metadata"]["name"])


def install(api: ApiServer, crds: Sequence[Crd], manager: str, limit_s: float, say: waiting.Say) -> None:
    """Apply CRDs and wait until each is Established. Raises UserError naming those that are not after `limit_s`."""
    kind = api.kind(*CRD)

    def one(crd: Crd) -> str | None:
        """What the CRD still lacks."""
        found = live(api, crd)
        if found and found["metadata"].get("deletionTimestamp"):
            waiting.until_gone(api, kind, found, limit_s, say)
        applied = api.apply(kind, crd, manager, force=True)
        return waiting.until_met(api, kind, applied, [conditions.ESTABLISHED], limit_s, say)[1]

    with ThreadPoolExecutor(PARALLEL) as pool:
        late = [reason for reason in pool.map(one, crds) if reason]
    if late:
        raise UserError(f"gave up after {limit_s:.0f} s, still waiting for {', '.join(late)}")


def delete(api: ApiServer, crd: Mapping[str, Any], propagation: str) -> bool:
    """Ask for the deletion of a live CRD; False where it was gone.

    First its objects are listed, as the server will: a kind that nobody has read yet has no watch cache, the server's
    own list then fails ("storage is (re)initializing"), and its retry is lost until the next resync, five minutes
    later (apiextensions-apiserver v0.35 pkg/controller/finalizer/crd_finalizer.go, sync).
    """
    spec = crd["spec"]
    stored = next(version["name"] for version in spec["versions"] if version["storage"])
    try:
        api.request("GET", f"/apis/{spec['group']}/{stored}/{spec['names']['plural']}")
    except ApiError as error:
        if error.code not in (404, 429):  # not served, or still not ready: the deletion is only slower then
            raise
    return api.delete(api.kind(*CRD), None, crd["metadata"]["name"], propagation)


def remove(api: ApiServer, crds: Sequence[Crd], limit_s: float, say: waiting.Say, *, wait: bool) -> None:
    """Delete CRDs, and with them every object of their kinds; wait until they are gone. Raises waiting.TimedOut."""
    kind = api.kind(*CRD)

    def one(crd: Crd) -> None:
        found = live(api, crd)
        if found and delete(api, found, "Background") and wait:
            waiting.until_gone(api, kind, found, limit_s, say)

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(one, crds))


def owned(crd: Crd, name: str, namespace: str) -> Crd:
    """A CRD with the label and annotations by which Helm knows what is a release's own."""
    metadata = crd["metadata"]
    labels = {**(metadata.get("labels") or {}), MANAGED_BY: "Helm"}
    annotations = {**(metadata.get("annotations") or {}), RELEASE_NAME: name, RELEASE_NAMESPACE: namespace}
    return {**crd, "metadata": {**metadata, "labels": labels, "annotations": annotations}}


def check_ownership(api: ApiServer, crds: Sequence[Crd], name: str, namespace: str) -> None:
    """Refuse, as Helm does, to take over CRDs that another release or hand installed. Raises UserError."""
    for crd in crds:
        found = live(api, crd)
        if found is None or found["metadata"].get("deletionTimestamp"):
            continue
        metadata = found["metadata"]
        marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
        for key, value in ((MANAGED_BY, "Helm"), (RELEASE_NAME, name), (RELEASE_NAMESPACE, namespace)):
            if marks.get(key) != value:
                raise UserError(
                    f"CustomResourceDefinition {metadata['name']!r} exists and cannot be imported into the release "
                    f"{namespace}/{name}: invalid ownership metadata; {key!r} must be {value!r}, is {marks.get(key)!r}",
                    "let one release have the CRDs: set skipCrds on the other chart, or delete the CRD",
                )
