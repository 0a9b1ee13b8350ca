"""The account at the other end: boto3 clients that threads share, and AWS's errors as messages for people."""

import os
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from rayeks.errors import UserError

ATTEMPTS = 4
CONNECTIONS = 32


class AwsError(UserError):
    """AWS refused an operation; `code` is its error code, such as `InvalidVpcID.NotFound`."""

    def __init__(self, operation: str, code: str, message: str, fix: str | None = None) -> None:
        super().__init__(f"{operation}: {code}: {message}" if code else f"{operation}: {message}", fix)
        self.operation, self.code, self.reason = operation, code, message


class Cloud:
    """boto3 at the endpoint that the environment names, with one session and one client a service and region."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        settings = settings or {}
        env_region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        self.region: str = settings.get("region") or env_region or ""
        if not self.region:
            raise UserError("no AWS region", fix="set aws:region in the stack file, or AWS_REGION")
        self._session = boto3.Session(
            region_name=self.region,
            profile_name=settings.get("profile"),
            aws_access_key_id=settings.get("accessKey"),
            aws_secret_access_key=settings.get("secretKey"),
            aws_session_token=settings.get("token"),
        )
        self._config = Config(
            retries={"mode": "standard", "max_attempts": int(settings.get("maxRetries") or ATTEMPTS)},
            max_pool_connections=CONNECTIONS,
            user_agent_extra="ray-on-eks",
        )
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    @cached_property
    def account(self) -> str:
        """The account's id, asked once."""
        return self.call("sts", "GetCallerIdentity")["Account"]

    @cached_property
    def partition(self) -> str:
        """`aws`, or `aws-cn` and the like, by the region."""
        return self._session.get_partition_for_region(self.region)

    def client(self, service: str, region: str | None = None) -> Any:
        """The boto3 client of a service, made once a region."""
        key = (service, region or self.region)
        with self._lock:  # sessions are not thread-safe, clients are
            if key not in self._clients:
                self._clients[key] = self._session.client(service, region_name=key[1], config=self._config)
            return self._clients[key]

    def model(self, service: str, operation: str) -> Any:
        """botocore's model of an operation: its input and output shapes."""
        return self.client(service).meta.service_model.operation_model(operation)

    def call(
        self, service: str, operation: str, params: Mapping[str, Any] | None = None, region: str | None = None
    ) -> dict[str, Any]:
        """One API call, with all of its pages where it has pages. Raises AwsError."""
        client = self.client(service, region)
        method = botocore.xform_name(operation)
        try:
            if client.can_paginate(method):
                return client.get_paginator(method).paginate(**(params or {})).build_full_result()
            return getattr(client, method)(**(params or {}))
        except ClientError as error:
            details = error.response.get("Error", {})
            raise AwsError(operation, str(details.get("Code", "")), details.get("Message") or str(error)) from error
        except EndpointConnectionError as error:
            raise AwsError(operation, "", str(error), fix="is the local AWS up? `rayeks up local`") from error
        except BotoCoreError as error:
            raise AwsError(operation, type(error).__name__, str(error)) from error
