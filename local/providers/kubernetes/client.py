"""Plain REST to one API server: the official client costs up to seconds to import and adds nothing that is needed here.

Retries what a moment cures (no connection, 429, 502-504, a lost update race) and says once, clearly, when the server
is gone. Every write is a server-side apply or a delete, so every request may be sent twice without harm.
"""

import json
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from local.providers.kubernetes.kubeconfig import Access
from rayeks.errors import UserError

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
CONNECT_DELAYS_S = (0.2, 0.4, 0.8, 1.6, 3.0)
BUSY_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 4.0)
RACE_TRIES = 5
BUSY_CODES = frozenset({429, 502, 503, 504})
APPLY = "application/apply-patch+yaml"  # JSON is YAML, and the API server takes it as such
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
CONNECTIONS = 32


class ApiError(UserError):
    """A request that the API server refused, in its own words; `code`, `reason` and `causes` are its Status."""

    def __init__(self, code: int, status: dict[str, Any], fix: str | None = None) -> None:
        super().__init__(status.get("message") or f"the API server answered {code}", fix)
        self.code = code
        self.reason: str = status.get("reason") or ""
        self.causes: list[dict[str, str]] = (status.get("details") or {}).get("causes") or []

    @property
    def ownership(self) -> bool:
        """Whether another field manager owns what was to be applied."""
        return any(cause.get("reason") == "FieldManagerConflict" for cause in self.causes)


class Unreachable(UserError):
    """The API server does not answer, after bounded retries."""


class NoSuchKind(UserError):
    """The API server serves no such kind, most often because its CRD is not installed."""


@dataclass(frozen=True)
class Kind:
    """A kind that the API server serves, and where."""

    api_version: str
    name: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The URL path of an object, or of the collection; a namespaced kind without a namespace is in `default`."""
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        scope = f"/namespaces/{namespace or 'default'}" if self.namespaced else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class ApiServer:
    """One API server. Safe to use from many threads; `cancelled` ends every wait."""

    def __init__(self, access: Access, cancelled: threading.Event) -> None:
        self.server = access.server
        self.cancelled = cancelled
        self._access = access
        self._headers = access.headers()
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S)
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, timeout=timeout, ssl_context=access.tls())
        self._gone = False
        self._kinds: dict[str, dict[str, Kind]] = {}
        self._discovery = threading.Lock()

    def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The live object, or None where there is none."""
        return self._or_none("GET", kind.path(namespace, name))

    def metadata(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The metadata of the live object, or None: what to poll, for some CRDs are a megabyte."""
        found = self._or_none("GET", kind.path(namespace, name), accept=METADATA_ONLY)
        return found and found["metadata"]

    def select(self, kind: Kind, namespace: str | None, selector: str) -> list[dict[str, Any]]:
        """The live objects with the labels of `selector`."""
        found = self.request("GET", kind.path(namespace), query={"labelSelector": selector})
        return [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in found.get("items") or []]

    def apply(
        self, kind: Kind, obj: dict[str, Any], manager: str, *, force: bool = False, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply of `obj`, unknown fields refused; the live object, or what it would become."""
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        metadata = obj["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"])
        for attempt in range(1, RACE_TRIES + 1):
            try:
                return self.request("PATCH", path, query=query, body=obj, content_type=APPLY)
            except ApiError as error:
                if error.code != 409 or error.ownership or attempt == RACE_TRIES:
                    raise
            self.pause(0.1 * attempt)
        raise AssertionError("unreachable: the last attempt raises")

    def patch(self, kind: Kind, namespace: str | None, name: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        """JSON patch of a live object."""
        path = kind.path(namespace, name)
        return self.request("PATCH", path, body=operations, content_type="application/json-patch+json")

    def delete(self, kind: Kind, namespace: str | None, name: str, propagation: str) -> bool:
        """Ask for deletion; False where there was nothing to delete."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        return self._or_none("DELETE", kind.path(namespace, name), body=body) is not None

    def kind(self, api_version: str, name: str) -> Kind:
        """How the server serves a kind. Raises NoSuchKind; an answer is kept, a miss is asked again."""
        known = self._kinds.get(api_version, {}).get(name)
        if known:
            return known
        with self._discovery:
            kinds = self._kinds.get(api_version, {})
            if name not in kinds:
                kinds = self._kinds[api_version] = self._discover(api_version)
        if name not in kinds:
            raise NoSuchKind(
                f"the API server serves no {api_version} {name}",
                "install its CRD first: let the resource depend on the Release or CustomResourceDefinition that has it",
            )
        return kinds[name]

    def _discover(self, api_version: str) -> dict[str, Kind]:
        root = "/api" if "/" not in api_version else "/apis"
        found = self._or_none("GET", f"{root}/{api_version}") or {}
        return {
            item["kind"]: Kind(api_version, item["kind"], item["name"], item["namespaced"])
            for item in found.get("resources") or []
            if "/" not in item["name"]
        }

    def _or_none(self, method: str, path: str, **options: Any) -> dict[str, Any] | None:
        try:
            return self.request(method, path, **options)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """One request as JSON. Raises ApiError for a refusal and Unreachable where nothing answers."""
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        payload = None if body is None else json.dumps(body).encode()
        renewed = False
        for delay in (*BUSY_DELAYS_S, None):
            response = self._send(method, url, payload, {"Content-Type": content_type, "Accept": accept})
            if response.status < 300:
                return json.loads(response.data)
            if response.status == 401 and not renewed:
                self._headers, renewed = self._access.headers(), True
            elif response.status not in BUSY_CODES or delay is None:
                break
            else:
                self.pause(float(response.headers.get("Retry-After") or delay))
        raise ApiError(response.status, _status(response.data))

    def _send(self, method: str, url: str, payload: bytes | None, headers: dict[str, str]) -> Any:
        for delay in (*CONNECT_DELAYS_S, None):
            try:
                response = self._pool.request(method, url, body=payload, headers={**headers, **self._headers})
            except urllib3.exceptions.SSLError as error:
                fix = "the kubeconfig's certificate authority is not this server's; write the kubeconfig anew"
                raise UserError(f"the Kubernetes API server {self.server} is not trusted: {error}", fix) from error
            except urllib3.exceptions.HTTPError as error:
                if self._gone:
                    raise Unreachable(f"the Kubernetes API server {self.server} still does not answer") from error
                if delay is None:
                    self._gone = True
                    raise self._unreachable(error) from error
                self.pause(delay)
            else:
                self._gone = False
                return response
        raise AssertionError("unreachable: the last attempt raises")

    def _unreachable(self, error: Exception) -> Unreachable:
        cause = "connection refused" if "refused" in str(error) else f"{type(error).__name__}: {error}"
        tries, seconds = len(CONNECT_DELAYS_S) + 1, sum(CONNECT_DELAYS_S)
        return Unreachable(
            f"the Kubernetes API server {self.server} does not answer: {cause} ({tries} tries in {seconds:.0f} s)",
            "is it up? start it (for the local stack `rayeks up local` does) and run the command again",
        )

    def pause(self, seconds: float) -> None:
        """Wait, but not past a cancellation: that raises UserError."""
        if self.cancelled.wait(seconds):
            raise UserError("stopped waiting for the Kubernetes API server: the run was cancelled")


def _status(data: bytes) -> dict[str, Any]:
    try:
        status = json.loads(data)
    except ValueError:
        return {"message": data.decode(errors="replace").strip()}
    return status if isinstance(status, dict) else {"message": str(status)}
