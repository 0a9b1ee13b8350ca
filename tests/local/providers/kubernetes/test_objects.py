"""The provider's messages against a real API server: what each operation does to one object."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.providers.kubernetes.client import ApiServer
from local.providers.wire import UNKNOWN, ResourceInitError
from rayeks.errors import UserError

pytestmark = pytest.mark.engine
Live = Callable[..., Any]
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
NAMESPACE = "kubernetes:core/v1:Namespace"
RBAC = "rbac.authorization.k8s.io/v1"
CLUSTER_ROLE = f"kubernetes:{RBAC}:ClusterRole"


def config_map(data: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "settings", **metadata}, "data": data or {"a": "1"}}


def test_an_object_is_created_kept_updated_and_replaced_by_the_rules_of_its_kind(resource, live: Live):
    item = resource(CONFIG_MAP, "settings")
    assert item.up(config_map()) == "create"
    assert item.outputs["metadata"]["uid"]
    assert "managedFields" not in item.outputs["metadata"]
    assert item.up(config_map()) == "same"
    assert item.up(config_map(labels={"team": "x"})) == "update"
    assert live("v1", "ConfigMap", "settings")["metadata"]["labels"] == {"team": "x"}
    assert item.up(config_map()) == "update"
    assert "labels" not in live("v1", "ConfigMap", "settings")["metadata"], "what is left out is taken away"
    assert item.up(config_map({"a": "2"})) == "replace", "its readers would not notice a change"
    item.delete()
    assert live("v1", "ConfigMap", "settings") is None


def test_a_config_map_that_the_provider_says_is_mutable_is_updated(resource):
    item = resource(CONFIG_MAP, "settings", enableConfigMapMutable="true")
    item.up(config_map())
    assert item.up(config_map({"a": "2"})) == "update"


def test_a_name_that_is_left_out_is_made_up_once(resource, live: Live):
    item = resource(CONFIG_MAP, "settings")
    item.up({"data": {"a": "1"}})
    name = item.outputs["metadata"]["name"]
    assert name.startswith("settings-")
    assert len(name) == len("settings-") + 8
    assert item.up({"data": {"a": "1"}}) == "same"
    diff = item.diff({"data": {"a": "2"}})
    assert list(diff.replaces) == ["data.a"]
    assert not diff.deleteBeforeReplace, "the successor gets another name"


def test_what_drifted_is_read_and_what_the_server_only_spells_otherwise_is_not_drift(resource, api: ApiServer):
    quota = resource("kubernetes:core/v1:ResourceQuota", "quota")
    inputs = {"metadata": {"name": "quota", "labels": {"a": "1"}}, "spec": {"hard": {"cpu": "1000m", "pods": "5"}}}
    quota.up(inputs)
    assert quota.refresh()
    assert quota.up(inputs) == "same", "1000m, which the server calls 1, is no drift"
    theirs = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota"},
        "spec": {"hard": {"pods": "9"}},
    }
    api.apply(api.kind("v1", "ResourceQuota"), theirs, "kubectl", force=True)
    assert quota.refresh()
    assert quota.seen["spec"]["hard"] == {"cpu": "1000m", "pods": "9"}
    assert [*quota.diff(inputs).detailedDiff] == ["spec.hard.pods"]
    assert quota.up(inputs) == "update"
    assert quota.outputs["spec"]["hard"]["pods"] == "5"


def test_drift_of_a_secret_given_as_plain_strings_is_seen(resource, api: ApiServer):
    item = resource("kubernetes:core/v1:Secret", "token")
    inputs = {"metadata": {"name": "token"}, "stringData": {"auth": "hunter2"}}
    item.up(inputs)
    assert item.refresh()
    assert item.up(inputs) == "same"
    api.patch(api.kind("v1", "Secret"), "default", "token", [{"op": "replace", "path": "/data/auth", "value": "eA=="}])
    item.refresh()
    assert item.seen["stringData"] == {"auth": "x"}
    assert item.up(inputs) == "replace"


def test_an_object_that_is_gone_is_dropped_from_the_state(resource, api: ApiServer):
    item = resource(CONFIG_MAP, "settings")
    item.up(config_map())
    api.delete(api.kind("v1", "ConfigMap"), "default", "settings", "Background")
    assert not item.refresh()
    assert item.up(config_map()) == "create"


def test_an_update_of_an_object_that_is_gone_says_to_refresh(resource, api: ApiServer):
    item = resource(CONFIG_MAP, "settings")
    item.up(config_map())
    api.delete(api.kind("v1", "ConfigMap"), "default", "settings", "Background")
    with pytest.raises(
        UserError, match=r"default/settings is no longer in the cluster\n  fix: run again with --refresh"
    ):
        item.up(config_map(labels={"a": "b"}))


def test_fields_that_another_manager_took_are_not_taken_back_by_stealth(resource, api: ApiServer, live: Live):
    item = resource(CLUSTER_ROLE, "shared")
    inputs = {"metadata": {"name": "shared", "labels": {"a": "ours"}}}
    item.up(inputs)
    theirs = {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": "shared", "labels": {"a": "theirs"}}}
    api.apply(api.kind(RBAC, "ClusterRole"), theirs, "flux", force=True)
    item.refresh()
    with pytest.raises(UserError, match=r'another field manager owns .*\.metadata\.labels\.a: conflict with "flux"'):
        item.up(inputs)
    forced = {"metadata": {**inputs["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}}
    assert item.up(forced) == "update"
    assert live(RBAC, "ClusterRole", "shared")["metadata"]["labels"]["a"] == "ours"


def test_an_ignored_change_is_not_undone_by_updating_the_rest(resource, api: ApiServer, live: Live):
    item = resource(CONFIG_MAP, "settings", enableConfigMapMutable="true")
    item.up(config_map({"a": "1", "b": "1"}))
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "9"}}
    api.apply(api.kind("v1", "ConfigMap"), theirs, "flux", force=True)
    item.up(config_map({"a": "1", "b": "2"}), ignore=["data.a"])
    assert live("v1", "ConfigMap", "settings")["data"] == {"a": "9", "b": "2"}


def test_an_object_that_is_not_ours_is_not_taken_over(resource, api: ApiServer, live: Live):
    kind = api.kind("v1", "ConfigMap")
    api.apply(kind, {"apiVersion": "v1", "kind": "ConfigMap", **config_map({"a": "theirs"})}, "a-colleague")
    with pytest.raises(UserError, match=r"default/settings already exists \(its field managers: a-colleague\)"):
        resource(CONFIG_MAP, "settings").up(config_map())
    assert live("v1", "ConfigMap", "settings")["data"] == {"a": "theirs"}
    item = resource(CONFIG_MAP, "settings", upsertExistingObjects="true", enablePatchForce="true")
    assert item.up(config_map()) == "create"
    assert live("v1", "ConfigMap", "settings")["data"] == {"a": "1"}


def test_an_object_that_a_killed_run_left_behind_is_taken_up_again(resource, live: Live):
    killed, next_run = resource(CONFIG_MAP, "settings"), resource(CONFIG_MAP, "settings")
    killed.up(config_map())
    killed.state = None
    assert next_run.up(config_map({"a": "2"})) == "create"
    assert live("v1", "ConfigMap", "settings")["data"] == {"a": "2"}


def test_an_object_that_is_still_being_deleted_is_waited_for_and_created_anew(resource, api: ApiServer):
    item = resource(CONFIG_MAP, "settings")
    item.up(config_map(finalizers=["example.com/drain"]))
    before = item.outputs["metadata"]["uid"]
    kind = api.kind("v1", "ConfigMap")
    api.delete(kind, "default", "settings", "Background")
    item.state = None
    removal = [{"op": "remove", "path": "/metadata/finalizers"}]
    drained = threading.Timer(0.3, lambda: api.patch(kind, "default", "settings", removal))
    drained.start()
    assert item.up(config_map()) == "create"
    drained.join()
    assert item.outputs["metadata"]["uid"] != before


def test_a_deletion_waits_for_a_finalizer_and_names_it(resource, api: ApiServer, live: Live):
    item = resource(CONFIG_MAP, "settings")
    item.up(config_map(finalizers=["example.com/drain"]))
    with pytest.raises(
        UserError, match=r"gave up after 1 s: deletion of ConfigMap settings: .*finalizer example.com/drain"
    ):
        item.delete(timeout_s=1)
    kind = api.kind("v1", "ConfigMap")
    removal = [{"op": "remove", "path": "/metadata/finalizers"}]
    drained = threading.Timer(0.5, lambda: api.patch(kind, "default", "settings", removal))
    drained.start()
    start = time.monotonic()
    item.delete()
    drained.join()
    assert 0.4 < time.monotonic() - start < 10
    assert live("v1", "ConfigMap", "settings") is None


def test_a_cancelled_run_stops_waiting(resource, api: ApiServer):
    item = resource(CONFIG_MAP, "settings")
    item.up(config_map(finalizers=["example.com/drain"]))
    threading.Timer(0.3, item.provider.cancelled.set).start()
    with pytest.raises(UserError, match="the run was cancelled"):
        item.delete()
    item.provider.cancelled.clear()
    api.patch(api.kind("v1", "ConfigMap"), "default", "settings", [{"op": "remove", "path": "/metadata/finalizers"}])


def test_a_namespace_is_gone_when_its_deletion_returns_and_all_that_was_in_it(resource, live: Live):
    space, item = resource(NAMESPACE, "space", namespace="space"), resource(CONFIG_MAP, "settings", namespace="space")
    space.up({"metadata": {"name": "space"}})
    assert "namespace" not in space.outputs["metadata"], "the provider's namespace is for namespaced kinds"
    item.up(config_map())
    assert item.id == "space/settings"
    space.delete()
    assert live("v1", "Namespace", "space") is None
    item.delete()


def test_what_an_object_waits_for_is_waited_for_and_named(resource):
    def waiting(text: str, seconds: str) -> dict[str, Any]:
        annotations = {"pulumi.com/waitFor": text, "pulumi.com/timeoutSeconds": seconds}
        return config_map({"phase": "Active"}, annotations=annotations)

    item = resource(CONFIG_MAP, "settings")
    with pytest.raises(
        ResourceInitError, match=r"after 1 s still waits for jsonpath=.*=Ready \(found Active\)"
    ) as failure:
        item.up(waiting("jsonpath={.data.phase}=Ready", "1"))
    assert failure.value.id == "default/settings", "it exists, so it belongs into the state"
    assert item.up(waiting("jsonpath={.data.phase}=Active", "30")) == "create"
    with pytest.raises(UserError, match="is not an expression that is understood"):
        item.up(waiting("phase is Active", "30"))


def test_a_preview_asks_the_server_and_leaves_no_trace(resource, live: Live):
    item = resource("kubernetes:core/v1:Service", "head")
    inputs = {"metadata": {"name": "head"}, "spec": {"clusterIP": "None", "ports": [{"port": 6379}]}}
    shown = item.preview(inputs)
    assert shown["spec"]["ports"] == [{"port": 6379, "protocol": "TCP", "targetPort": 6379}], "the server's defaults"
    assert shown["metadata"]["uid"] is UNKNOWN
    assert "status" not in shown
    assert live("v1", "Service", "head") is None
    with pytest.raises(UserError, match="must be between 1 and 65535"):
        item.preview({**inputs, "spec": {"clusterIP": "None", "ports": [{"port": 70000}]}})
    item.up(inputs)
    with pytest.raises(UserError, match="a valid label must be"):
        item.preview({**inputs, "metadata": {"name": "head", "labels": {"a": "not a label!"}}})


def test_a_preview_of_what_cannot_be_known_yet_shows_the_inputs(resource):
    item = resource(CONFIG_MAP, "settings")
    assert item.preview(config_map({"a": UNKNOWN}))["data"] == {"a": UNKNOWN}
    assert item.preview(config_map(namespace="not-yet"))["metadata"]["namespace"] == "not-yet"
    unknown_kind = resource("kubernetes:example.com/v1:Widget", "w")
    assert unknown_kind.preview({"metadata": {"name": "w"}, "spec": {"size": 1}})["spec"] == {"size": 1}


def test_an_unknown_field_is_refused_at_creation(resource):
    with pytest.raises(UserError, match=r"\.spec\.hrad: field not declared in schema"):
        resource("kubernetes:core/v1:ResourceQuota", "q").up({"metadata": {"name": "q"}, "spec": {"hrad": {}}})


def test_a_kind_that_nobody_serves_says_what_to_do(resource, monkeypatch):
    monkeypatch.setattr("local.providers.kubernetes.objects.ORDER_DELAYS_S", (0.01,))
    with pytest.raises(UserError, match=r"serves no example.com/v1 Widget\n  fix: install its CRD first"):
        resource("kubernetes:example.com/v1:Widget", "w").up({"metadata": {"name": "w"}})


def test_a_patch_edits_a_foreign_object_and_gives_its_fields_back(resource, live: Live):
    patch = resource("kubernetes:core/v1:NamespacePatch", "p")
    patch.up({"metadata": {"name": "kube-public", "labels": {"team": "platform"}}})
    assert live("v1", "Namespace", "kube-public")["metadata"]["labels"]["team"] == "platform"
    patch.delete()
    assert "team" not in live("v1", "Namespace", "kube-public")["metadata"]["labels"]


def test_a_typed_crd_is_spelt_for_the_server_waited_for_and_served_at_once(resource, live: Live):
    schema = {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
    crd = resource("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "widgets")
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]}
    inputs = {"metadata": {"name": "widgets.example.org"}, "spec": spec}
    crd.up(inputs)
    stored = live("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.org")
    assert stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-preserve-unknown-fields"]
    assert crd.outputs["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == schema
    assert crd.refresh()
    assert crd.up(inputs) == "same"
    background = {"pulumi.com/deletionPropagationPolicy": "background"}
    widget = resource("kubernetes:example.org/v1:Widget", "w")
    widget.up({"metadata": {"name": "w", "annotations": background}, "spec": {"size": 1}})
    assert widget.id == "default/w"
    widget.delete()
    crd.delete()
    assert live("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.org") is None
