"""What the controllers are given: machines, stages, webhooks; the controllers themselves run in the drills."""

import ssl
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from infra import instances
from infra.requirements import Offering
from local.controllers import stages, webhooks
from local.controllers.catalogue import OVERHEAD, catalogue, usd
from local.controllers.programs import KUEUE

ZONES = ("us-west-2a", "us-west-2b")
OWN = {"apiVersion": "config.kueue.x-k8s.io/v1beta2", "kind": "Configuration"}
PORTS = {KUEUE: 21_001, "kueue-webhooks": 21_002}


def found(name: str) -> dict:
    (entry,) = catalogue([name], region="us-west-2", zones=ZONES)
    return entry


def test_a_machine_is_offered_in_every_zone_that_has_it_by_every_way_to_buy_it():
    ways = {
        tuple(each["values"][0] for each in offering["Requirements"][:2])
        for offering in found("g6.xlarge")["offerings"]
    }
    assert ways == {(zone, kind) for zone in ZONES for kind in ("on-demand", "spot")}


def test_a_label_that_a_machine_lacks_is_said_to_be_absent():
    gpu, cpu = catalogue(["g6.xlarge", "m7i.xlarge"], region="us-west-2", zones=ZONES)
    key = "karpenter.k8s.aws/instance-gpu-count"
    said = [next(each for each in entry["offerings"][0]["Requirements"] if each["key"] == key) for entry in (gpu, cpu)]
    assert said == [{"key": key, "operator": "In", "values": ["1"]}, {"key": key, "operator": "DoesNotExist"}]


def test_the_simulated_cloud_leaves_a_machine_what_pods_may_use_of_it():
    resources = found("m7i.xlarge")["resources"]
    assert int(resources["cpu"][:-1]) - OVERHEAD["cpu"] < instances.known("m7i.xlarge").vcpus * 1000
    assert "nvidia.com/gpu" not in resources


def test_a_machine_without_a_price_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("local.controllers.catalogue.usd", lambda *_: None)
    assert catalogue(["m7i.xlarge"], region="us-west-2", zones=ZONES) == []


def test_spot_is_cheaper_than_on_demand():
    spot, full = (usd("m7i.xlarge", "us-west-2", Offering("us-west-2a", kind)) for kind in ("spot", "on-demand"))
    assert spot and full and spot < full


def test_the_stages_of_the_pinned_kwok_are_all_there(tmp_path: Path):
    documents = list(yaml.safe_load_all(stages.write_config(tmp_path / "kwok.yaml").read_text()))
    assert [each["kind"] for each in documents] == ["KwokConfiguration", *["Stage"] * len(stages.STAGES)]


def test_kueue_listens_on_loopback_alone(tmp_path: Path):
    config = yaml.safe_load(webhooks.prepare(tmp_path, PORTS, OWN).read_text())
    assert config["webhook"]["host"] == "127.0.0.1" and config["health"]["healthProbeBindAddress"] == "127.0.0.1:21001"
    assert config["featureGates"]["VisibilityOnDemand"] is False


def test_the_platform_s_own_settings_of_kueue_are_kept(tmp_path: Path):
    own = {"integrations": {"frameworks": ["ray.io/rayjob"]}, "featureGates": {"TopologyAwareScheduling": True}}
    config = yaml.safe_load(webhooks.prepare(tmp_path, PORTS, own).read_text())
    assert config["integrations"] == own["integrations"]
    assert config["featureGates"] == {"TopologyAwareScheduling": True, "VisibilityOnDemand": False}


def test_the_api_server_can_trust_kueue_s_certificate(tmp_path: Path):
    webhooks.prepare(tmp_path, PORTS, OWN)
    folder = tmp_path / "certificates"
    authority, server = (
        x509.load_pem_x509_certificate((folder / f"{each}.crt").read_bytes()) for each in ("ca", "tls")
    )
    server.verify_directly_issued_by(authority)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(folder / "tls.crt", folder / "tls.key")


def test_certificates_are_made_once(tmp_path: Path):
    webhooks.prepare(tmp_path, PORTS, OWN)
    before = (tmp_path / "certificates" / "tls.crt").read_bytes()
    webhooks.prepare(tmp_path, PORTS, OWN)
    assert (tmp_path / "certificates" / "tls.crt").read_bytes() == before


def test_webhooks_that_nobody_would_answer_are_left_out(tmp_path: Path):
    webhooks.prepare(tmp_path, PORTS, OWN)
    made = [each for each in webhooks.objects(tmp_path, PORTS) if each["kind"].endswith("WebhookConfiguration")]
    names = {webhook["name"] for each in made for webhook in each["webhooks"]}
    assert {"mrayjob.kb.io", "vrayjob.kb.io", "mclusterqueue.kb.io"} <= names
    assert not {"mpytorchjob.kb.io", "mdeployment.kb.io", "mpod.kb.io"} & names
