"""Where an API server is and how to be let in, from a kubeconfig; the client library takes up to 10 s to import."""

import base64
import json
import os
import ssl
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rayeks.errors import UserError

EXEC_TIMEOUT_S = 30


@dataclass(frozen=True)
class Access:
    """An API server and the credentials for it. Files are PEM paths, `user` the kubeconfig's user entry."""

    server: str
    cluster: dict[str, Any] = field(default_factory=dict, hash=False)
    user: dict[str, Any] = field(default_factory=dict, hash=False)
    folder: Path = Path()
    namespace: str | None = None

    def file(self, entry: dict[str, Any], key: str, scratch: Path) -> Path | None:
        """The file of `key`, or of `key`-data written into `scratch`; None where the entry has neither."""
        if data := entry.get(f"{key}-data"):
            path = scratch / key
            path.write_bytes(base64.b64decode(data))
            return path
        return self.folder / entry[key] if entry.get(key) else None

    def tls(self) -> ssl.SSLContext:
        """The TLS context: the cluster's CA and the client certificate. Raises UserError naming a bad file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            authority = self.file(self.cluster, "certificate-authority", scratch)
            certificate = self.file(self.user, "client-certificate", scratch)
            key = self.file(self.user, "client-key", scratch)
            try:
                if authority:
                    context.load_verify_locations(authority)
                else:
                    context.load_default_certs()
                if certificate:
                    context.load_cert_chain(certificate, key)
            except (OSError, ssl.SSLError) as error:
                files = ", ".join(str(path) for path in (authority, certificate, key) if path)
                raise UserError(f"the kubeconfig of {self.server} names unusable files ({files}): {error}") from error
        return context

    def headers(self) -> dict[str, str]:
        """The authorization header, if any: a token, a token file, or what an exec plug-in prints."""
        token = self.user.get("token")
        if path := self.user.get("tokenFile"):
            token = (self.folder / path).read_text().strip()
        if plugin := self.user.get("exec"):
            token = exec_token(plugin, self.server)
        return {"Authorization": f"Bearer {token}"} if token else {}


def exec_token(plugin: dict[str, Any], server: str) -> str:
    """The token that the credential plug-in of a kubeconfig prints. Raises UserError when it fails."""
    command = [plugin["command"], *(plugin.get("args") or [])]
    info = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    env = {entry["name"]: entry["value"] for entry in plugin.get("env") or []}
    env = {**os.environ, **env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        done = subprocess.run(command, env=env, capture_output=True, timeout=EXEC_TIMEOUT_S, check=True)
        return json.loads(done.stdout)["status"]["token"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        said = getattr(error, "stderr", None)
        detail = said.decode(errors="replace").strip() if said else str(error)
        raise UserError(f"no credentials for {server}: `{' '.join(command)}` failed: {detail}") from error


def read(text_or_path: str | None) -> tuple[dict[str, Any], Path]:
    """A kubeconfig as a mapping, and the folder that its relative paths start from.

    Takes contents or a path; nothing means `$KUBECONFIG`, then ~/.kube/config, as kubectl does.
    Raises UserError when there is none, or it is not a kubeconfig.
    """
    source = text_or_path or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    folder, text = Path(), source
    if "\n" not in source and not source.lstrip().startswith("{"):
        path = Path(source).expanduser()
        try:
            folder, text = path.parent, path.read_text()
        except OSError as error:
            message = f"the kubeconfig {path} cannot be read: {error.strerror}"
            raise UserError(message, "give the provider `kubeconfig`: its contents or a path") from error
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise UserError(f"the kubeconfig is not YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("clusters"), list):
        raise UserError("the kubeconfig has no `clusters`", "give the provider `kubeconfig`: its contents or a path")
    return content, folder


def load(text_or_path: str | None, *, context: str | None = None, cluster: str | None = None) -> Access:
    """The access that a kubeconfig's current context gives, or that `context` or `cluster` chooses.

    Raises UserError for a context, cluster or user that the kubeconfig lacks.
    """
    content, folder = read(text_or_path)
    name = context or content.get("current-context")
    chosen = _entry(content, "contexts", name, "context") if name else {}
    found = _entry(content, "clusters", cluster or chosen.get("cluster"), "cluster")
    if not found.get("server"):
        raise UserError(f"the kubeconfig's cluster {chosen.get('cluster')!r} has no `server`")
    user = _entry(content, "users", chosen["user"], "user") if chosen.get("user") else {}
    return Access(found["server"].rstrip("/"), found, user, folder, chosen.get("namespace"))


def _entry(content: dict[str, Any], section: str, name: str | None, singular: str) -> dict[str, Any]:
    entries = {item.get("name"): item.get(singular) or {} for item in content.get(section) or []}
    if name not in entries:
        known = ", ".join(str(key) for key in entries) or "none"
        raise UserError(f"the kubeconfig has no {singular} named {name!r}; it has: {known}")
    return entries[name]
