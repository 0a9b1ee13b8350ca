"""The provider's pure parts: names, checks, configuration, conditions, ownership, secrets."""

from typing import Any

import pytest

from local.providers.kubernetes import checks, conditions, config, names, ownership, values
from local.providers.kubernetes.checks import Naming
from local.providers.wire import UNKNOWN, Secret
from rayeks.errors import UserError

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def test_a_type_token_says_api_version_and_kind():
    assert names.api_version_and_kind(CONFIG_MAP) == ("v1", "ConfigMap")
    assert names.api_version_and_kind("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass") == (
        "karpenter.k8s.aws/v1",
        "EC2NodeClass",
    )
    with pytest.raises(UserError, match="'kubernetes:yaml:ConfigFile' is not a Kubernetes resource type"):
        names.api_version_and_kind("kubernetes:yaml:ConfigFile")


def test_the_field_manager_is_the_same_in_every_run_and_another_for_every_resource():
    assert names.field_manager("urn:a") == names.field_manager("urn:a") != names.field_manager("urn:b")


@pytest.mark.parametrize(
    ("inputs", "property_name"),
    [
        ({"metadata": {"generateName": "x-"}}, "metadata.generateName"),
        ({"kind": "ConfigMapList", "items": []}, None),
    ],
)
def test_what_server_side_apply_cannot_do_is_a_mistake(inputs: dict[str, Any], property_name: str | None):
    token = CONFIG_MAP if property_name else "kubernetes:core/v1:ConfigMapList"
    failures = checks.check(token, inputs, {}, Naming("x"))[1]
    assert [name for name, _ in failures] == [property_name or "kind"]


def test_a_patch_must_name_its_object():
    assert checks.check("kubernetes:core/v1:NamespacePatch", {}, {}, Naming("x"))[1][0][0] == "metadata.name"


def test_the_engine_may_propose_a_name_or_forbid_making_one_up():
    proposed, _ = checks.check(CONFIG_MAP, {}, {}, Naming("x", proposed="x-from-the-engine"))
    assert proposed["metadata"]["name"] == "x-from-the-engine"
    assert checks.check(CONFIG_MAP, {}, {}, Naming("x", disabled=True))[1][0][0] == "metadata.name"


def test_the_same_seed_gives_the_same_name_and_an_unknown_name_is_left_alone():
    first, second = (checks.check(CONFIG_MAP, {}, {}, Naming("x", seed=b"1"))[0] for _ in range(2))
    assert first == second
    unknown = {"metadata": {"name": UNKNOWN}}
    assert checks.check(CONFIG_MAP, unknown, {}, Naming("x"))[0]["metadata"] == unknown["metadata"]


def kubeconfig(server: str) -> str:
    return f"""
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


def test_the_same_cluster_identifier_is_the_same_cluster_whatever_the_kubeconfig_says():
    old = {"kubeconfig": kubeconfig("https://a"), "clusterIdentifier": "dev"}
    for new in (kubeconfig("https://b"), UNKNOWN):
        assert config.diff(old, {**old, "kubeconfig": new}) == (["kubeconfig"], [])
    assert config.diff(old, {**old, "clusterIdentifier": "prod"})[1] == ["clusterIdentifier"]


def test_without_a_cluster_identifier_the_server_decides_and_an_unknown_one_is_another():
    old = {"kubeconfig": kubeconfig("https://a")}
    token = {"kubeconfig": kubeconfig("https://a").replace("token: t", "token: new")}
    assert config.diff(old, token) == (["kubeconfig"], [])
    assert config.diff(old, {"kubeconfig": kubeconfig("https://b")})[1] == ["kubeconfig"]
    assert config.diff(old, {"kubeconfig": UNKNOWN})[1] == ["kubeconfig"]
    assert config.diff(old, {**old, "clusterIdentifier": "dev"}) == (["clusterIdentifier"], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "the kubernetes provider has no kubeconfig; the one of this machine's user is never used"),
        ({"kubeconfig": "x", "enableServerSideApply": "false"}, "only applies on the server side"),
        ({"kubeconfig": "x", "renderYamlToDirectory": "out"}, "renderYamlToDirectory is not supported"),
    ],
)
def test_a_provider_that_cannot_be_represented_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        config.parse(arguments)


RAY = {
    "metadata": {"name": "ray", "generation": 2},
    "status": {"state": "ready", "observedGeneration": 2, "conditions": [{"type": "HeadPodReady", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("jsonpath={.status.state}=ready", True),
        ("jsonpath={.status.state}='ready'", True),
        ("jsonpath={.status.state}", True),
        ("jsonpath={.status.state}=failed", False),
        ("jsonpath={.status.endpoints}", False),
        ("jsonpath={.status.conditions[0].status}=True", True),
        ("jsonpath={.status.conditions[-1].status}=True", True),
        ("jsonpath={.status['state']}=ready", True),
        ("jsonpath={.status.conditions[?(@.type=='HeadPodReady')].status}=True", True),
        ("condition=HeadPodReady", True),
        ("condition=HeadPodReady=False", False),
        ("condition=Suspended", False),
    ],
)
def test_conditions_are_read_as_kubectl_wait_reads_them(text: str, met: bool):
    assert (conditions.parse(text).lacking(RAY) is None) == met
    stale = {**RAY, "metadata": {"generation": 3}}
    assert "has not seen this version" in str(conditions.parse(text).lacking(stale))


@pytest.mark.parametrize("text", ["status.phase=Ready", "jsonpath=.status", "jsonpath={status}", "condition="])
def test_a_misspelt_condition_says_how_to_write_one(text: str):
    with pytest.raises(UserError, match="write jsonpath="):
        conditions.parse(text)


def test_several_conditions_are_all_waited_for_and_none_when_it_says_so():
    annotations = {"pulumi.com/waitFor": '["condition=A", "condition=B"]'}
    assert len(conditions.of({"metadata": {"annotations": annotations}})) == 2
    skipped = {**annotations, "pulumi.com/skipAwait": "true"}
    assert conditions.of({"metadata": {"annotations": skipped}}) == []


def test_a_persons_kubectl_edits_are_taken_over_and_a_controllers_fields_are_not():
    def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
        return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}

    mine = entry("ours", "Apply", {"f:spec": {"f:a": {}}})
    person = entry("kubectl", "Update", {"f:spec": {"f:b": {}}})
    status = entry("kubectl", "Update", {"f:status": {}}, subresource="status")
    controller = entry("karpenter", "Update", {"f:spec": {"f:c": {}}})
    live = {
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "7", "managedFields": [mine, person, status, controller]},
    }
    replace, lock = ownership.take_over(live, "ours")
    assert replace["value"][:2] == [status, controller]
    assert replace["value"][2]["fieldsV1"] == {"f:spec": {"f:a": {}, "f:b": {}}}
    assert lock["value"] == "7", "no update in between is lost"
    assert ownership.take_over({"apiVersion": "v1", "metadata": {"managedFields": [mine, controller]}}, "ours") == []


def test_what_is_secret_in_the_inputs_is_secret_in_the_outputs():
    like = {"spec": {"token": Secret("x"), "plain": 1}, "list": [{"a": Secret("y")}, {"b": 2}]}
    concealed = values.conceal({"spec": {"token": "x", "plain": 1, "new": 2}, "list": [{"a": "y"}]}, like)
    assert concealed == {"spec": {"token": Secret("x"), "plain": 1, "new": 2}, "list": Secret([{"a": "y"}])}
    assert values.reveal(concealed) == {"spec": {"token": "x", "plain": 1, "new": 2}, "list": [{"a": "y"}]}
    assert values.conceal({"kind": "Secret", "data": {"a": "b"}}, {})["data"] == Secret({"a": "b"})
