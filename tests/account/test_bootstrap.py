"""An account's first state on the real engine: made here, moved into the bucket, taken up after any interruption."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from pulumi.automation.errors import CommandError

from infra.account import deploy, preview
from infra.account_iam import PROJECT
from local import aws as local_aws
from local.aws.policy import decide
from local.home import home
from rayeks.errors import UserError
from rayeks.pipelines.drift import DRIFTED
from rayeks.state import bootstrap as module
from rayeks.state.backend import Backend
from rayeks.state.bootstrap import Account, bootstrap
from rayeks.state.checkpoints import Checkpoints

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def account(cloud: str, checkout: Path) -> Account:
    return Account.read("dev", checkout)


def objects(account: Account) -> dict[str, str]:
    """Every version of every object in the state bucket: version → key."""
    found = boto3.client("s3").list_object_versions(Bucket=account.bucket)
    listed = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
    return {each["VersionId"]: each["Key"] for each in listed}


def test_the_state_moves_into_the_bucket_that_it_made_and_a_second_run_changes_nothing(
    account: Account, checkout: Path
) -> None:
    said: list[str] = []
    bootstrap(account, checkout, said.append)
    assert not (home() / "bootstrap" / "dev").exists()
    text = (checkout / "account" / "Pulumi.dev.yaml").read_text()
    assert "secretsprovider: awskms:///alias/pulumi-state?region=us-west-2" in text
    assert "encryptionsalt" not in text and "# OWNER/NAME on GitHub" in text, "the person's comments stay"
    assert "encryptedkey" in (checkout / "stacks" / "Pulumi.dev.yaml").read_text()

    held = Checkpoints(account.aws, account.project, "dev").newest()
    assert held and held.resources > 20 and not held.pending
    sealed = json.loads(held.content)["checkpoint"]["latest"]["secrets_providers"]
    assert sealed["type"] == "cloud" and sealed["state"]["url"].startswith("awskms:///alias/pulumi-state")
    place = boto3.client("s3")
    assert place.get_bucket_versioning(Bucket=account.bucket)["Status"] == "Enabled"
    assert place.get_public_access_block(Bucket=account.bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    newest = place.head_object(Bucket=account.bucket, Key=f".pulumi/stacks/{PROJECT}/dev.json")
    assert newest["ServerSideEncryption"] == "aws:kms"

    again: list[str] = []
    bootstrap(account, checkout, again.append)
    assert any("nothing to move" in line for line in again)
    assert [line for line in again if "create" in line or "update" in line] == []
    assert any("is there already" in line for line in again)


AFTER_UP = ("export", "init", "import", "preview")


class Cut(Exception):
    """The process was killed here."""


@pytest.mark.parametrize("at", ["up", *(pytest.param(at, marks=pytest.mark.slow) for at in AFTER_UP)])
def test_a_run_that_was_cut_short_is_taken_up_by_the_next(
    account: Account, checkout: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    run, update, confirm = Backend.run, module._update, module._confirm

    def cut_run(self: Backend, *arguments: str) -> str:
        answer = run(self, *arguments)
        if arguments[:2] == ("stack", at):
            raise Cut
        return answer

    def cut_update(*arguments: Any) -> None:
        update(*arguments)
        if at == "up":
            raise Cut

    def cut_confirm(*arguments: Any) -> None:
        confirm(*arguments)
        if at == "preview":
            raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(Backend, "run", cut_run)
        patch.setattr(module, "_update", cut_update)
        patch.setattr(module, "_confirm", cut_confirm)
        with pytest.raises(Cut):
            bootstrap(account, checkout, lambda line: None)
    bootstrap(Account.read("dev", checkout), checkout, lambda line: None)
    held = Checkpoints(account.aws, account.project, "dev").newest()
    assert held and held.resources > 20
    assert not (home() / "bootstrap" / "dev").exists()
    providers = boto3.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert len(providers) == 1, "nothing was made twice"


def test_a_bucket_whose_own_state_is_lost_is_not_made_again(account: Account, checkout: Path) -> None:
    boto3.client("s3").create_bucket(
        Bucket=account.bucket, CreateBucketConfiguration={"LocationConstraint": account.aws.region}
    )
    with pytest.raises(UserError, match="its own state is neither in it nor on this machine") as told:
        bootstrap(account, checkout, lambda line: None)
    assert "rayeks state restore" in str(told.value.fix)


def test_an_unknown_account_is_refused_with_those_there_are(checkout: Path) -> None:
    with pytest.raises(UserError, match="no stack 'nowhere'") as told:
        Account.read("nowhere", checkout)
    assert "dev, prod, staging" in str(told.value.fix)


def test_the_account_comes_is_left_alone_by_a_preview_and_goes(account: Account, checkout: Path) -> None:
    file = checkout / "account" / "Pulumi.dev.yaml"
    text = file.read_text()
    file.write_text(text.replace("    stacks:", "    state: { keep: false }\n    stacks:"))
    stack = module._open(account, account.here)
    created = stack.up(color="never").summary.resource_changes or {}
    stack.preview(expect_no_changes=True, refresh=True, color="never")
    gone = stack.destroy(color="never").summary.resource_changes or {}
    assert list(gone.values()) == list(created.values()) and len(gone) == 1
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert boto3.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_a_look_for_drift_finds_what_another_hand_changed_and_writes_nothing(account: Account, checkout: Path) -> None:
    bootstrap(account, checkout, lambda line: None)
    before = objects(account)
    stack = module._open(account, account.there)
    stack.preview(refresh=True, expect_no_changes=True, color="never")
    iam = boto3.client("iam")
    iam.update_role(RoleName="pulumi-ray-dev-deploy", MaxSessionDuration=43200)
    with pytest.raises(CommandError, match=DRIFTED) as told:
        stack.preview(refresh=True, expect_no_changes=True, diff=True, color="never")
    assert "maxSessionDuration" in str(told.value)
    assert objects(account) == before, "a look leaves no trace in the state"


def test_the_roles_reach_just_the_objects_that_the_engine_uses_for_their_stack(
    account: Account, checkout: Path
) -> None:
    bootstrap(account, checkout, lambda line: None)
    engine = Backend(account.there.url, checkout)
    file = checkout / "exported.json"
    engine.run("stack", "export", "--stack", "dev", "--file", str(file))
    engine.run("stack", "import", "--stack", "dev", "--file", str(file))
    engine.run("config", "set", "--stack", "dev", "ray-on-eks:trial", "1")
    keys = {key for key in objects(account).values() if key != ".pulumi/meta.yaml"}
    own = {key for key in keys if f"/{PROJECT}/dev" in key}
    assert {key.split("/")[1] for key in own} >= {"stacks", "locks"} and own < keys

    aws, arn = account.aws, account.aws.bucket(account.bucket)
    may_write, may_read = deploy(aws, "dev", "ray-dev"), preview(aws, "dev")
    assert all(decide(may_write, "s3:PutObject", f"{arn}/{key}", {}).result == "allowed" for key in own)
    assert all(decide(may_read, "s3:GetObject", f"{arn}/{key}", {}).result == "allowed" for key in own)
    for key in keys - own:
        assert decide(may_write, "s3:PutObject", f"{arn}/{key}", {}).result != "allowed", key
        assert decide(may_read, "s3:GetObject", f"{arn}/{key}", {}).result != "allowed", key
    assert aws.account == local_aws.ACCOUNT
