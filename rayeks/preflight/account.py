"""The target account through read-only eyes: boto3 calls that are made once, shared by all checks, and never change
anything; every way in which one can be refused is told apart."""

import json
import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from rayeks.preflight.model import Ground, Unreadable

Answer = dict[str, Any]

READ_ONLY = ("describe_", "get_", "list_", "simulate_", "search_")
"""How the operations begin that this module is willing to call."""

DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "NotAuthorized",
    "UnauthorizedException",
    "UnauthorizedOperation",
}
UNAUTHENTICATED = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
UNSUPPORTED = {"InvalidAction", "NotImplemented", "UnknownOperationException", "UnsupportedOperation"}
NO_IDENTITY = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

IAM_PREFIXES = {"service-quotas": "servicequotas"}
IAM_ACTIONS = {
    ("budgets", "DescribeBudgets"): "budgets:ViewBudget",
    ("s3", "ListBuckets"): "s3:ListAllMyBuckets",
}
"""Where an IAM action is not simply `<service>:<Operation>`. Source: service authorization reference."""

HOME = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Partition → the region in which its global services (IAM's quotas, billing) answer."""


class Denied(Unreadable):
    """The identity may not ask; `action` is the IAM action that it lacks."""

    def __init__(self, action: str, message: str = "") -> None:
        super().__init__(f"not allowed to look: {action} is denied{message}", f"allow {action} to this identity")
        self.action = action


class Unreachable(Unreadable):
    """Nobody answers at the endpoint."""


class Unauthenticated(Unreadable):
    """There are no credentials, or AWS does not take them."""


class Refused(Unreadable):
    """Any other error of the service, by its `code`; often it is the answer: NotFound, NoSuchEntity."""

    def __init__(self, code: str, message: str, operation: str) -> None:
        super().__init__(
            f"{operation} answered {code}: {message}", "see the message; try again if it is a passing fault"
        )
        self.code = code


class Account:
    """One account in one region. `read` asks each question once, however many checks ask it."""

    ground, door = Ground.AWS, "identity"

    def __init__(
        self, session: boto3.Session, *, region: str, partition: str = "aws", endpoint: str | None = None
    ) -> None:
        """`endpoint` is where all services answer, where that is not AWS nor what the environment says."""
        self.region = region
        self._endpoint = endpoint
        self.home = HOME.get(partition, region)
        self._session = session
        self._guard = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._answers: dict[tuple[str, ...], Future[Answer]] = {}
        self._silent: dict[tuple[str, str], Unreachable] = {}
        self._closed = False
        self._let_in = False

    def read(self, service: str, operation: str, *, region: str = "", **params: Any) -> Answer:
        """The whole answer of a read-only operation (`describe_vpcs`), all pages of it joined.

        `region` is the account's own unless given. Raises Denied, Unreachable, Unauthenticated or Refused; an
        operation that could change something is a ValueError.
        """
        if not operation.startswith(READ_ONLY):
            raise ValueError(f"{service}.{operation} may change something; only {', '.join(READ_ONLY)}… are read")
        where = region or self.region
        if self._closed:
            raise Unreadable("stopped before it was asked", "run it again")
        if (service, where) in self._silent:
            raise self._silent[service, where]
        key = (service, operation, where, json.dumps(params, sort_keys=True, default=str))
        with self._guard:
            asked = key in self._answers
            answer = self._answers.setdefault(key, Future())
        if not asked:
            try:
                answer.set_result(self._ask(service, operation, where, params))
            except BaseException as error:
                if isinstance(error, Unreachable):
                    self._silent[service, where] = error  # whoever waited in vain once need not wait again
                answer.set_exception(error)
        return answer.result()

    def find(self, service: str, operation: str, *absent: str, region: str = "", **params: Any) -> Answer | None:
        """As `read`, but None where the service answers one of the `absent` error codes."""
        try:
            return self.read(service, operation, region=region, **params)
        except Refused as refused:
            if refused.code in absent:
                return None
            raise

    def facts(self) -> dict[str, str]:
        """The account's number and the caller's ARN, both empty where AWS does not know who asks, and where it is."""
        try:
            who = self.read("sts", "get_caller_identity", region=self.home)
        except Unreadable:
            who = {"Account": "", "Arn": ""}
        self._let_in = bool(who["Arn"])
        try:
            endpoint = self.endpoint()
        except Exception as error:  # without a profile there is not even an address
            endpoint = f"? ({error})"
        return {"account": who["Account"], "identity": who["Arn"], "region": self.region, "endpoint": endpoint}

    def told(self, facts: Mapping[str, str]) -> str:
        """Which account it is, for people."""
        return f"account {facts['account'] or '?'} in {facts['region']}, asked at {facts['endpoint']}"

    def close(self) -> None:
        """Ask nothing more."""
        self._closed = True

    def endpoint(self, service: str = "ec2") -> str:
        """Where a service's calls go."""
        return self._client(service, self.region).meta.endpoint_url

    def _client(self, service: str, region: str) -> Any:
        # boto3's sessions are not made for threads; its clients are.
        with self._guard:
            key = (service, region)
            if key not in self._clients:
                config = Config(
                    connect_timeout=5,
                    read_timeout=20,
                    retries={"mode": "standard", "max_attempts": 4},
                    max_pool_connections=20,
                    user_agent_extra="ray-on-eks-preflight",
                    # Bucket names as host names never resolve at an endpoint of one's own.
                    s3={"addressing_style": "path"},
                )
                self._clients[key] = self._session.client(
                    service, region_name=region, endpoint_url=self._endpoint, config=config
                )
            return self._clients[key]

    def _ask(self, service: str, operation: str, region: str, params: dict[str, Any]) -> Answer:
        try:
            client = self._client(service, region)
            name = client.meta.method_to_api_mapping[operation]
            if client.can_paginate(operation):
                return client.get_paginator(operation).paginate(**params).build_full_result()
            return getattr(client, operation)(**params)
        except ClientError as error:
            refused = _refusal(service, name, error)
            if self._let_in and isinstance(refused, Unauthenticated):
                # The identity was good elsewhere: a region that is not enabled answers so.
                refused.fix = f"enable {region} for the account, or: {refused.fix}"
            raise refused from None
        except NO_IDENTITY as error:
            raise Unauthenticated(f"no AWS credentials: {error}", "aws sso login, or set AWS_PROFILE") from None
        except (ConnectionError, HTTPClientError) as error:
            where = self._client(service, region).meta.endpoint_url
            raise Unreachable(
                f"{where} does not answer: {type(error).__name__}", "check the network, the proxy and AWS_ENDPOINT_URL"
            ) from None
        except NoRegionError as error:
            raise Unreadable(str(error), "set aws:region in the stack file") from None
        except BotoCoreError as error:
            raise Unreadable(f"{service} {operation}: {error}", "update boto3: make setup") from None


def iam_action(service: str, operation: str) -> str:
    """The IAM action that allows an operation, named as in the API (`DescribeVpcs`)."""
    return IAM_ACTIONS.get((service, operation)) or f"{IAM_PREFIXES.get(service, service)}:{operation}"


def _refusal(service: str, operation: str, error: ClientError) -> Unreadable:
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message", "")
    if code in DENIED:
        named = re.search(r"perform: ([a-z0-9-]+:[A-Za-z]+)", message)
        explicit = " explicitly" if "explicit deny" in message else ""
        return Denied(named[1] if named else iam_action(service, operation), explicit)
    if code in UNAUTHENTICATED:
        return Unauthenticated(
            f"AWS does not take these credentials ({code}): {message}", "aws sso login, or set AWS_PROFILE"
        )
    if code in UNSUPPORTED or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 501:
        return Unreadable(
            f"the endpoint does not know {service} {operation}: {message}", "ask another endpoint, or skip this check"
        )
    return Refused(code, message, f"{service}:{operation}")
