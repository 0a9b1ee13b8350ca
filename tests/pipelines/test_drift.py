"""One issue for each stack that drifted: opened once, brought up to date, closed when the stack is whole."""

from pathlib import Path

import pytest

from rayeks.pipelines.drift import DRIFTED, keep, main, marker
from rayeks.pipelines.github import LONGEST_BODY

LOG = f"  ~ aws:s3/bucketVersioning: Enabled => Suspended\nerror: {DRIFTED} but changes were proposed\n"
RUN = "https://github.example/run/2"


def test_drift_opens_an_issue_and_another_night_updates_it(forge, github) -> None:
    assert keep(github, "prod", 255, LOG, RUN) == "prod: opened #1"
    assert keep(github, "prod", 255, LOG + "more\n", RUN) == "prod: updated #1"
    (issue,) = forge.issues.values()
    assert issue["title"] == "prod has drifted" and issue["labels"] == ["drift"]
    assert issue["body"].startswith(marker("prod")) and "Suspended" in issue["body"] and "more" in issue["body"]


def test_each_stack_has_an_issue_of_its_own(forge, github) -> None:
    for stack in ("dev", "prod"):
        keep(github, stack, 255, LOG, RUN)
    assert [issue["title"] for issue in forge.issues.values()] == ["dev has drifted", "prod has drifted"]


def test_a_stack_that_is_whole_again_closes_its_issue_and_says_so(forge, github) -> None:
    keep(github, "dev", 255, LOG, RUN)
    assert keep(github, "dev", 0, "", RUN) == "dev: no drift any more; closed #1"
    assert forge.issues[1]["state"] == "closed"
    assert "No drift any more" in forge.comments[1][0]["body"]
    assert keep(github, "dev", 0, "", RUN) == "dev: no drift"
    assert keep(github, "dev", 255, LOG, RUN) == "dev: opened #2"


def test_a_preview_that_failed_is_not_called_drift(forge, github) -> None:
    keep(github, "dev", 255, "error: no credentials\n", RUN)
    assert forge.issues[1]["title"] == "dev: drift could not be looked for"


def test_an_issue_that_somebody_wrote_with_our_mark_is_left_alone(forge, github) -> None:
    forge.issues[1] = {
        "number": 1,
        "state": "open",
        "user": {"login": "somebody"},
        "labels": ["drift"],
        "title": "mine",
        "body": marker("dev"),
    }
    assert keep(github, "dev", 255, LOG, RUN) == "dev: opened #2"
    assert forge.issues[1]["title"] == "mine"


def test_a_long_log_is_cut_with_its_code_block_closed(forge, github) -> None:
    keep(github, "dev", 255, "``` <details>\n" + "line\n" * 40_000 + LOG, RUN)
    text = forge.issues[1]["body"]
    assert len(text) <= LONGEST_BODY and text.count("````") == 2 and RUN in text


def test_the_job_ends_as_the_preview_did(forge, job, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    log.write_text(LOG)
    assert main(["dev", "255", str(log)]) == 255
    assert main(["dev", "0", str(log)]) == 0
    assert main(["dev", "yes", str(log)]) == 2
    assert "closed #1" in capsys.readouterr().out
