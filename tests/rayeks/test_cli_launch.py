"""Where `rayeks launch` finds the cluster of a stack."""

from pathlib import Path

import pytest
import yaml

from rayeks.cli.launch import kubeconfig_of
from rayeks.errors import UserError

CONFIG = {
    "current-context": "one",
    "clusters": [{"name": "c", "cluster": {"server": "https://c.example:6443"}}],
    "contexts": [{"name": name, "context": {"cluster": "c", "user": "me"}} for name in ("one", "two")],
}


def test_a_cluster_of_eks_is_the_one_in_the_outputs() -> None:
    assert kubeconfig_of({"kubeconfig": "{}", "cluster": "ray-dev"}) == "{}"


def test_another_cluster_is_the_context_of_the_stack_whatever_the_file_s_own_is(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(CONFIG))
    found = yaml.safe_load(kubeconfig_of({"kubeconfig_file": str(file), "cluster": "two"}))
    assert found == CONFIG | {"current-context": "two"}
    assert yaml.safe_load(file.read_text()) == CONFIG, "the person's own file stays"


@pytest.mark.parametrize(("context", "told"), [("three", "has no context three"), ("two", "cannot be read")])
def test_a_machine_that_cannot_reach_it_is_told_so(tmp_path: Path, context: str, told: str) -> None:
    file = tmp_path / "config"
    if context == "three":
        file.write_text(yaml.safe_dump(CONFIG))
    with pytest.raises(UserError, match=told):
        kubeconfig_of({"kubeconfig_file": str(file), "cluster": context})
