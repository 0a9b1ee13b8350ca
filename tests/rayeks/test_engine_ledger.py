"""An engine run, folded from its events."""

from typing import Any

from pulumi.automation import EngineEvent

from rayeks.engine.ledger import Ledger, by_component, plain

URN = "urn:pulumi:local::p::"
STACK = f"{URN}pulumi:pulumi:Stack::p-local"
NETWORK = f"{URN}platform:infra:Network::ray"
VPC = f"{URN}platform:infra:Network$aws:ec2/vpc:Vpc::main"
SUBNET = f"{URN}platform:infra:Network$platform:infra:Subnets$aws:ec2/subnet:Subnet::a"
SUBNETS = f"{URN}platform:infra:Network$platform:infra:Subnets::ray"
BUCKET = f"{URN}aws:s3/bucket:Bucket::logs"


def event(kind: str, urn: str, op: str, parent: str = STACK, *, custom: bool = True) -> EngineEvent:
    """One event on a resource, as the engine sends it."""
    type_ = urn.split("::")[2].rsplit("$", 1)[-1]
    state = {"type": type_, "urn": urn, "custom": custom, "parent": parent}
    metadata: dict[str, Any] = {"op": op, "urn": urn, "type": type_, "new": state}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: {"metadata": metadata}})


def said(severity: str, message: str, urn: str = "", *, ephemeral: bool = False) -> EngineEvent:
    """One message of the engine."""
    diagnostic = {"severity": severity, "message": message, "urn": urn, "color": "never", "ephemeral": ephemeral}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": diagnostic})


def test_a_resource_belongs_to_its_outermost_component() -> None:
    ledger = Ledger()
    ledger.take(event("resourcePreEvent", NETWORK, "create", custom=False), 0.0)
    ledger.take(event("resourcePreEvent", SUBNETS, "create", NETWORK, custom=False), 0.0)
    for urn, parent in ((VPC, NETWORK), (SUBNET, SUBNETS), (BUCKET, STACK)):
        ledger.take(event("resourcePreEvent", urn, "create", parent), 0.0)
    assert {step.name: step.component for step in ledger.steps if step.custom} == {
        "main": "Network",
        "a": "Network",
        "logs": "Bucket",
    }


def test_components_are_told_with_counts_and_the_span_of_their_work() -> None:
    ledger = Ledger()
    ledger.take(event("resourcePreEvent", NETWORK, "create", custom=False), 0.0)
    ledger.take(event("resourcePreEvent", VPC, "create", NETWORK), 1.0)
    assert [step.name for step in ledger.running] == ["main"]
    ended = ledger.take(event("resOutputsEvent", VPC, "create", NETWORK), 3.5)
    assert ended and (ended.seconds, ended.verb) == (2.5, "created")
    ledger.take(event("resourcePreEvent", BUCKET, "same"), 4.0)
    ledger.take(event("resOutputsEvent", BUCKET, "same"), 4.0)
    network, bucket = by_component(ledger.done)
    assert (network.name, network.counts, network.started, network.ended) == ("Network", {"created": 1}, 1.0, 3.5)
    assert bucket.counts == {"unchanged": 1}
    assert ledger.counts() == {"created": 1, "unchanged": 1}


def test_only_what_was_changed_counts_as_a_change() -> None:
    ledger = Ledger()
    for op in ("same", "refresh", "read"):
        ledger.take(event("resourcePreEvent", VPC, op, NETWORK), 0.0)
        ledger.take(event("resOutputsEvent", VPC, op, NETWORK), 0.0)
    assert ledger.changed == []
    ledger.take(event("resourcePreEvent", VPC, "update", NETWORK), 0.0)
    ledger.take(event("resOutputsEvent", VPC, "update", NETWORK), 0.0)
    assert [step.verb for step in ledger.changed] == ["updated"]


def test_a_replacement_is_told_as_its_two_steps_and_not_a_third_time() -> None:
    ledger = Ledger()
    for op in ("create-replacement", "replace", "delete-replaced"):
        ledger.take(event("resourcePreEvent", VPC, op, NETWORK), 0.0)
        ledger.take(event("resOutputsEvent", VPC, op, NETWORK), 0.0)
    assert [step.verb for step in ledger.changed] == ["created as a replacement", "deleted after its replacement"]


def test_a_failure_is_told_with_the_resource_it_befell() -> None:
    ledger = Ledger()
    ledger.take(event("resourcePreEvent", VPC, "create", NETWORK), 0.0)
    ledger.take(said("error", "<{%fg 1%}>the CIDR is taken<{%reset%}>", VPC), 0.5)
    failed = ledger.take(event("resOpFailedEvent", VPC, "create", NETWORK), 1.0)
    ledger.take(said("error", "update failed", STACK), 1.0)
    assert failed and failed.verb == "failed"
    assert ledger.errors == ["aws:ec2/vpc:Vpc main: the CIDR is taken"]


def test_passing_remarks_and_what_the_engine_says_of_local_plugins_are_not_warnings() -> None:
    ledger = Ledger()
    ledger.take(said("warning", "using pulumi-resource-aws from $PATH at /somewhere"), 0.0)
    ledger.take(said("warning", "waiting", VPC, ephemeral=True), 0.0)
    ledger.take(said("warning", "the subnet is small", SUBNET), 0.0)
    assert ledger.warnings == ["aws:ec2/subnet:Subnet a: the subnet is small"]


def test_a_run_that_only_reads_ends_without_steps_in_flight() -> None:
    ledger = Ledger()
    ledger.take(event("resOutputsEvent", VPC, "refresh", NETWORK), 0.0)
    assert (ledger.running, ledger.done) == ([], [])


def test_colour_marks_are_taken_off() -> None:
    assert plain("<{%bold%}>a<{%reset%}> b") == "a b"
    assert plain("nothing") == "nothing"
