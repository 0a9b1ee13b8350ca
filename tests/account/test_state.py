"""The way back from every mishap with the state, on the real engine with its state in the bucket."""

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import boto3
import psutil
import pytest
import yaml
from pulumi.automation.errors import CommandError

from infra.account_iam import secrets_provider
from rayeks.errors import UserError
from rayeks.state import bootstrap as module
from rayeks.state.backend import Backend
from rayeks.state.bootstrap import Account, bootstrap
from rayeks.state.checkpoints import Checkpoints, from_file, parsed
from rayeks.state.drill import drill

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def account(cloud: str, checkout: Path) -> Account:
    """An account whose state is in its bucket."""
    found = Account.read("dev", checkout)
    bootstrap(found, checkout, lambda line: None)
    return found


@pytest.fixture
def held(account: Account) -> Checkpoints:
    return Checkpoints(account.aws, account.project, account.stack)


def unchanged(account: Account) -> None:
    """A preview that reads everything back proposes nothing."""
    module._open(account, account.there).preview(refresh=True, expect_no_changes=True, color="never")


def test_a_checkpoint_that_was_deleted_comes_back_from_its_version(account: Account, held: Checkpoints) -> None:
    good = held.versions()[0]
    before = held.read(good.id)
    boto3.client("s3").delete_object(Bucket=held.bucket, Key=held.key)
    boto3.client("s3").delete_object(Bucket=held.bucket, Key=f"{held.key}.bak")
    assert held.newest() is None and held.versions()[0].deletion
    with pytest.raises(CommandError):
        unchanged(account)

    lost = held.restore(before)
    assert lost is None or not lost.resources, "the engine takes a stack without a checkpoint for a new one"
    unchanged(account)
    now = held.newest()
    assert now and now.sha256 == before.sha256


def test_a_checkpoint_of_rubbish_gives_way_to_a_copy_outside_the_bucket(
    account: Account, held: Checkpoints, tmp_path: Path
) -> None:
    copy = held.backup(tmp_path / "backups")
    origin = json.loads(copy.with_suffix(".origin").read_text())
    assert origin["id"] == held.versions()[0].id and origin["bucket"] == held.bucket
    boto3.client("s3").put_object(Bucket=held.bucket, Key=held.key, Body=b"{}")
    with pytest.raises(UserError, match="no checkpoint of Pulumi"):
        held.newest()
    boto3.client("s3").delete_object(Bucket=held.bucket, Key=held.key)
    held.restore(from_file(copy))
    unchanged(account)


def test_a_drill_opens_a_copy_with_the_key_and_touches_nothing(account: Account, held: Checkpoints) -> None:
    before = held.versions()
    found = drill(held, account.folder / "Pulumi.dev.yaml")
    content = held.newest()
    assert content and found.resources == content.resources > 20
    assert found.versions == len(before) and held.versions() == before


def test_the_lock_of_a_killed_engine_is_shown_keeps_a_restore_out_and_goes_by_cancel(
    account: Account, held: Checkpoints
) -> None:
    file = account.folder / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("cost-center: platform", "cost-center: other"))
    stack = module._open(account, account.there)
    killed = threading.Thread(target=when, args=(lambda: bool(held.locks()), end_engines))
    killed.start()
    with pytest.raises(CommandError):
        stack.up(color="never")
    killed.join()

    (lock,) = held.locks()
    assert f"(pid {''.join(filter(str.isdigit, lock.holder.rsplit('pid', 1)[1]))})" in lock.holder
    with pytest.raises(CommandError, match="locked"):
        module._open(account, account.there).up(color="never")
    current = held.newest()
    assert current
    with pytest.raises(UserError, match="locked") as told:
        held.restore(current)
    assert "pulumi cancel" in str(told.value.fix)

    account.there.run("cancel", "--stack", "dev", "--yes")
    assert held.locks() == []
    module._open(account, account.there).up(color="never", refresh=True)
    unchanged(account)


def when(true: Callable[[], bool], then: Callable[[], None]) -> None:
    """Do something as soon as something is true."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if true():
            return then()
        time.sleep(0.02)
    return None


def end_engines() -> None:
    """Kill the engine that this process runs, as a lost machine would."""
    for child in psutil.Process(os.getpid()).children():
        with suppress(psutil.Error):  # one that has just ended, or that nobody has waited for yet
            if "up" in child.cmdline():
                child.kill()


def test_versions_that_are_not_there_and_copies_that_changed_are_refused(held: Checkpoints, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no version"):
        held.read("11111111-2222-3333-4444-555555555555")
    copy = held.backup(tmp_path)
    copy.write_text(copy.read_text().replace("dev", "prod", 1))
    with pytest.raises(UserError, match="digest differs"):
        from_file(copy)
    with pytest.raises(UserError, match="no checkpoint"):
        parsed(b"[]", "this")
    nowhere = Checkpoints(held.aws, held.project, "nowhere")
    assert nowhere.versions() == [] and nowhere.newest() is None
    with pytest.raises(UserError, match="holds no checkpoint to copy"):
        nowhere.backup(tmp_path)


def test_a_rotation_gives_the_stack_another_data_key(account: Account, checkout: Path) -> None:
    file = checkout / "stacks" / "Pulumi.dev.yaml"
    before = yaml.safe_load(file.read_text())["encryptedkey"]
    engine = Backend(account.there.url, checkout)
    engine.run("config", "set", "--stack", "dev", "--secret", "ray-on-eks:token", "open sesame")
    provider = secrets_provider(account.aws.region)
    engine.run("stack", "change-secrets-provider", provider, "--stack", "dev")
    assert yaml.safe_load(file.read_text())["encryptedkey"] != before
    assert engine.run("config", "get", "--stack", "dev", "ray-on-eks:token").strip() == "open sesame"


def test_an_account_goes_after_its_state_has_moved_out_of_the_bucket_that_goes(
    account: Account, checkout: Path, tmp_path: Path
) -> None:
    file = account.folder / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("    stacks:", "    state: { keep: false }\n    stacks:"))
    bootstrap(account, checkout, lambda line: None)
    exported = tmp_path / "account.json"
    account.there.run("stack", "export", "--stack", "dev", "--show-secrets", "--file", str(exported))
    (tmp_path / "last").mkdir()
    last = Backend((tmp_path / "last").as_uri(), account.folder, {"PULUMI_CONFIG_PASSPHRASE": ""})
    last.run("stack", "init", "dev", "--secrets-provider", "passphrase")
    last.run("stack", "import", "--stack", "dev", "--file", str(exported))
    module._open(account, last).destroy(color="never")
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert boto3.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
