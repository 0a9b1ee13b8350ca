"""The policy pack under the real engine: it stops a violation before the resource is made, and tells the rest."""

import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import benchmarks.echo
from local import toolchain
from local.home import root
from rayeks.engine import recovery, workspace
from rayeks.engine.session import Session
from rayeks.engine.up import up
from rayeks.engine.workspace import POLICIES, environment, open_engine
from rayeks.errors import UserError
from tests.conftest import taken_down

pytestmark = pytest.mark.engine

QUEUE = "import pulumi_aws as aws\nqueue = aws.sqs.Queue('jobs', name='jobs', sqs_managed_sse_enabled={})\n"
OPEN = """
import pulumi_aws as aws
aws.vpc.SecurityGroupIngressRule(
    "ssh", security_group_id="sg-1", ip_protocol="tcp", from_port=22, to_port=22, cidr_ipv4="0.0.0.0/0"
)
"""
BUCKET = "import pulumi_aws as aws\naws.s3.Bucket('data', bucket='data')\n"
UNKNOWN = """
import json
import pulumi_aws as aws
queue = aws.sqs.Queue("jobs", sqs_managed_sse_enabled=True)
aws.iam.RolePolicy("send", role="r", policy=queue.arn.apply(lambda arn: json.dumps(
    {"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]})))
aws.ec2.LaunchTemplate("t", metadata_options={"http_tokens": queue.arn, "http_put_response_hop_limit": 1},
    block_device_mappings=queue.arn.apply(lambda arn: []), tag_specifications=[
        {"resource_type": kind, "tags": {"environment": "dev"}} for kind in ("instance", "volume")])
"""
EXCEPTION = """
    policies:
      exceptions:
        - policy: queues-are-encrypted
          resource: jobs
          reason: it holds nothing but ticks
          owner: platform@example.com
          expires: "{}"
"""
FAILING_PACK = """
from infra.policies import Policy, Severity
from infra.policies.analyzer import Analyzer, serve

def fails(stack):
    raise KeyError("spec")

severity = dict.fromkeys(("local", "dev", "staging", "prod"), Severity.WARNING)
serve(Analyzer([Policy("fails", "test", "demand", "reason", "fix", severity, fails, alone=True)]))
"""
Run = Callable[..., Any]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose providers are the echo provider."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: toy\nmain: stacks/\nstackConfigDir: stacks\nruntime: python\n")
    monkeypatch.setattr(workspace, "root", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(workspace.PROVIDERS), prepend=":")
    monkeypatch.setattr(workspace, "PROVIDERS", Path(benchmarks.echo.__file__).parent / "bin")
    monkeypatch.setattr("rayeks.engine.servers.remember", lambda servers: None)
    monkeypatch.setenv("PYTHONPATH", str(root()))
    return tmp_path


@pytest.fixture
def run(project: Path, home: Path) -> Run:
    """Updates (or previews) a program in an environment with a policy pack; what the engine told."""

    def run(program: str, *, env: str = "dev", more: str = "", pack: Path = POLICIES, preview: bool = False) -> Any:
        (project / "stacks" / "__main__.py").write_text(program)
        config = f"config:\n  aws:region: us-west-2\n  toy:platform:\n    environment: {env}\n{more}"
        (project / "stacks" / "Pulumi.local.yaml").write_text(config)
        engine = open_engine(toolchain.tool("pulumi"), environment({}, None))
        session = Session(Console(width=200), SimpleNamespace(), engine, False)  # ty: ignore[invalid-argument-type]
        options: dict[str, Any] = {"policy_packs": [str(pack)], "color": "never"}
        progress, _ = session.run(
            "preview" if preview else "up",
            lambda stack, progress: (stack.preview if preview else stack.up)(on_event=progress, **options),
        )
        return progress.ledger

    return run


def made() -> set[str]:
    """The names of what the state holds."""
    return {resource["urn"].rpartition("::")[2] for resource in recovery.resources()}


def test_a_violation_of_one_resource_stops_the_engine_before_it_is_made(run: Run) -> None:
    with pytest.raises(UserError) as told:
        run(QUEUE.format(False))
    assert "queues-are-encrypted: sqs.Queue jobs: is not encrypted" in told.value.message
    assert "sqsManagedSseEnabled" in told.value.message, "the fix is told"
    assert made() == set()


def test_a_stack_that_keeps_every_policy_is_made(run: Run) -> None:
    ledger = run(QUEUE.format(True))
    assert made() == {"jobs"}
    assert ledger.errors == []


def test_a_violation_that_only_the_whole_stack_shows_stops_a_preview_and_fails_an_update(run: Run) -> None:
    with pytest.raises(UserError, match=r"buckets-are-private: s3\.Bucket data: has no block of public access"):
        run(BUCKET, env="prod", preview=True)
    assert made() == set()


def test_a_warning_is_told_and_stops_nothing(run: Run) -> None:
    ledger = run(OPEN, env="dev")
    assert [text for text in ledger.warnings if text.startswith("security-groups-are-not-open")]
    with pytest.raises(UserError, match=r"lets in 0\.0\.0\.0/0 on port 22"):
        run(OPEN, env="prod")


def test_an_exception_of_the_stack_file_excuses_until_its_day_and_is_told(run: Run) -> None:
    ledger = run(QUEUE.format(False), more=EXCEPTION.format("2999-12-31"))
    assert made() == {"jobs"}
    [told] = [text for text in ledger.warnings if text.startswith("queues-are-encrypted")]
    assert "excepted until 2999-12-31 by platform@example.com" in told


def test_an_expired_exception_excuses_nothing(run: Run) -> None:
    with pytest.raises(UserError, match="queues-are-encrypted"):
        run(QUEUE.format(False), more=EXCEPTION.format("2020-01-01"))


def test_an_expired_exception_is_told_even_where_nothing_needs_it(run: Run) -> None:
    with pytest.raises(UserError, match="expired on 2020-01-01"):
        run(QUEUE.format(True), more=EXCEPTION.format("2020-01-01"))


def test_values_that_a_preview_does_not_know_are_not_judged(run: Run) -> None:
    ledger = run(UNKNOWN, preview=True)
    assert ledger.errors == []
    assert not [text for text in ledger.warnings if "could not be judged" in text]


def test_a_policy_that_raises_stops_the_engine_under_its_own_name(run: Run, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("name: failing\nruntime: python\n")
    (pack / "__main__.py").write_text(FAILING_PACK)
    with pytest.raises(
        UserError, match="fails: the stack could not be judged: the policy failed with KeyError: 'spec'"
    ):
        run(QUEUE.format(True), pack=pack)


@pytest.fixture
def violating(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """The stack `local` of a checkout of its own, whose program makes a queue that is not encrypted."""
    checkout = tmp_path / "checkout"
    shutil.copytree(root() / "stacks", checkout / "stacks")
    shutil.copy(root() / "Pulumi.yaml", checkout)
    program = checkout / "stacks" / "__main__.py"
    queue = "platform = load()\n__import__('pulumi_aws').sqs.Queue('plain', name='plain')\n"
    program.write_text(program.read_text().replace("platform = load()\n", queue))
    monkeypatch.setattr(workspace, "root", lambda: checkout)
    monkeypatch.setattr("rayeks.engine.up.root", lambda: checkout)
    with taken_down():
        yield checkout


@pytest.mark.slow
def test_up_local_runs_with_the_pack_and_a_violation_stops_there(violating: Path) -> None:
    with pytest.raises(UserError) as told:
        up(Console(width=160))
    assert "queues-are-encrypted: sqs.Queue plain: is not encrypted" in told.value.message
    assert "plain" not in made()
