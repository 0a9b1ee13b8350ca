"""The target cluster through read-only eyes: questions that are asked once, shared by all checks, and change nothing;
every way in which one can be refused is told apart."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from functools import cached_property
from threading import Event
from typing import Any

from infra.portable import unusable
from local.providers.kubernetes import kubeconfig
from local.providers.kubernetes.client import METADATA_ONLY, ApiError, ApiServer
from local.providers.kubernetes.client import Unreachable as Silent
from rayeks.errors import UserError
from rayeks.preflight.model import Ground, Unreadable

Answer = dict[str, Any]
METADATA_LISTS = METADATA_ONLY.replace("PartialObjectMetadata", "PartialObjectMetadataList")
REVIEWS = ("selfsubjectaccessreviews", "selfsubjectreviews")
"""What is created to be answered, and never kept."""


class Refused(Unreadable):
    """The API server's own refusal, by its HTTP `code` and `reason`; often it is the answer."""

    def __init__(self, error: ApiError, fix: str) -> None:
        super().__init__(str(error), fix)
        self.code, self.reason = error.code, error.reason


class Cluster:
    """One cluster by a context of a kubeconfig. Each question is asked once, however many checks ask it."""

    ground, door = Ground.KUBERNETES, "cluster"

    def __init__(self, config: str, context: str) -> None:
        self.config, self.context = config, context
        self._guard = threading.Lock()
        self._cancelled = Event()
        self._answers: dict[str, Future[Answer]] = {}

    def facts(self) -> dict[str, str]:
        """Context, address and version, and as whom it is asked; empty but for the context where nobody is let in."""
        facts = {"context": self.context, "identity": "", "version": "", "endpoint": ""}
        try:
            facts["endpoint"] = self._server.server
            facts["identity"] = self.who()["username"]
            facts["version"] = self.read("/version")["gitVersion"]
        except Unreadable:
            pass
        return facts

    def told(self, facts: Mapping[str, str]) -> str:
        """Which cluster it is, for people."""
        version = f"Kubernetes {facts['version']}" if facts["version"] else "nobody answers"
        return f"context {self.context} of {self.config}, asked at {facts['endpoint'] or '?'}: {version}"

    def close(self) -> None:
        """Ask nothing more."""
        self._cancelled.set()

    def who(self) -> Answer:
        """The API server's own word of who asks: `username` and `groups`."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            return self._review("authentication.k8s.io/v1/selfsubjectreviews", body)["status"]["userInfo"]
        except Refused as refused:
            if refused.code == 404:  # Kubernetes before 1.28 is let in too, to be told of its age
                return {"username": "somebody", "groups": []}
            raise

    def may(self, verb: str, group: str, resource: str) -> bool:
        """Whether who asks may do so in every namespace."""
        asked = {"verb": verb, "group": group, "resource": resource}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        return self._review("authorization.k8s.io/v1/selfsubjectaccessreviews", body)["status"]["allowed"]

    def read(self, path: str, *, metadata: bool = False) -> Answer:
        """The object or the list at a path, of CRDs and the like by choice only their metadata. Raises Unreadable."""
        return self._once("GET", path, accept=METADATA_LISTS) if metadata else self._once("GET", path)

    def items(self, path: str, *, metadata: bool = False) -> list[Answer]:
        """The objects of the list at a path; none where the API server knows no such kind."""
        try:
            return self.read(path, metadata=metadata)["items"] or []
        except Refused as refused:
            if refused.code == 404:
                return []
            raise

    def find(self, path: str) -> Answer | None:
        """The object at a path, or None."""
        try:
            return self.read(path)
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    def refusal(self, path: str, body: Answer) -> Refused | None:
        """Why the API server would not create an object, by a dry run; None where it would."""
        try:
            self._once("POST", path, query={"dryRun": "All", "fieldValidation": "Strict"}, body=body)
        except Refused as refused:
            return refused
        return None

    def _review(self, path: str, body: Answer) -> Answer:
        if path.rsplit("/", 1)[1] not in REVIEWS:
            raise ValueError(f"{path} is no review: creating one changes something")
        return self._once("POST", f"/apis/{path}", body=body)

    @cached_property
    def _server(self) -> ApiServer:
        if trouble := unusable(self.config, self.context):
            raise Unreadable(trouble, "mend the stack file's cluster section, or bring the kubeconfig")
        try:
            return ApiServer(kubeconfig.load(self.config, context=self.context), self._cancelled)
        except (UserError, OSError) as error:
            raise Unreadable(str(error), getattr(error, "fix", None) or "mend the kubeconfig") from None

    def _once(self, method: str, path: str, **options: Any) -> Answer:
        key = json.dumps([method, path, options], sort_keys=True)
        with self._guard:
            asked = key in self._answers
            answer = self._answers.setdefault(key, Future())
        if not asked:
            try:
                answer.set_result(self._ask(method, path, **options))
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()

    def _ask(self, method: str, path: str, **options: Any) -> Answer:
        try:
            return self._server.request(method, path, **options)
        except ApiError as error:
            fixes = {
                401: "log in again, or mend the user of the context",
                403: "let whoever checks look at it, best with cluster-admin",
            }
            raise Refused(error, fixes.get(error.code, "see the message; try again if it is a passing fault")) from None
        except Silent as error:
            fix = "check the network, the VPN, and the address in the kubeconfig"
            raise Unreadable(error.message, fix) from None
        except UserError as error:
            raise Unreadable(error.message, error.fix or "check the network, the proxy and the kubeconfig") from None
