"""What a killed engine leaves behind, settled as data."""

import json
import random
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rayeks.engine.recovery import created, ordered, without_pending

STACK = "urn:pulumi:local::p::pulumi:pulumi:Stack::p-local"
PROVIDER = "urn:pulumi:local::p::pulumi:providers:aws::default"


def resource(name: str, *needs: str, **more: Any) -> dict[str, Any]:
    """A resource as the state holds it."""
    urn = f"urn:pulumi:local::p::aws:x/y:Y::{name}"
    needed = [f"urn:pulumi:local::p::aws:x/y:Y::{need}" for need in needs]
    given = {"inputs": {"name": name}, "parent": STACK, "provider": f"{PROVIDER}::some-id"}
    return {"urn": urn, "custom": True, "type": "aws:x/y:Y", "dependencies": needed} | given | more


BASE = [
    {"urn": STACK, "custom": False, "type": "pulumi:pulumi:Stack"},
    {"urn": PROVIDER, "custom": True, "id": "some-id", "type": "pulumi:providers:aws", "parent": STACK},
]


def names(resources: list[dict[str, Any]]) -> list[str]:
    """The resources' names, in order."""
    return [entry["urn"].rsplit("::", 1)[-1] for entry in resources]


def test_what_was_created_unheard_is_taken_into_the_state_by_its_id() -> None:
    bucket = resource("bucket")
    state = {"resources": BASE, "pending_operations": [{"type": "creating", "resource": bucket}]}
    mended = without_pending(state, {bucket["urn"]: "bucket-1"})
    assert "pending_operations" not in mended.deployment
    assert mended.deployment["resources"][-1] == bucket | {"id": "bucket-1", "outputs": {"name": "bucket"}}
    assert (mended.adopted, mended.forgotten) == ([bucket["urn"]], [])


def test_what_was_never_created_is_left_for_the_next_run_to_make() -> None:
    bucket = resource("bucket")
    state = {"resources": BASE, "pending_operations": [{"type": "creating", "resource": bucket}]}
    mended = without_pending(state, {})
    assert mended.deployment["resources"] == BASE
    assert mended.forgotten == [bucket["urn"]]


def test_updates_and_deletions_in_flight_stay_in_the_state() -> None:
    vpc, bucket = resource("vpc", id="vpc-1"), resource("bucket", id="bucket-1")
    pending = [{"type": "updating", "resource": vpc}, {"type": "deleting", "resource": bucket}]
    mended = without_pending({"resources": [*BASE, vpc, bucket], "pending_operations": pending}, {})
    assert names(mended.deployment["resources"])[2:] == ["vpc", "bucket"]
    assert (mended.adopted, mended.forgotten) == ([], [])


def test_a_replacement_that_was_created_unheard_leaves_the_old_one_marked_for_deletion() -> None:
    old, subnet, new = resource("vpc", id="vpc-1"), resource("subnet", "vpc", id="subnet-1"), resource("vpc")
    state = {"resources": [*BASE, old, subnet], "pending_operations": [{"type": "creating", "resource": new}]}
    resources = without_pending(state, {new["urn"]: "vpc-2"}).deployment["resources"]
    assert {(r["id"], r.get("delete", False)) for r in resources[2:]} == {
        ("vpc-1", True),
        ("vpc-2", False),
        ("subnet-1", False),
    }
    order = [r.get("id") for r in resources]
    assert order.index("vpc-2") < order.index("subnet-1")


def test_what_the_engine_did_hear_of_is_not_taken_twice() -> None:
    vpc = resource("vpc", id="vpc-1")
    state = {"resources": [*BASE, vpc], "pending_operations": [{"type": "creating", "resource": resource("vpc")}]}
    mended = without_pending(state, {vpc["urn"]: "vpc-1"})
    assert mended.deployment["resources"] == [*BASE, vpc]


def test_a_provider_that_was_starting_is_simply_started_again() -> None:
    state = {"resources": BASE[:1], "pending_operations": [{"type": "creating", "resource": BASE[1]}]}
    assert without_pending(state, {PROVIDER: "some-id"}).deployment["resources"] == BASE[:1]


def test_a_journal_line_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    journal = tmp_path / "created.jsonl"
    journal.write_text(json.dumps({"urn": "a", "id": "1"}) + '\n{"urn": "b", "i')
    assert created(journal) == {"a": "1"}
    assert created(tmp_path / "none.jsonl") == {}


@given(st.integers(2, 12), st.randoms())
def test_resources_are_put_after_all_that_they_need(count: int, chance: random.Random) -> None:
    made = [resource(str(n), *(str(k) for k in range(n) if chance.random() < 0.4), id=f"id-{n}") for n in range(count)]
    shuffled = [*BASE, *made]
    chance.shuffle(shuffled)
    order = [entry["urn"] for entry in ordered(shuffled)]
    assert sorted(order) == sorted(entry["urn"] for entry in shuffled)
    for entry in made:
        assert all(order.index(need) < order.index(entry["urn"]) for need in entry["dependencies"])
        assert order.index(PROVIDER) < order.index(entry["urn"])
