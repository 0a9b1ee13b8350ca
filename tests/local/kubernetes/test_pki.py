"""The certificates by themselves: each way to be useless is found, and what can be kept is kept."""

import datetime
import ssl
from pathlib import Path

import pytest

from local.kubernetes import pki


def test_new_certificates_have_no_fault(tmp_path: Path):
    assert pki.fault(tmp_path / "pki") == "there are none yet"
    pki.make(tmp_path / "pki")
    assert pki.fault(tmp_path / "pki") is None


def test_openssl_takes_each_of_them_with_its_key_and_its_authority(tmp_path: Path):
    pki.make(tmp_path)
    for each in pki.CERTIFICATES:
        if each.issuer:
            context = ssl.create_default_context(cafile=tmp_path / f"{each.issuer}.crt")
            context.load_cert_chain(tmp_path / f"{each.file}.crt", tmp_path / f"{each.file}.key")


def test_certificates_that_soon_end_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pki, "LIFETIME", datetime.timedelta(days=29))
    pki.make(tmp_path)
    assert "apiserver.crt ends on" in str(pki.fault(tmp_path))


@pytest.mark.parametrize("file", ["ca.crt", "ca.key", "etcd-client.crt", "admin.key", "service-accounts.key"])
def test_a_missing_or_broken_file_is_a_fault(tmp_path: Path, file: str):
    pki.make(tmp_path)
    (tmp_path / file).write_text("broken")
    assert pki.fault(tmp_path)
    (tmp_path / file).unlink()
    assert file in str(pki.fault(tmp_path))


def test_a_certificate_of_another_authority_is_a_fault(tmp_path: Path):
    pki.make(tmp_path / "a")
    pki.make(tmp_path / "b")
    for file in ("admin.crt", "admin.key"):
        (tmp_path / "a" / file).write_bytes((tmp_path / "b" / file).read_bytes())
    assert pki.fault(tmp_path / "a")


def test_renewal_keeps_what_others_know_and_renews_the_rest(tmp_path: Path):
    pki.make(tmp_path)
    known = ["ca.crt", "ca.key", "etcd-ca.crt", pki.SERVICE_ACCOUNT_KEY, pki.SERVICE_ACCOUNT_PUBLIC]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "scheduler.crt").unlink()
    pki.make(tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name for name in before if before[name] == after[name]} == {*known, "etcd-ca.key"}
    assert pki.fault(tmp_path) is None


@pytest.mark.parametrize("broken", ["expired", "ca.key"])
def test_an_authority_that_cannot_be_kept_is_made_anew(tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        if broken == "expired":
            patch.setattr(pki, "AUTHORITY_LIFETIME", datetime.timedelta(days=100))
        pki.make(tmp_path)
    before = (tmp_path / "ca.crt").read_bytes()
    if broken != "expired":
        (tmp_path / broken).write_text("broken")
    pki.make(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() != before and pki.fault(tmp_path) is None
