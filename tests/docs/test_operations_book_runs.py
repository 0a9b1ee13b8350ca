"""What the operations book has people type and see: its marked commands, run in a copy of the checkout."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local import aws
from tests.docs.book import BOOK, ROOT, Block, blocks, merged

COPIED = ("Pulumi.yaml", "account", "infra", "local", "rayeks", "stacks", "workloads")
PATIENCE_S = 300


def pages(test: str) -> list[Path]:
    return [page for page in BOOK if any(block.word("test") == test for block in blocks(page, "sh"))]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout with a history of its own, so that nothing a page says can touch the real one."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    identity = ["-c", "user.name=somebody", "-c", "user.email=some@body"]
    for arguments in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message=copy"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def environment(checkout: Path, home: Path, **more: str) -> dict[str, str]:
    """A shell in the copy: its own packages come first, and the person's AWS and Pulumi settings are not there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
    scripts = str(Path(sys.executable).parent)
    path = os.pathsep.join([scripts, *([more.pop("PATH")] if "PATH" in more else []), kept["PATH"]])
    home.mkdir(exist_ok=True)
    return {**kept, "PYTHONPATH": str(checkout), "PATH": path, "RAYEKS_HOME": str(home), "COLUMNS": "200", **more}


def merge(block: Block, checkout: Path) -> None:
    """Write a page's piece of a stack file into the copy's."""
    file = checkout / "stacks" / f"Pulumi.{block.word('stack')}.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"] = merged(document["config"], {"ray-on-eks:platform": yaml.safe_load(block.text)})
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def follow(page: Path, test: str, checkout: Path, env: dict[str, str]) -> None:
    """Do what a page says, in its order: merge, run, and hold what is printed against what it says one sees."""
    printed = ""
    for block in blocks(page, "yaml", "sh", "text"):
        if block.language == "yaml":
            merge(block, checkout)
        elif block.word("test") == test:
            printed = ""
            for line in block.text.splitlines():
                ran = subprocess.run(
                    ["bash", "-c", line],
                    cwd=checkout,
                    env=env,
                    capture_output=True,
                    text=True,
                    timeout=PATIENCE_S,
                )
                assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
                printed += ran.stdout
        elif block.language == "sh":
            printed = ""
        elif printed and "expect" in block.words:
            at = 0
            for line in block.text.splitlines():
                wanted = re.escape(line).replace("…", ".*").replace(r"\ ", r"\s+")
                found = re.compile(wanted).search(printed, at)
                assert found, f"{page.name} promises {line!r} after what came before it; it printed:\n{printed}"
                at = found.end()


@pytest.mark.parametrize("page", pages("plan"), ids=lambda page: page.stem)
def test_a_page_s_plans_run_and_print_what_it_promises(page: Path, checkout: Path, tmp_path: Path, home: Path) -> None:
    follow(page, "plan", checkout, environment(checkout, home))


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A local AWS of the test's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("aws") / "server.log"
    with log.open("w") as output:
        argv = [sys.executable, "-m", "local.aws", "--port", str(port)]
        process = subprocess.Popen(argv, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while aws.boot(f"http://127.0.0.1:{port}") is None:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.engine
def test_the_pages_that_need_the_engine_run_one_after_the_other_on_one_account(
    checkout: Path, cloud: str, home: Path
) -> None:
    for folder in ("account", "stacks"):
        file = checkout / folder / "Pulumi.dev.yaml"
        file.write_text(file.read_text().replace("111111111111", aws.ACCOUNT))
    env = environment(
        checkout,
        home,
        **{name: value for name, value in aws.environment(cloud).items() if value},
        PATH=str(checkout / "local" / "providers" / "bin"),
        RAYEKS_PYTHON=sys.executable,
        PULUMI_HOME=str(home / "pulumi"),
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION="true",
    )
    order = sorted(pages("engine"), key=lambda page: page.stem != "first-deploy")
    assert [page.stem for page in order] == ["first-deploy", "state"]
    for page in order:
        follow(page, "engine", checkout, env)
