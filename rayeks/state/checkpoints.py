"""A stack's checkpoints in the versioned bucket: what there is, a copy outside it, and the way back to one of them."""

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.account_iam import state_bucket
from infra.iam import Aws
from local.files import write
from rayeks.errors import UserError


@dataclass(frozen=True)
class Version:
    """One version of the checkpoint. A deletion is one too, with nothing in it."""

    id: str
    written: datetime
    size: int
    latest: bool
    deletion: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """What a version holds: its bytes, how many resources it speaks of, and what was in flight when it was written."""

    content: bytes
    resources: int
    pending: int

    @property
    def sha256(self) -> str:
        """The digest by which a copy is compared."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Lock:
    """Who holds the stack: the engine writes it when it begins and removes it when it ends, unless it is killed."""

    key: str
    holder: str
    since: datetime


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoint of one stack of one project, in the state bucket of an account and region."""

    aws: Aws
    project: str
    stack: str

    @property
    def bucket(self) -> str:
        """The state bucket."""
        return state_bucket(self.aws)

    @property
    def key(self) -> str:
        """Where the engine keeps the checkpoint."""
        return f".pulumi/stacks/{self.project}/{self.stack}.json"

    @cached_property
    def _s3(self) -> Any:
        return boto3.client("s3", region_name=self.aws.region)

    def bucket_exists(self) -> bool:
        """Whether this account has the bucket."""
        with self._told():
            return self.bucket in {each["Name"] for each in self._s3.list_buckets()["Buckets"]}

    def versions(self) -> list[Version]:
        """Every version that the bucket keeps, newest first; empty where there is none, or no bucket."""
        found = []
        with self._told():
            try:
                for page in self._s3.get_paginator("list_object_versions").paginate(
                    Bucket=self.bucket, Prefix=self.key
                ):
                    for kind in ("Versions", "DeleteMarkers"):
                        found += [
                            Version(
                                each["VersionId"],
                                each["LastModified"],
                                each.get("Size", 0),
                                each["IsLatest"],
                                kind == "DeleteMarkers",
                            )
                            for each in page.get(kind) or ()
                            if each["Key"] == self.key
                        ]
            except self._s3.exceptions.NoSuchBucket:
                return []
        return sorted(found, key=lambda version: (version.latest, version.written), reverse=True)

    def newest(self) -> Checkpoint | None:
        """The checkpoint that the engine would read now; None where there is none."""
        current = next((version for version in self.versions() if version.latest), None)
        return self.read(current.id) if current and not current.deletion else None

    def read(self, version: str) -> Checkpoint:
        """One version. UserError for one that is not there or holds no checkpoint."""
        with self._told(f"version {version} of {self.key}"):
            content = self._s3.get_object(Bucket=self.bucket, Key=self.key, VersionId=version)["Body"].read()
        return parsed(content, f"version {version} of {self.key}")

    def locks(self) -> list[Lock]:
        """Who works on the stack, or was killed while at it."""
        prefix = f".pulumi/locks/organization/{self.project}/{self.stack}/"
        with self._told():
            found = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents") or []
            return [
                Lock(
                    each["Key"], _holder(self._s3.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()), since
                )
                for each in found
                if (since := each["LastModified"])
            ]

    def backup(self, folder: Path) -> Path:
        """Copy the newest checkpoint out of the bucket, with a note of where it is from; the copy's path.

        UserError where there is none, or where the copy does not have the digest of what was read.
        """
        current = next((version for version in self.versions() if version.latest and not version.deletion), None)
        if current is None:
            raise UserError(f"s3://{self.bucket}/{self.key} holds no checkpoint to copy", "rayeks state show")
        held = self.read(current.id)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.project}-{self.stack}-{current.written:%Y%m%dT%H%M%SZ}.json"
        write(file, held.content.decode())
        if hashlib.sha256(file.read_bytes()).hexdigest() != held.sha256:
            raise UserError(f"{file} is not what was read", "look at the disk, and run it again")
        note = asdict(current) | {"bucket": self.bucket, "key": self.key, "sha256": held.sha256}
        write(file.with_suffix(".origin"), json.dumps(note, default=str, indent=2) + "\n")
        return file

    def restore(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """Make a checkpoint the newest, over what is there, which stays a version; what was there before.

        UserError while an engine holds the stack, and where the bucket then does not hold what was put.
        """
        if locks := self.locks():
            held = "; ".join(f"{lock.holder} since {lock.since:%Y-%m-%d %H:%M}" for lock in locks)
            raise UserError(f"the stack is locked: {held}", f"when nobody works on it: pulumi cancel -s {self.stack}")
        before = self.newest()
        with self._told():
            self._s3.put_object(Bucket=self.bucket, Key=self.key, Body=checkpoint.content)
        after = self.newest()
        if after is None or after.sha256 != checkpoint.sha256:
            raise UserError(f"s3://{self.bucket}/{self.key} is not what was put", "rayeks state show")
        return before

    @contextmanager
    def _told(self, what: str = "") -> Generator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if code in ("NoSuchVersion", "NoSuchKey", "InvalidArgument", "MethodNotAllowed") and what:
                raise UserError(f"there is no {what}", "rayeks state show lists the versions") from None
            if code == "NoSuchBucket":
                raise
            raise UserError(
                f"s3://{self.bucket}: {error}", f"log in to the account {self.aws.account}: aws sts get-caller-identity"
            ) from None


def parsed(content: bytes, what: str) -> Checkpoint:
    """A checkpoint's bytes, looked into; UserError where they are none."""
    try:
        latest = json.loads(content)["checkpoint"].get("latest") or {}
        return Checkpoint(content, len(latest.get("resources") or ()), len(latest.get("pending_operations") or ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{what} is no checkpoint of Pulumi", "take another one") from None


def from_file(file: Path) -> Checkpoint:
    """A checkpoint that `backup` copied. UserError for a missing or damaged file."""
    try:
        content = file.read_bytes()
        origin = file.with_suffix(".origin")
        digest = json.loads(origin.read_text())["sha256"] if origin.exists() else None
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{file} cannot be read: {error}") from None
    if digest not in (None, hashlib.sha256(content).hexdigest()):
        raise UserError(f"{file} is not what was copied: its digest differs from {origin.name}", "take another copy")
    return parsed(content, str(file))


def _holder(content: bytes) -> str:
    try:
        lock = json.loads(content)
        return f"{lock['username']}@{lock['hostname']} (pid {lock['pid']})"
    except (ValueError, KeyError, TypeError):
        return "somebody"
