"""One comment a pull request, updated in place; what a stranger's run left is data and nothing more."""

from pathlib import Path

import pytest

from rayeks.pipelines import comment
from rayeks.pipelines.comment import MARKER, main, number, post, reports
from rayeks.pipelines.github import LONGEST_BODY, GitHub, Refused, harmless, shortened

PLAN = "## dev\n\n12 created\n"


@pytest.fixture
def artifact(tmp_path: Path, job) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "pull-request").write_text("7\n")
    (folder / "dev.md").write_text(PLAN)
    return folder


def bodies(forge) -> list[str]:
    return [each["body"] for each in forge.comments.get(7, [])]


def test_the_first_plan_makes_a_comment_and_the_next_one_updates_it(forge, artifact: Path) -> None:
    assert main([str(artifact)]) == 0
    (artifact / "dev.md").write_text("## dev\n\n1 replaced\n")
    assert main([str(artifact)]) == 0
    (said,) = bodies(forge)
    assert said.startswith(MARKER) and "1 replaced" in said and "12 created" not in said
    assert "https://github.example/run/1" in said


def test_the_same_plan_again_changes_nothing(forge, github: GitHub) -> None:
    assert post(github, 7, f"{MARKER}\nsame") == "made a comment"
    assert post(github, 7, f"{MARKER}\nsame\n") == "the comment says so already"
    assert [request for request in forge.requests if request.startswith("PATCH")] == []


def test_our_comment_is_found_on_the_third_page_and_a_stranger_s_copy_of_its_mark_is_not_it(
    forge, artifact: Path
) -> None:
    forge.add(7, f"{MARKER}\nI am the plan, believe me", author="stranger")
    for index in range(230):
        forge.add(7, f"talk {index}", author="somebody")
    mine = forge.add(7, f"{MARKER}\nold")
    assert main([str(artifact)]) == 0
    assert "12 created" in mine["body"]
    assert len(bodies(forge)) == 232
    assert sum("/issues/7/comments" in request and request.startswith("GET") for request in forge.requests) == 3


def test_a_comment_that_somebody_deleted_meanwhile_is_made_again(
    forge, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.add(7, f"{MARKER}\nold")
    monkeypatch.setattr(forge, "_changed", lambda item, body: (404, {"message": "Not Found"}))
    assert post(github, 7, f"{MARKER}\nnew") == "made a comment"


def test_no_comment_is_made_where_no_stack_is_touched_but_an_old_one_says_so(forge, artifact: Path) -> None:
    (artifact / "dev.md").unlink()
    assert main([str(artifact)]) == 0
    assert bodies(forge) == []
    forge.add(7, f"{MARKER}\nold plan")
    assert main([str(artifact)]) == 0
    assert "No stack is touched" in bodies(forge)[0]


def test_a_refusal_is_told_with_what_to_do(forge, artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forge.refusals = [(403, {})]
    assert main([str(artifact)]) == 1
    said = capsys.readouterr().err
    assert "403" in said and "pull-requests: write" in said


def test_a_busy_github_is_asked_again_after_the_time_that_it_names(forge, github: GitHub, waits: list[float]) -> None:
    forge.refusals = [(403, {"Retry-After": "7"}), (502, {})]
    assert post(github, 7, "text") == "made a comment"
    assert waits == [7.0, 2.0]


def test_a_wait_of_an_hour_is_no_wait_for_a_job(forge, github: GitHub, waits: list[float]) -> None:
    forge.refusals = [(429, {"Retry-After": "3600"})]
    with pytest.raises(Refused, match="429"):
        post(github, 7, "text")
    assert waits == []


def test_a_text_that_github_does_not_take_gives_way_to_a_link(
    forge, artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comment, "LONGEST_BODY", 90_000)
    (artifact / "dev.md").write_text("x\n" * 45_000)
    assert main([str(artifact)]) == 0
    (said,) = bodies(forge)
    assert "too long" in said and "run/1" in said


def test_long_plans_share_the_comment_and_fold_whole(forge, artifact: Path) -> None:
    fold = "<details><summary>all</summary>\n\n```diff\n" + "+ line\n" * 30_000
    for stack in ("dev", "staging", "prod"):
        (artifact / f"{stack}.md").write_text(f"## {stack}\n{fold}")
    assert main([str(artifact)]) == 0
    (said,) = bodies(forge)
    assert len(said) < LONGEST_BODY
    assert said.count("<details") == said.count("</details>") == 3
    assert said.count("```") == 6
    assert all(f"## {stack}" in said for stack in ("dev", "staging", "prod"))


@pytest.mark.parametrize(
    "pull",
    [
        {"state": "open", "head": {"sha": "b" * 40, "repo": {"full_name": "stranger/ray-on-eks"}}},
        {"state": "open", "head": {"sha": "a" * 40, "repo": {"full_name": "victim/ray-on-eks"}}},
        {"state": "open", "head": {"sha": "a" * 40, "repo": None}},
        {"state": "closed", "head": {"sha": "a" * 40, "repo": {"full_name": "stranger/ray-on-eks"}}},
    ],
)
def test_a_run_can_speak_of_no_pull_request_but_its_own(forge, artifact: Path, pull: dict) -> None:
    forge.pulls[7] = pull
    assert main([str(artifact)]) == 0
    assert bodies(forge) == []


@pytest.mark.parametrize("text", ["", "0", "-7", "7; rm -rf /", "../8", "7\n8", "9" * 12])
def test_what_is_no_number_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pull-request").write_text(text)
    with pytest.raises(SystemExit):
        number(tmp_path)


def test_an_artifact_of_other_files_or_links_or_too_many_is_refused(tmp_path: Path) -> None:
    def refused(folder: Path) -> None:
        with pytest.raises(SystemExit):
            reports(folder)

    (tmp_path / "secret").write_text("outside")
    for name, make in {
        "program": lambda folder: (folder / "run.sh").write_text("echo"),
        "link": lambda folder: (folder / "dev.md").symlink_to(tmp_path / "secret"),
        "folder": lambda folder: (folder / "dev.md").mkdir(),
        "upper": lambda folder: (folder / "Dev.md").write_text(""),
        "many": lambda folder: [(folder / f"s{index}.md").write_text("") for index in range(13)],
    }.items():
        (tmp_path / name).mkdir()
        make(tmp_path / name)
        refused(tmp_path / name)


def test_a_report_of_a_gigabyte_is_read_no_further_than_its_limit(tmp_path: Path) -> None:
    with (tmp_path / "dev.md").open("wb") as stream:
        stream.truncate(1 << 30)
    assert len(reports(tmp_path)["dev"]) == comment.LONGEST_REPORT


def test_a_stranger_s_text_calls_nobody_and_hides_no_mark() -> None:
    text = harmless(f"@maintainers look <!-- rayeks:plan --> a@b.c {MARKER}")
    assert "@maintainers" not in text and "<!--" not in text
    assert text.replace("\N{WORD JOINER}", "").startswith("@maintainers look")


def test_the_token_goes_to_no_other_host(forge, github: GitHub) -> None:
    for index in range(101):
        forge.add(7, f"talk {index}", author="somebody")
    forge.next_page = "http://127.0.0.1:1/elsewhere"
    with pytest.raises(Refused, match="not GitHub's answer"):
        list(github.every("issues/7/comments"))


def test_a_short_text_is_not_cut() -> None:
    assert shortened("text", 100, "elsewhere") == "text"
