"""What keeps an EC2NodeClass from being Ready, in words."""

import json
from pathlib import Path

from rayeks.proof.classes import logged, unready

NOT_FOUND = {
    "SubnetsReady": {
        "status": "False",
        "reason": "SubnetsNotFound",
        "message": "SubnetSelector did not match any Subnets",
    },
    "ValidationSucceeded": {
        "status": "False",
        "reason": "DependenciesNotReady",
        "message": "Awaiting Subnet resolution",
    },
    "Ready": {"status": "False", "reason": "UnhealthyDependents", "message": "SubnetsReady=False"},
}
UNKNOWN = {"AMIsReady": {"status": "Unknown", "reason": "AwaitingReconciliation", "message": "object is awaiting"}}


def write(log: Path, *entries: object) -> Path:
    log.write_text("panic: not JSON\n" + "".join(json.dumps(entry) + "\n" for entry in entries))
    return log


def test_the_condition_that_failed_is_named_and_not_those_that_follow_from_it(tmp_path: Path):
    assert unready("ray-cpu", NOT_FOUND, tmp_path / "none") == (
        "EC2NodeClass ray-cpu is not Ready: "
        "SubnetsReady=False, SubnetsNotFound: SubnetSelector did not match any Subnets"
    )


def test_what_stays_unknown_is_explained_by_the_last_error_of_the_log(tmp_path: Path):
    log = write(
        tmp_path / "log",
        {"EC2NodeClass": {"name": "ray-cpu"}, "error": "first"},
        {"EC2NodeClass": {"name": "other"}, "error": "of another"},
        {"EC2NodeClass": {"name": "ray-cpu"}, "error": "failed to discover any AMIs for alias"},
        {"EC2NodeClass": {"name": "ray-cpu"}, "message": "no error"},
    )
    assert logged(log, "ray-cpu") == "failed to discover any AMIs for alias"
    assert unready("ray-cpu", UNKNOWN, log).endswith("Karpenter's log: failed to discover any AMIs for alias")


def test_a_silent_karpenter_is_said_to_be_silent_with_its_log(tmp_path: Path):
    assert unready("ray-cpu", {}, tmp_path / "log").endswith(f"Karpenter says nothing of it, see {tmp_path / 'log'}")
