"""Where a job keeps what must outlive it: one URI for S3, an S3-compatible endpoint or a mounted path."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.fs as pafs


class StorageError(Exception):
    """Storage that is misspelt, unreachable, missing or not writable; the message says which."""


@dataclass(frozen=True)
class Storage:
    """A folder on a filesystem that every node of the cluster can open by the same URI."""

    uri: str
    filesystem: pafs.FileSystem
    path: str

    def child(self, name: str) -> "Storage":
        """The folder `name` inside this one."""
        return Storage(f"{self.uri}/{name}", self.filesystem, f"{self.path}/{name}")

    def names(self) -> list[str]:
        """The names of what lies directly inside, sorted; empty where the folder does not exist."""
        entries = self.filesystem.get_file_info(pafs.FileSelector(self.path, allow_not_found=True))
        return sorted(entry.base_name for entry in entries)

    def read(self, name: str) -> bytes | None:
        """A file's content, None where there is no such file."""
        try:
            with self.filesystem.open_input_stream(f"{self.path}/{name}") as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all, replacing one of the same name; whoever sees it sees all of it."""
        path = f"{self.path}/{name}"
        if not isinstance(self.filesystem, pafs.LocalFileSystem):  # S3 shows an object when it is complete
            with self.filesystem.open_output_stream(path) as stream:
                stream.write(content)
            return
        part = Path(self.path) / f".{name}.{os.getpid()}.part"
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def ready(self) -> "Storage":
        """This folder, made where the storage has folders."""
        if isinstance(self.filesystem, pafs.LocalFileSystem):
            self.filesystem.create_dir(self.path)
        return self

    def copy_in(self, folder: Path) -> None:
        """Copy the files of a local folder to here."""
        self.filesystem.create_dir(self.path)
        for file in sorted(folder.iterdir()):
            self.write(file.name, file.read_bytes())

    def delete(self, name: str) -> None:
        """Delete one file; raises FileNotFoundError."""
        self.filesystem.delete_file(f"{self.path}/{name}")


def s3_endpoint() -> str | None:
    """The endpoint that replaces AWS's own, by the variables that every AWS client reads."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def open_storage(uri: str) -> Storage:
    """Open `s3://bucket/prefix` or an absolute path, without touching the network.

    Raises StorageError for any other form. S3 honours `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL`
    (path-style addresses then), `AWS_REGION` and the usual credential chain.
    """
    parts = urlsplit(uri.rstrip("/"))
    if parts.scheme in ("", "file") and parts.path.startswith("/") and not parts.netloc:
        return Storage(parts.path, pafs.LocalFileSystem(), parts.path)
    if parts.scheme != "s3" or not parts.netloc:
        raise StorageError(f"storage {uri!r} is neither s3://bucket/prefix nor an absolute path that every node mounts")
    endpoint = s3_endpoint()
    where = {}
    if endpoint:
        override = urlsplit(endpoint)
        where = {"endpoint_override": override.netloc, "scheme": override.scheme}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    filesystem = pafs.S3FileSystem(
        region=region, connect_timeout=5, request_timeout=30, allow_delayed_open=True, **where
    )
    return Storage(f"s3://{parts.netloc}{parts.path}", filesystem, f"{parts.netloc}{parts.path}")


def check(storage: Storage, *, write: bool = True) -> None:
    """Refuse, before any machine is paid for, storage that a job could not write to; without `write`, could not read.

    Raises StorageError: endpoint unreachable, no such bucket, not writable, full.
    """
    endpoint = s3_endpoint()
    if storage.uri.startswith("s3://"):
        if endpoint:
            _reach(endpoint)
        bucket = storage.path.split("/")[0]
        try:
            found = storage.filesystem.get_file_info(bucket)
        except OSError as error:
            raise StorageError(f"S3 bucket {bucket!r} cannot be read: {_first_line(error)}") from error
        if found.type == pafs.FileType.NotFound:
            raise StorageError(f"there is no S3 bucket {bucket!r}" + (f" at {endpoint}" if endpoint else ""))
    if not write:
        return
    try:
        if not storage.uri.startswith("s3://"):
            Path(storage.path).mkdir(parents=True, exist_ok=True)
        storage.write(".writable", b"written by the start of a job to prove that it may")
        storage.delete(".writable")
    except OSError as error:
        raise StorageError(f"storage {storage.uri} cannot be written: {_first_line(error)}") from error


def _reach(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except OSError as error:
        raise StorageError(
            f"S3 endpoint {endpoint} (from AWS_ENDPOINT_URL) is not reachable: {_first_line(error)}"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
