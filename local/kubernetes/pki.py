"""The certificates of the local Kubernetes: made on this machine for this checkout, and renewed before they end."""

import datetime
import ipaddress
import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.files import write

LIFETIME = datetime.timedelta(days=365)
AUTHORITY_LIFETIME = datetime.timedelta(days=3650)
"""Every client that was ever told of an authority trusts it alone, the stack's state among them."""

RENEW_BEFORE = datetime.timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """What to certify: Kubernetes reads the user from `name` and the user's group from `group`."""

    file: str
    name: str
    issuer: str | None = None  # the file of the authority that signs it; None: it is an authority itself
    group: str | None = None


# etcd has an authority of its own: whoever holds a Kubernetes certificate is still a stranger to the store.
CERTIFICATES = (
    Certificate("ca", "local-kubernetes"),
    Certificate("etcd-ca", "local-etcd"),
    Certificate("apiserver", "kube-apiserver", issuer="ca"),
    Certificate("admin", "local-admin", issuer="ca", group="system:masters"),
    Certificate("controller-manager", "system:kube-controller-manager", issuer="ca"),
    Certificate("scheduler", "system:kube-scheduler", issuer="ca"),
    Certificate("etcd", "etcd", issuer="etcd-ca"),
    Certificate("etcd-client", "kube-apiserver", issuer="etcd-ca"),
)
HOSTS = (
    x509.DNSName("localhost"),
    x509.DNSName("kubernetes"),
    x509.DNSName("kubernetes.default"),
    x509.DNSName("kubernetes.default.svc"),
    x509.DNSName("kubernetes.default.svc.cluster.local"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
)
SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUBLIC = "service-accounts.key", "service-accounts.pub"


def fault(folder: Path) -> str | None:
    """Why the certificates in `folder` cannot be used, in words; None when they all can."""
    if not folder.exists():
        return "there are none yet"
    try:
        _load_key(folder / SERVICE_ACCOUNT_KEY)
        certificates = {wanted: _load(folder / f"{wanted.file}.crt") for wanted in CERTIFICATES}
        for wanted, certificate in certificates.items():
            if certificate.not_valid_after_utc < _now() + RENEW_BEFORE:
                return f"{wanted.file}.crt ends on {certificate.not_valid_after_utc:%Y-%m-%d}"
            if certificate.public_key() != _load_key(folder / f"{wanted.file}.key").public_key():
                return f"{wanted.file}.crt and {wanted.file}.key are not a pair"
            certificate.verify_directly_issued_by(_load(folder / f"{wanted.issuer or wanted.file}.crt"))
    except Exception as error:  # whatever is wrong with a file, new ones mend it
        return f"{type(error).__name__}: {error}"
    return None


def make(folder: Path) -> None:
    """Fill `folder` with new certificates.

    The authorities, and the key that signs service-account tokens, are kept if they can be: others know them.
    """
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    issued: dict[str, tuple[x509.Certificate, ec.EllipticCurvePrivateKey]] = {}
    for wanted in CERTIFICATES:
        kept = None if wanted.issuer else _kept_authority(folder, wanted)
        key = kept[1] if kept else ec.generate_private_key(ec.SECP256R1())
        certificate = kept[0] if kept else _certify(wanted, key, issued.get(wanted.issuer or ""))
        issued[wanted.file] = (certificate, key)
        write(fresh / f"{wanted.file}.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        write(fresh / f"{wanted.file}.key", _key_pem(key))
    signing = _kept_or_new(folder / SERVICE_ACCOUNT_KEY)
    write(fresh / SERVICE_ACCOUNT_KEY, _key_pem(signing))
    public = signing.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write(fresh / SERVICE_ACCOUNT_PUBLIC, public, 0o644)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)


def _certify(
    wanted: Certificate,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
) -> x509.Certificate:
    name = [x509.NameAttribute(NameOID.COMMON_NAME, wanted.name)]
    if wanted.group:
        name.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.group))
    subject = x509.Name(name)
    authority = issuer is None
    signer, signing_key = (subject, key) if issuer is None else (issuer[0].subject, issuer[1])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - datetime.timedelta(hours=1))  # clocks of virtual machines jump
        .not_valid_after(_now() + (AUTHORITY_LIFETIME if authority else LIFETIME))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .add_extension(_usage(authority), critical=True)
    )
    if not authority:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(purposes, critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(HOSTS), critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _kept_authority(folder: Path, wanted: Certificate) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """The authority in `folder`, if it outlives what it is about to sign."""
    try:
        certificate, key = _load(folder / f"{wanted.file}.crt"), _load_key(folder / f"{wanted.file}.key")
    except Exception:  # whatever is wrong with it, a new one mends it
        return None
    lasts = certificate.not_valid_after_utc > _now() + LIFETIME
    return (certificate, key) if lasts and certificate.public_key() == key.public_key() else None


def _kept_or_new(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        return _load_key(path)
    except (OSError, ValueError, TypeError):
        return ec.generate_private_key(ec.SECP256R1())


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic-curve key")
    return key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # The form that Go's libraries and every TLS tool read.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
