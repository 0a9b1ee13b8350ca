"""What the program and its tenants rely on, asked of the real servers."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.client import ApiException

pytestmark = pytest.mark.engine


def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.05)
    return value


def gone(read: Callable[[], Any]) -> bool:
    try:
        read()
    except ApiException as error:
        return error.status == 404
    return False


def named(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}}


def token(api: Any, namespace: str, account: str) -> str:
    api.core.create_namespaced_service_account(namespace, named(account))
    asked = api.core.create_namespaced_service_account_token(account, namespace, {"spec": {}})
    return asked.status.token


def test_it_is_the_version_that_the_stack_is_built_for(api):
    assert api.version.get_code().git_version == "v1.35.4"


def test_nobody_in_particular_is_refused(api, namespace):
    with pytest.raises(ApiException) as caught:
        api.bearing(None).core.list_namespaced_secret(namespace)
    assert caught.value.status == 401


def test_a_service_account_may_do_only_what_a_role_says(api, namespace):
    tenant = api.bearing(token(api, namespace, "tenant"))
    with pytest.raises(ApiException) as caught:
        tenant.core.list_namespaced_secret(namespace)
    assert caught.value.status == 403 and f"system:serviceaccount:{namespace}:tenant" in str(caught.value.body)

    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    api.rbac.create_namespaced_role(namespace, named("reader") | {"rules": rules})
    binding = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "tenant", "namespace": namespace}],
    }
    api.rbac.create_namespaced_role_binding(namespace, named("reader") | binding)
    until(lambda: tenant.core.list_namespaced_secret(namespace).items == [])
    with pytest.raises(ApiException) as caught:
        tenant.core.list_namespaced_secret("kube-system")
    assert caught.value.status == 403


def test_a_deleted_namespace_takes_all_that_is_in_it_and_goes(api):
    name = api.add_namespace("short-lived")
    api.core.create_namespaced_config_map(name, named("settings"))
    api.core.create_namespaced_secret(name, named("key"))
    api.core.delete_namespace(name)
    until(lambda: gone(lambda: api.core.read_namespace(name)))


def test_what_a_deleted_owner_owned_is_collected(api, namespace):
    owner = api.core.create_namespaced_config_map(namespace, named("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}
    api.core.create_namespaced_config_map(namespace, named("owned", ownerReferences=[reference]))
    api.core.create_namespaced_config_map(namespace, named("free"))
    api.core.delete_namespaced_config_map("owner", namespace)
    until(lambda: gone(lambda: api.core.read_namespaced_config_map("owned", namespace)))
    api.core.read_namespaced_config_map("free", namespace)


def test_foreground_deletion_ends_after_the_owned_objects_are_gone(api, namespace):
    owner = api.core.create_namespaced_config_map(namespace, named("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}
    blocking = reference | {"blockOwnerDeletion": True}
    api.core.create_namespaced_config_map(namespace, named("owned", ownerReferences=[blocking]))
    api.core.delete_namespaced_config_map("owner", namespace, propagation_policy="Foreground")
    until(lambda: gone(lambda: api.core.read_namespaced_config_map("owner", namespace)))
    assert gone(lambda: api.core.read_namespaced_config_map("owned", namespace))


def test_a_quota_counts_and_then_refuses(api, namespace):
    api.core.create_namespaced_resource_quota(namespace, named("small") | {"spec": {"hard": {"count/secrets": "1"}}})
    until(lambda: api.core.read_namespaced_resource_quota("small", namespace).status.used)
    api.core.create_namespaced_secret(namespace, named("first"))
    with pytest.raises(ApiException) as caught:
        api.core.create_namespaced_secret(namespace, named("second"))
    assert caught.value.status == 403 and "exceeded quota" in str(caught.value.body)


def test_each_namespace_gets_its_default_account_and_the_authority_s_certificate(api, namespace, kubernetes):
    until(lambda: not gone(lambda: api.core.read_namespaced_service_account("default", namespace)))
    until(lambda: not gone(lambda: api.core.read_namespaced_config_map("kube-root-ca.crt", namespace)))
    published = api.core.read_namespaced_config_map("kube-root-ca.crt", namespace)
    assert published.data["ca.crt"] == kubernetes.ca.read_text()


def test_a_claim_binds_to_its_volume_and_both_can_be_deleted(api, namespace):
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-0"},
        "claimRef": {"namespace": namespace, "name": "shared"},
    }
    claim = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "resources": {"requests": {"storage": "1Gi"}},
        "volumeName": namespace,
    }
    api.core.create_persistent_volume(named(namespace) | {"spec": volume})
    api.core.create_namespaced_persistent_volume_claim(namespace, named("shared") | {"spec": claim})
    until(lambda: api.core.read_persistent_volume(namespace).status.phase == "Bound")
    api.core.delete_namespaced_persistent_volume_claim("shared", namespace)
    until(lambda: gone(lambda: api.core.read_namespaced_persistent_volume_claim("shared", namespace)))
    api.core.delete_persistent_volume(namespace)
    until(lambda: gone(lambda: api.core.read_persistent_volume(namespace)))


def test_a_pod_that_asks_for_a_gpu_tolerates_the_gpu_s_taint_as_on_eks(api, namespace):
    until(lambda: not gone(lambda: api.core.read_namespaced_service_account("default", namespace)))
    container = {"name": "a", "image": "a", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    pod = api.core.create_namespaced_pod(namespace, named("gpu") | {"spec": {"containers": [container]}})
    assert "nvidia.com/gpu" in [toleration.key for toleration in pod.spec.tolerations]


def test_a_definition_s_own_rules_are_enforced(api):
    rule = {"rule": "self.least <= self.most", "message": "least is above most"}
    numbers = {"least": {"type": "integer"}, "most": {"type": "integer"}}
    spec = {"type": "object", "properties": numbers, "required": [*numbers], "x-kubernetes-validations": [rule]}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    names = {"plural": "ranges", "singular": "range", "kind": "Range"}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    definition = {"group": "test.local", "scope": "Cluster", "names": names, "versions": [version]}
    api.extensions.create_custom_resource_definition(named("ranges.test.local") | {"spec": definition})
    try:
        until(lambda: not gone(lambda: api.custom.list_cluster_custom_object("test.local", "v1", "ranges")))
        wrong = {"apiVersion": "test.local/v1", "kind": "Range", "spec": {"least": 2, "most": 1}}
        with pytest.raises(ApiException) as caught:
            api.custom.create_cluster_custom_object("test.local", "v1", "ranges", wrong | named("wrong"))
        assert caught.value.status == 422 and "least is above most" in str(caught.value.body)
    finally:
        api.extensions.delete_custom_resource_definition("ranges.test.local")
