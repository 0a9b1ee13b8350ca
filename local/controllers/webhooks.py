"""Kueue's webhooks on loopback: its certificates, its configuration file, and the API server pointed at both.

In a cluster Kueue is reached as a Service; here by URL. Everything else of its webhooks is as its project publishes it.
"""

import base64
import copy
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from local import golang
from local.controllers.programs import KUEUE
from local.files import write
from local.kubernetes.pki import HOSTS
from local.toolchain import FAMILIES

Object = dict[str, Any]

NAMESPACE = "kueue-system"
SECRET = "kueue-webhook-server-cert"
SERVICE = f"kueue-webhook-service.{NAMESPACE}.svc"
LIFETIME = datetime.timedelta(days=365)
MANIFESTS = "config/components/webhook/manifests.yaml"
CONVERTED = ("localqueues", "clusterqueues", "workloads", "cohorts", "multikueueclusters")
"""The CRDs of which Kueue converts old versions; its certificate keeper insists on finding the webhook in each."""


def settings(ports: Mapping[str, int], certificates: Path, own: Mapping[str, Any]) -> Object:
    """Kueue's configuration: `own`, as the platform gives it to the chart, moved to loopback."""
    moved = copy.deepcopy(dict(own))
    return moved | {
        "namespace": NAMESPACE,
        "health": {"healthProbeBindAddress": f"127.0.0.1:{ports[KUEUE]}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": ports["kueue-webhooks"], "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": True},
        "clientConnection": {"qps": 300, "burst": 500},
        # It would listen on every interface.
        "featureGates": {**moved.get("featureGates", {}), "VisibilityOnDemand": False},
    }


def prepare(folder: Path, ports: Mapping[str, int], own: Mapping[str, Any]) -> Path:
    """Write the certificates and the configuration file below `folder`; returns the configuration file."""
    certificates = folder / "certificates"
    if not (certificates / "ca.crt").exists():
        certificates.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in _issued().items():
            write(certificates / name, content)
    path = folder / "kueue.yaml"
    text = yaml.safe_dump(settings(ports, certificates, own))
    if not path.exists() or path.read_text() != text:
        write(path, text)
    return path


def objects(folder: Path, ports: Mapping[str, int]) -> list[Object]:
    """The Secret with the certificates, and both webhook configurations, called by URL."""
    certificates = folder / "certificates"
    held = {file: _encoded(certificates / file) for file in ("ca.crt", "ca.key", "tls.crt", "tls.key")}
    found: list[Object] = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": NAMESPACE}, "data": held}
    ]
    module = golang.module_folder(FAMILIES / KUEUE, "sigs.k8s.io/kueue")
    for item in yaml.safe_load_all((module / MANIFESTS).read_text()):
        for webhook in item["webhooks"]:
            path = webhook["clientConfig"].pop("service")["path"]
            webhook["clientConfig"] = {"url": _url(ports, path), "caBundle": held["ca.crt"]}
        metadata = {"name": f"kueue-{item['metadata']['name']}"}
        found.append({"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata} | _rest(item))
    return found


def conversion(folder: Path, ports: Mapping[str, int]) -> Object:
    """What `spec.conversion` of each CRD in CONVERTED becomes."""
    client = {"url": _url(ports, "/convert"), "caBundle": _encoded(folder / "certificates" / "ca.crt")}
    return {"strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]}}


def _rest(item: Object) -> Object:
    return {"webhooks": [each for each in item["webhooks"] if _served(each)]}


def _served(webhook: Object) -> bool:
    """Whether a webhook is about what runs here; the others' frameworks are off, so that nobody would answer."""
    groups = {group for rule in webhook["rules"] for group in rule["apiGroups"]}
    return groups <= {"kueue.x-k8s.io", "batch", "ray.io"}


def _url(ports: Mapping[str, int], path: str) -> str:
    return f"https://127.0.0.1:{ports['kueue-webhooks']}{path}"


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _issued() -> dict[str, bytes]:
    """An authority and a server certificate as Kueue's keeper would make them: RSA, by its names."""
    authority_key, server_key = (rsa.generate_private_key(65_537, 2048) for _ in range(2))
    authority = _certificate("kueue-ca", authority_key, [x509.DNSName("kueue-ca")])
    hosts = [x509.DNSName(SERVICE), *HOSTS]
    server = _certificate(SERVICE, server_key, hosts, issuer=(authority, authority_key))
    return {
        "ca.crt": authority.public_bytes(serialization.Encoding.PEM),
        "ca.key": _pem(authority_key),
        "tls.crt": server.public_bytes(serialization.Encoding.PEM),
        "tls.key": _pem(server_key),
    }


def _certificate(
    name: str,
    key: rsa.RSAPrivateKey,
    hosts: Sequence[x509.GeneralName],
    *,
    issuer: tuple[x509.Certificate, rsa.RSAPrivateKey] | None = None,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "kueue")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), organization])
    usage = {"digital_signature": True, "key_encipherment": True, "key_cert_sign": issuer is None}
    others = ("content_commitment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only")
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage, **dict.fromkeys(others, False)), critical=True)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
