"""EC2's security groups and their rules, which AWS keeps one source at a time and programs write in bundles."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from local.providers.aws.convert import words
from local.providers.aws.operation import Operation
from local.providers.aws.resource import MINUTES, Call, Change, Naming, Resource
from local.providers.aws.types.ec2_common import arn, tagging

SOURCES = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}
DIRECTIONS = {"ingress": ("IpPermissions", "Ingress"), "egress": ("IpPermissionsEgress", "Egress")}


class Rule(NamedTuple):
    """One source, one protocol, one range of ports: the grain in which AWS compares rules."""

    protocol: str
    ports: tuple[int, int] | None
    kind: str
    source: str
    description: str

    def permission(self) -> dict[str, Any]:
        """The rule as AWS's IpPermission."""
        member, key = SOURCES[self.kind]
        source = {key: self.source, **({"Description": self.description} if self.description else {})}
        ports = {"FromPort": self.ports[0], "ToPort": self.ports[1]} if self.ports else {}
        return {"IpProtocol": self.protocol, **ports, member: [source]}


def _ports(protocol: str, low: Any, high: Any) -> tuple[int, int] | None:
    return None if protocol == "-1" or low is None else (int(low), int(high if high is not None else low))


def _protocol(name: Any) -> str:
    return {"all": "-1", "6": "tcp", "17": "udp", "1": "icmp"}.get(str(name).lower(), str(name).lower())


def wanted_rules(rules: Iterable[Mapping[str, Any]], group: str) -> set[Rule]:
    """The single rules that bundles of a program mean for the security group `group`."""
    found = set()
    for rule in rules:
        protocol = _protocol(rule["protocol"])
        ports = _ports(protocol, rule.get("fromPort"), rule.get("toPort"))
        sources = [(kind, source) for kind in SOURCES for source in rule.get(kind) or ()]
        sources += [("securityGroups", group)] if rule.get("self") else []
        found |= {Rule(protocol, ports, kind, source, rule.get("description") or "") for kind, source in sources}
    return found


def present_rules(permissions: Iterable[Mapping[str, Any]]) -> set[Rule]:
    """The single rules that AWS tells in its permissions."""
    found = set()
    for each in permissions:
        protocol = str(each["IpProtocol"])
        ports = _ports(protocol, each.get("FromPort"), each.get("ToPort"))
        for kind, (member, key) in SOURCES.items():
            for source in each.get(member) or ():
                if source.get(key):
                    found.add(Rule(protocol, ports, kind, source[key], source.get("Description") or ""))
    return found


def bundled(rules: Iterable[Rule], group: str) -> list[dict[str, Any]]:
    """Single rules as a program would write them: one bundle a protocol, port range and description."""
    bundles: dict[tuple, dict[str, Any]] = {}
    for rule in sorted(rules, key=str):
        low, high = rule.ports or (0, 0)
        bundle = bundles.setdefault(
            (rule.protocol, rule.ports, rule.description),
            {"protocol": rule.protocol, "fromPort": low, "toPort": high, "description": rule.description},
        )
        if rule.kind == "securityGroups" and rule.source == group:
            bundle["self"] = True
        else:
            bundle.setdefault(rule.kind, []).append(rule.source)
    return list(bundles.values())


def _apply(direction: str) -> Any:
    member, verb = DIRECTIONS[direction]

    def apply(operation: Operation) -> None:
        wanted = wanted_rules(operation.inputs.get(direction) or (), operation.id)
        present = present_rules(operation.raw.get(member, []))
        for action, rules in (("Revoke", present - wanted), ("Authorize", wanted - present)):
            if rules:
                permissions = [rule.permission() for rule in sorted(rules, key=str)]
                params = {"GroupId": operation.id, "IpPermissions": permissions}
                operation.call(f"{action}SecurityGroup{verb}", params)

    return apply


def _create_group(operation: Operation) -> dict[str, Any]:
    """Make the group without the egress rule that AWS puts into every new one, as Terraform's provider does."""
    inputs = operation.inputs
    params = {"GroupName": inputs["name"], "Description": inputs["description"], "VpcId": inputs.get("vpcId")}
    if inputs.get("tagsAll"):
        params["TagSpecifications"] = [{"ResourceType": "security-group", "Tags": inputs["tagsAll"]}]
    answer = operation.call("CreateSecurityGroup", {name: value for name, value in params.items() if value is not None})
    everything = Rule("-1", None, "cidrBlocks", "0.0.0.0/0", "").permission()
    revoke = {"GroupId": answer["GroupId"], "IpPermissions": [everything]}
    operation.ignoring_absence(lambda: operation.call("RevokeSecurityGroupEgress", revoke))
    return answer


def _shown_rules(shown: dict[str, Any], operation: Operation) -> None:
    reference = operation.inputs or operation.state
    for direction, (member, _) in DIRECTIONS.items():
        present = present_rules(operation.raw.get(member, []))
        known = reference.get(direction)
        same = known is not None and wanted_rules(known, operation.id) == present
        shown[direction] = known if same else bundled(present, operation.id)


def _revoke_all(operation: Operation) -> None:
    if not operation.state.get("revokeRulesOnDelete"):
        return
    for member, verb in DIRECTIONS.values():
        rules = present_rules(operation.raw.get(member, []))
        if rules:
            params = {"GroupId": operation.id, "IpPermissions": [rule.permission() for rule in rules]}
            operation.call(f"RevokeSecurityGroup{verb}", params)


SECURITY_GROUP = Resource(
    token="aws:ec2/securityGroup:SecurityGroup",
    service="ec2",
    id="{GroupId}",
    create=_create_group,
    consumes=words("name description vpcId"),
    reads=(Call("DescribeSecurityGroups", {"GroupIds": ["{id}"]}, "SecurityGroups[0]"),),
    changes=(Change("ingress", _apply("ingress")), Change("egress", _apply("egress"))),
    delete=(_revoke_all, Call("DeleteSecurityGroup", {"GroupId": "{id}"})),
    awaits_deletion=True,
    replaces=words("name namePrefix description vpcId"),
    kept=words("revokeRulesOnDelete"),
    computed=words("ingress egress vpcId"),
    unordered=words(
        "ingress egress",
        *(f"{direction}.{kind}" for direction in DIRECTIONS for kind in SOURCES),
    ),
    defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
    names={"name": "GroupName"},
    outputs={"arn": arn("security-group")},
    naming=Naming(longest=255),
    shown=_shown_rules,
    tagging=tagging("security-group"),
    timeouts={"create": 10 * MINUTES, "delete": 15 * MINUTES},
)


def _bundle(values: Mapping[str, Any]) -> dict[str, Any]:
    source = values.get("sourceSecurityGroupId")
    return {**values, "securityGroups": [source] if source else []}


def _legacy_id(inputs: Mapping[str, Any]) -> str:
    sources = sorted(str(one) for kind in SOURCES for one in _bundle(inputs).get(kind) or ())
    own = ["self"] if inputs.get("self") else []
    parts = [inputs["type"], _protocol(inputs["protocol"]), inputs["fromPort"], inputs["toPort"], *sources, *own]
    return "_".join([inputs["securityGroupId"], *(str(part) for part in parts)])


def _parse_legacy_id(id: str) -> dict[str, Any] | None:
    """The rule that an id in Terraform's import form speaks of: sg-1_ingress_tcp_80_80_10.0.0.0/8_sg-2_self."""
    parts = id.split("_")
    if len(parts) < 6 or parts[1] not in DIRECTIONS:
        return None
    group, direction, protocol, low, high, *sources = parts
    found: dict[str, Any] = {"securityGroupId": group, "type": direction, "protocol": protocol}
    found |= {"fromPort": int(low), "toPort": int(high)}
    for source in sources:
        if source == "self":
            found["self"] = True
        elif source.startswith("sg-"):
            found["sourceSecurityGroupId"] = source
        else:
            kind = "prefixListIds" if source.startswith("pl-") else "ipv6CidrBlocks" if ":" in source else "cidrBlocks"
            found.setdefault(kind, []).append(source)
    return found


def _create_legacy(operation: Operation) -> dict[str, Any]:
    inputs = operation.inputs
    rules = wanted_rules([_bundle(inputs)], inputs["securityGroupId"])
    params = {"GroupId": inputs["securityGroupId"], "IpPermissions": [rule.permission() for rule in rules]}
    answer = operation.call(f"AuthorizeSecurityGroup{DIRECTIONS[inputs['type']][1]}", params)
    operation.id = _legacy_id(inputs)
    return answer


def _read_legacy(operation: Operation) -> dict[str, Any] | None:
    rule = _parse_legacy_id(operation.id)
    if rule is None:
        return None
    groups = operation.call("DescribeSecurityGroups", {"GroupIds": [rule["securityGroupId"]]})["SecurityGroups"]
    present = present_rules(groups[0].get(DIRECTIONS[rule["type"]][0], []))
    wanted = wanted_rules([_bundle(rule)], rule["securityGroupId"])
    undescribed = {one._replace(description=""): one for one in present}
    found = [undescribed[one] for one in wanted if one in undescribed]
    if not found:
        return None
    left = {(one.kind, one.source) for one in found}
    told = {kind: [one for one in rule.get(kind, []) if (kind, one) in left] for kind in SOURCES}
    return {**rule, **{kind: sources for kind, sources in told.items() if sources}, "description": found[0].description}


def _describe_legacy(operation: Operation) -> None:
    inputs = operation.inputs
    rules = wanted_rules([_bundle(inputs)], inputs["securityGroupId"])
    verb = DIRECTIONS[inputs["type"]][1]
    params = {"GroupId": inputs["securityGroupId"], "IpPermissions": [rule.permission() for rule in rules]}
    operation.call(f"UpdateSecurityGroupRuleDescriptions{verb}", params)


def _delete_legacy(operation: Operation) -> None:
    rules = wanted_rules([_bundle(operation.raw)], operation.raw["securityGroupId"])
    params = {
        "GroupId": operation.raw["securityGroupId"],
        "IpPermissions": [rule._replace(description="").permission() for rule in rules],
    }
    operation.call(f"RevokeSecurityGroup{DIRECTIONS[operation.raw['type']][1]}", params)


def _same_protocol(shown: dict[str, Any], operation: Operation) -> None:
    wanted = (operation.inputs or operation.state).get("protocol")
    if wanted is not None and _protocol(wanted) == shown.get("protocol"):
        shown["protocol"] = wanted


SECURITY_GROUP_RULE = Resource(
    token="aws:ec2/securityGroupRule:SecurityGroupRule",
    service="ec2",
    id="{sgrule}",
    create=_create_legacy,
    consumes=words("securityGroupId type protocol fromPort toPort self sourceSecurityGroupId description", *SOURCES),
    reads=(_read_legacy,),
    changes=(Change("description", _describe_legacy),),
    delete=(_delete_legacy,),
    replaces=words(
        "securityGroupId type protocol fromPort toPort self sourceSecurityGroupId",
        "cidrBlocks ipv6CidrBlocks prefixListIds",
    ),
    computed=words("sourceSecurityGroupId"),
    unordered=words("cidrBlocks ipv6CidrBlocks prefixListIds"),
    defaults={"self": False},
    delete_before_replace=True,
    shown=_same_protocol,
    timeouts={"create": 5 * MINUTES},
)


def _single_rule(direction: str) -> Resource:
    """`aws:vpc/securityGroup*Rule`: one rule with an id of its own."""
    verb = DIRECTIONS[direction][1]
    settings = words("cidrIpv4 cidrIpv6 description fromPort ipProtocol prefixListId referencedSecurityGroupId toPort")

    def permission(inputs: Mapping[str, Any]) -> dict[str, Any]:
        protocol = _protocol(inputs["ipProtocol"])
        kinds = {
            "cidrIpv4": "cidrBlocks",
            "cidrIpv6": "ipv6CidrBlocks",
            "prefixListId": "prefixListIds",
            "referencedSecurityGroupId": "securityGroups",
        }
        name = next(name for name in kinds if inputs.get(name))
        ports = _ports(protocol, inputs.get("fromPort"), inputs.get("toPort"))
        return Rule(protocol, ports, kinds[name], inputs[name], inputs.get("description") or "").permission()

    def create(operation: Operation) -> dict[str, Any]:
        inputs = operation.inputs
        params: dict[str, Any] = {"GroupId": inputs["securityGroupId"], "IpPermissions": [permission(inputs)]}
        if inputs.get("tagsAll"):
            params["TagSpecifications"] = [{"ResourceType": "security-group-rule", "Tags": inputs["tagsAll"]}]
        return operation.call(f"AuthorizeSecurityGroup{verb}", params)["SecurityGroupRules"][0]

    def modify(operation: Operation) -> None:
        inputs = operation.inputs
        names = {
            "ipProtocol": "IpProtocol",
            "fromPort": "FromPort",
            "toPort": "ToPort",
            "cidrIpv4": "CidrIpv4",
            "cidrIpv6": "CidrIpv6",
            "prefixListId": "PrefixListId",
            "referencedSecurityGroupId": "ReferencedGroupId",
            "description": "Description",
        }
        rule = {member: inputs[name] for name, member in names.items() if inputs.get(name) is not None}
        params = {
            "GroupId": inputs["securityGroupId"],
            "SecurityGroupRules": [{"SecurityGroupRuleId": operation.id, "SecurityGroupRule": rule}],
        }
        operation.call("ModifySecurityGroupRules", params)

    def shown(found: dict[str, Any], operation: Operation) -> None:
        referenced = (operation.raw.get("ReferencedGroupInfo") or {}).get("GroupId")
        if referenced:
            found["referencedSecurityGroupId"] = referenced
        if operation.raw.get("IpProtocol") == "-1":  # AWS says -1 for "no ports", which a program leaves out
            for name in ("fromPort", "toPort"):
                found.pop(name, None)

    def one_source(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
        names = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
        given = [name for name in names if inputs.get(name) is not None]
        return [] if len(given) == 1 else [("cidrIpv4", f"exactly one of {', '.join(names)} must be given")]

    return Resource(
        token=f"aws:vpc/securityGroup{verb}Rule:SecurityGroup{verb}Rule",
        service="ec2",
        id="{SecurityGroupRuleId}",
        create=create,
        consumes=settings | words("securityGroupId"),
        reads=(Call("DescribeSecurityGroupRules", {"SecurityGroupRuleIds": ["{id}"]}, "SecurityGroupRules[0]"),),
        changes=(Change(" ".join(settings), modify),),
        delete=(Call(f"RevokeSecurityGroup{verb}", {"GroupId": "{GroupId}", "SecurityGroupRuleIds": ["{id}"]}),),
        replaces=words("securityGroupId"),
        names={"securityGroupId": "GroupId"},
        outputs={"arn": arn("security-group-rule")},
        check=one_source,
        shown=shown,
        tagging=tagging("security-group-rule"),
    )


TYPES = (SECURITY_GROUP, SECURITY_GROUP_RULE, _single_rule("ingress"), _single_rule("egress"))
