"""The parts of the provider that need no AWS: schemas, conversions, documents, checks and differences."""

import json
import re
from functools import cache
from typing import Any

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.providers.aws import check, documents, schema, state
from local.providers.aws.convert import fit, tag_map, to_members, to_properties
from local.providers.aws.diff import differences
from local.providers.aws.resource import ABSENT, Resource, fill, parse_id
from local.providers.aws.tags import difference, merged, own_tags
from local.providers.aws.types import find
from local.providers.wire import UNKNOWN
from rayeks.errors import UserError

CLUSTER, QUEUE, GROUP = "aws:eks/cluster:Cluster", "aws:sqs/queue:Queue", "aws:ec2/securityGroup:SecurityGroup"


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def shape(service: str, operation: str) -> Any:
    return model(service).operation_model(operation).input_shape


def checked(token: str, news: dict[str, Any], olds: dict[str, Any] | None = None, **more: Any) -> tuple[dict, list]:
    options = {"name": "thing", "seed": b"seed", "proposed": None, "default_tags": {}, "region": "us-west-2", **more}
    return check.check(find(token), schema.load(token), news, olds or {}, **options)


# Schemas


def test_a_schema_tells_names_kinds_and_what_is_required():
    known = schema.load(CLUSTER)
    assert known.inputs["roleArn"].required and not known.inputs["version"].required
    assert known.inputs["vpcConfig"].kind.fields["subnetIds"].kind.item == schema.Kind("string")
    assert known.inputs["vpcConfig"].kind.fields["subnetIds"].required
    assert "arn" in known.state and "arn" not in known.inputs


def test_a_type_that_pulumi_aws_lacks_is_refused():
    with pytest.raises(UserError, match="no resource type aws:ec2/nothing:Nothing"):
        schema.load("aws:ec2/nothing:Nothing")


def test_a_type_that_the_provider_lacks_names_the_file_to_extend():
    with pytest.raises(UserError, match=r"(?s)does not know aws:rds/cluster:Cluster.*types/rds\.py"):
        find("aws:rds/cluster:Cluster")


# Templates and ids


def test_a_template_keeps_types_and_leaves_out_what_is_absent():
    values = {"a": 1, "b": ["x"], "c": False}
    scope = lambda name: values.get(name, ABSENT)  # noqa: E731
    template = {"A": "{a}", "B": "{b}", "C": {"Value": "{c}"}, "D": "{d}", "E": {"Value": "{e}"}, "F": "arn:{a}/x"}
    assert fill(template, scope) == {"A": 1, "B": ["x"], "C": {"Value": False}, "F": "arn:1/x"}
    assert fill("arn:{d}/x", scope) is ABSENT


@given(st.from_regex(r"[a-z0-9-]{1,9}", fullmatch=True), st.from_regex(r"arn:[a-z0-9:/-]{1,20}", fullmatch=True))
def test_an_id_is_parsed_into_what_it_was_made_of(cluster, principal):
    template = "{clusterName}:{principalArn}"
    assert parse_id(template, f"{cluster}:{principal}") == {"clusterName": cluster, "principalArn": principal}


def test_an_id_of_another_form_is_not_parsed():
    assert parse_id("{clusterName}:{addonName}", "only-a-name") is None


# Conversions


def test_properties_find_their_members_whatever_the_case():
    names = {"vpcConfig": "resourcesVpcConfig"}
    wanted = {"vpcConfig": {"subnetIds": ["a"]}, "roleArn": "r", "version": "1.35", "forceUpdateVersion": True}
    found = to_members(wanted, shape("eks", "CreateCluster"), names)
    assert found == {"resourcesVpcConfig": {"subnetIds": ["a"]}, "roleArn": "r", "version": "1.35"}


def test_a_nested_property_without_a_member_is_refused_rather_than_lost():
    with pytest.raises(UserError, match=r"vpcConfig\.colour has no member"):
        names = {"vpcConfig": "resourcesVpcConfig"}
        to_members({"vpcConfig": {"colour": "red"}}, shape("eks", "CreateCluster"), names)


def test_values_are_fitted_to_what_aws_asks_for():
    template = shape("ec2", "CreateLaunchTemplate").members["LaunchTemplateData"]
    data = {"EbsOptimized": "true", "NetworkInterfaces": {"Ipv4Prefixes": ["10.0.0.0/28"], "DeviceIndex": "0"}}
    assert fit(data, template) == {
        "EbsOptimized": True,
        "NetworkInterfaces": [{"Ipv4Prefixes": [{"Ipv4Prefix": "10.0.0.0/28"}], "DeviceIndex": 0}],
    }
    assert fit({"Tags": {"a": "b"}}, shape("kms", "TagResource")) == {"Tags": [{"TagKey": "a", "TagValue": "b"}]}
    assert fit({"Attributes": {"DelaySeconds": 5}}, shape("sqs", "CreateQueue")) == {
        "Attributes": {"DelaySeconds": "5"}
    }


def test_what_aws_says_becomes_properties_of_their_kind():
    fields = schema.load("aws:ec2/launchTemplate:LaunchTemplate").state
    raw = {"EbsOptimized": True, "LatestVersionNumber": "3", "SecurityGroupIds": ["sg"], "Unknown": 1}
    names = {"latestVersion": "LatestVersionNumber", "vpcSecurityGroupIds": "SecurityGroupIds"}
    found = to_properties(raw, fields, names)
    assert found == {"ebsOptimized": "true", "latestVersion": 3, "vpcSecurityGroupIds": ["sg"]}


@settings(deadline=None)  # the first call loads a model
@given(st.dictionaries(st.from_regex(r"[A-Za-z:/]{1,9}", fullmatch=True), st.text(), max_size=4))
def test_tags_survive_the_way_to_aws_and_back(tags):
    ours = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    pairs = fit({"Tags": ours}, shape("ec2", "CreateTags"))["Tags"]
    assert tag_map(pairs) == ours
    assert tag_map([*pairs, {"Key": "aws:cloudformation:stack", "Value": "x"}]) == ours


# Documents


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (policy(Action="a:B", Resource="*"), policy(Resource=["*"], Action=["a:B"])),
        (policy(Action=["a:B", "a:A"]), policy(Action=["a:A", "a:B"])),
        (policy(Principal={"AWS": "arn:aws:iam::123456789012:root"}), policy(Principal={"AWS": "123456789012"})),
        (policy(Principal="*"), policy(Principal={"AWS": "*"})),
        (policy(Condition={"Bool": {"k": True}}), policy(Condition={"Bool": {"k": ["true"]}})),
        ('{"a": [1, 2]}', '{ "a" : [1,2] }'),
    ],
)
def test_policies_that_mean_the_same_are_the_same(one, other):
    assert documents.same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (policy(Action="a:B"), policy(Action="a:C")),
        (policy(Action="a:B", Effect="Deny"), policy(Action="a:B")),
        (policy(Principal={"AWS": "1"}), policy(Principal={"Service": "1"})),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ("not json", "nor this"),
    ],
)
def test_policies_that_mean_other_things_differ(one, other):
    assert not documents.same(one, other)


# Checks


def test_an_unknown_property_is_named_with_the_one_that_was_meant():
    _, failures = checked(QUEUE, {"visibilityTimeout": 3})
    assert failures == [
        ("visibilityTimeout", f"{QUEUE} has no property visibilityTimeout; did you mean visibilityTimeoutSeconds?")
    ]
    _, failures = checked(CLUSTER, {"roleArn": "r", "vpcConfig": {"subnetIds": [], "subnets": []}})
    assert failures[0][0] == "vpcConfig.subnets"


def test_a_missing_property_is_named_wherever_it_is_missing():
    _, failures = checked(CLUSTER, {"vpcConfig": {}})
    assert {path for path, _ in failures} == {"roleArn", "vpcConfig.subnetIds"}


def test_a_property_that_is_not_done_here_names_the_file_to_extend():
    _, failures = checked("aws:s3/bucket:Bucket", {"acl": "private"})
    assert "extend local/providers/aws/types/s3*.py" in failures[0][1]


@pytest.mark.parametrize(
    ("property", "value", "reason"),
    [
        ("delaySeconds", "soon", "must be a number"),
        ("delaySeconds", 1.5, "must be a whole number"),
        ("fifoQueue", "maybe", "must be true or false"),
        ("tags", ["a"], "must be a map"),
        ("policy", "{not json", "is not JSON"),
        ("name", {"a": 1}, "must be a string"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(property, value, reason):
    _, failures = checked(QUEUE, {property: value})
    assert [path for path, _ in failures] == [property]
    assert reason in failures[0][1]


def test_defaults_names_tags_and_region_are_filled_in_and_marked():
    inputs, failures = checked(QUEUE, {"tags": {"a": "b"}}, default_tags={"a": "c", "d": "e"})
    assert not failures
    assert inputs["delaySeconds"] == 0 and inputs["region"] == "us-west-2"
    assert inputs["tags"] == {"a": "b"} and inputs["tagsAll"] == {"a": "b", "d": "e"}
    assert inputs["name"].startswith("thing-") and {"name", "delaySeconds"} <= set(inputs["__defaults"])


def test_a_made_up_name_stays_and_a_given_one_does_not_linger():
    first, _ = checked(QUEUE, {})
    again, _ = checked(QUEUE, {}, first, seed=b"other")
    assert again["name"] == first["name"]
    given, _ = checked(QUEUE, {"name": "mine"})
    without, _ = checked(QUEUE, {}, given)
    assert without["name"].startswith("thing-")
    replaced, _ = checked(QUEUE, {}, seed=b"other")
    assert replaced["name"] != first["name"]


@pytest.mark.parametrize(
    ("token", "news", "name"),
    [
        (QUEUE, {"fifoQueue": True}, r"thing-[0-9a-f]{7}\.fifo"),
        ("aws:s3/bucket:Bucket", {}, r"thing-[0-9a-f]{7}"),
        ("aws:kms/alias:Alias", {"targetKeyId": "k"}, r"alias/thing-[0-9a-f]{7}"),
        (QUEUE, {"namePrefix": "pre-"}, r"pre-[0-9a-f]{7}"),
    ],
)
def test_made_up_names_have_the_form_that_aws_wants(token, news, name):
    inputs, _ = checked(token, news)
    naming = find(token).naming
    assert naming is not None and re.fullmatch(name, inputs[naming.property])


def test_unknown_values_pass_the_check_and_make_unknown_tags():
    inputs, failures = checked(QUEUE, {"delaySeconds": UNKNOWN, "tags": {"a": UNKNOWN}})
    assert not failures
    assert inputs["delaySeconds"] is UNKNOWN and inputs["tagsAll"] is UNKNOWN


def test_a_preview_promises_what_is_known_and_no_more():
    known = schema.load(QUEUE)
    promised = check.preview_state(known, {"name": "q", "tagsAll": {}}, None, frozenset())
    assert promised["name"] == "q" and promised["arn"] is UNKNOWN
    later = check.preview_state(known, {"name": "q"}, {"arn": "a", "url": "u", "name": "q"}, frozenset({"url"}))
    assert later == {"arn": "a", "url": UNKNOWN, "name": "q"}


def test_a_preview_of_an_update_keeps_what_aws_said_inside_an_object():
    state = {"vpcConfig": {"subnetIds": ["a"], "clusterSecurityGroupId": "sg-1"}, "tags": {"a": "1", "b": "2"}}
    inputs = {"vpcConfig": {"subnetIds": ["a", "b"]}, "tags": {"a": "1"}}
    later = check.preview_state(schema.load("aws:eks/cluster:Cluster"), inputs, state, frozenset())
    assert later["vpcConfig"] == {"subnetIds": ["a", "b"], "clusterSecurityGroupId": "sg-1"}
    assert later["tags"] == {"a": "1"}, "a map is the program's alone"


# Differences


def paths(token: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {each.path: (each.kind, each.replaces) for each in differences(old, new, find(token))}


def test_nothing_differs_between_empty_and_absent():
    assert paths(QUEUE, {"tags": {}, "policy": ""}, {}) == {}


def test_a_difference_is_told_at_its_place():
    old = {"vpcConfig": {"endpointPublicAccess": True, "subnetIds": ["a"]}, "tags": {"a.b": "1"}}
    new = {"vpcConfig": {"endpointPublicAccess": False, "subnetIds": ["a", "b"]}, "tags": {"a.b": "2"}, "version": "1"}
    assert paths(CLUSTER, old, new) == {
        "vpcConfig.endpointPublicAccess": ("update", False),
        "vpcConfig.subnetIds[1]": ("add", False),
        'tags["a.b"]': ("update", False),
        "version": ("add", False),
    }


def test_a_difference_replaces_where_the_type_says_so_even_deep_inside():
    assert paths(CLUSTER, {"roleArn": "a"}, {"roleArn": "b"}) == {"roleArn": ("update", True)}
    old = {"accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True}}
    new = {"accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}}
    assert list(paths(CLUSTER, old, new).values()) == [("update", True)]
    mode = {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}}
    assert paths(CLUSTER, {"accessConfig": {"authenticationMode": "API"}}, mode) == {
        "accessConfig.authenticationMode": ("update", False)
    }


def test_some_changes_replace_only_sometimes():
    encrypted = {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": "a"}}}
    assert [each.replaces for each in differences(encrypted, {}, find(CLUSTER))] == [True]
    assert [each.replaces for each in differences({}, encrypted, find(CLUSTER))] == [False]


def test_order_means_nothing_in_sets_and_something_in_lists():
    assert paths(CLUSTER, {"enabledClusterLogTypes": ["a", "b"]}, {"enabledClusterLogTypes": ["b", "a"]}) == {}
    group = "aws:eks/nodeGroup:NodeGroup"
    types = paths(group, {"instanceTypes": ["a", "b"]}, {"instanceTypes": ["b", "a"]})
    assert set(types) == {"instanceTypes[0]", "instanceTypes[1]"}


def test_a_member_taken_from_a_set_differs_even_where_aws_may_have_its_own():
    rules = [{"protocol": "tcp", "fromPort": 1, "toPort": 1, "self": True}]
    assert set(paths(GROUP, {"ingress": [*rules, {"protocol": "udp", "fromPort": 2, "toPort": 2}]}, {"ingress": rules}))
    assert paths(GROUP, {"ingress": rules}, {}) == {}, "not managed here any more"


def test_an_unknown_value_is_a_change_and_replaces_where_a_change_would():
    assert paths(QUEUE, {"name": "a"}, {"name": UNKNOWN}) == {"name": ("update", True)}
    assert paths(QUEUE, {"delaySeconds": 1}, {"delaySeconds": UNKNOWN}) == {"delaySeconds": ("update", False)}


def test_policies_that_mean_the_same_do_not_differ():
    one, other = policy(Action="a:B", Resource="*"), policy(Resource=["*"], Action=["a:B"])
    assert paths("aws:sqs/queuePolicy:QueuePolicy", {"policy": one}, {"policy": other}) == {}


@given(st.lists(st.sampled_from("abcd"), unique=True), st.lists(st.sampled_from("abcd"), unique=True))
def test_two_sets_differ_exactly_where_their_members_do(one, other):
    name = "enabledClusterLogTypes"
    assert bool(paths(CLUSTER, {name: one}, {name: other})) == (set(one) != set(other))


# What was read, in the words of the program


def test_what_was_read_is_told_as_far_as_the_program_speaks_of_it():
    kind = schema.load(CLUSTER).inputs["vpcConfig"].kind
    old = {"subnetIds": ["b", "a"], "endpointPublicAccess": False}
    actual = {"subnetIds": ["a", "b"], "endpointPublicAccess": False, "vpcId": "vpc-1"}
    assert state.project(old, actual, kind, find(CLUSTER), "vpcConfig") == old
    moved = state.project(old, {**actual, "subnetIds": ["a", "c"]}, kind, find(CLUSTER), "vpcConfig")
    assert moved == {"subnetIds": ["a", "c"], "endpointPublicAccess": False}


def test_false_and_absent_are_the_same_to_aws():
    kind = schema.Kind("boolean")
    assert state.project(False, None, kind, find(CLUSTER), "deletionProtection") is False
    assert state.project(True, False, kind, find(CLUSTER), "deletionProtection") is False


# Tags


def test_tags_are_merged_split_and_compared_as_pulumi_aws_does():
    assert merged({"a": "1"}, {"a": "2"}) == {"a": "2"}
    assert own_tags({"a": "1", "b": "2"}, {"a": "1"}, {}) == {"b": "2"}
    assert own_tags({"a": "1"}, {"a": "1"}, {"a": "1"}) == {"a": "1"}
    assert difference({"a": "1", "b": "2"}, {"a": "9", "c": "3"}) == ({"a": "9", "c": "3"}, ["b"])


def test_rows_are_plain_data():
    assert all(isinstance(row, Resource) for row in (find(CLUSTER), find(QUEUE)))
