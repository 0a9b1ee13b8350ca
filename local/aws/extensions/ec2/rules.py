"""Security group rules as EC2 answers them: one for every source, with id, description and tags of its own."""

from collections.abc import Iterator
from typing import Any

from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

from local.aws.extensions.ec2.service import Document, ec2, forget_tags, refuse_reserved
from local.aws.moto import Call, Fault, override

# The key of a list of sources in a permission.
SOURCES = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
MOST_RULES = 60


def patch() -> None:
    """Rules are the same when protocol, ports and source are, and a description belongs to any kind of source."""
    override(SecurityGroupRule, "__eq__", lambda self, other: _identity(self) == _identity(other))
    override(SecurityGroupRule, "__hash__", lambda self: hash(self.id))
    override(SecurityGroupRule, "description", property(_description))


@ec2
def authorize_security_group_ingress(call: Call, request: Document) -> Document:
    """Let traffic in."""
    return _authorize(call, request, egress=False)


@ec2
def authorize_security_group_egress(call: Call, request: Document) -> Document:
    """Let traffic out."""
    return _authorize(call, request, egress=True)


@ec2
def modify_security_group_rules(call: Call, request: Document) -> Document:
    """Change rules in place: what is given replaces the whole rule, its id and tags stay."""
    group = _group(call, request)
    for change in request["SecurityGroupRules"]:
        rule = group.get_rule(change["SecurityGroupRuleId"])
        if rule is None:
            raise Fault(
                "InvalidSecurityGroupRuleId.NotFound",
                f"The security group rule ID '{change['SecurityGroupRuleId']}' does not exist",
            )
        given = change.get("SecurityGroupRule") or {}
        permission = {key: given.get(key) for key in ("IpProtocol", "FromPort", "ToPort")}
        text = {"Description": given["Description"]} if given.get("Description") else {}
        for key, kind, member in (
            ("CidrIpv4", "IpRanges", "CidrIp"),
            ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
            ("PrefixListId", "PrefixListIds", "PrefixListId"),
            ("ReferencedGroupId", "UserIdGroupPairs", "GroupId"),
        ):
            if given.get(key):
                permission[kind] = [{member: given[key]} | text]
        made = next(_rules(call, group, [permission], egress=rule.is_egress), None)
        if made is None:
            raise Fault("MissingParameter", "A source or destination must be specified.")
        kept = rule.id
        vars(rule).update({**vars(made), "id": kept, "filters": rule.filters})
    return {"Return": True}


@ec2
def delete_security_group(call: Call, request: Document) -> Document:
    """Delete a group that nothing uses."""
    group = _group(call, request)
    if group.name == "default":
        raise Fault("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    call.backend("ec2").delete_security_group(group_id=group.id)
    for rule in (*group.ingress_rules, *group.egress_rules):
        forget_tags(call, rule.id)
    return {"Return": True, "GroupId": group.id}


def _authorize(call: Call, request: Document, *, egress: bool) -> Document:
    group = _group(call, request)
    held = group.egress_rules if egress else group.ingress_rules
    made = list(_rules(call, group, _permissions(request), egress=egress))
    if not made:
        raise Fault("MissingParameter", "The request must contain a source or destination of the rule")
    for index, rule in enumerate(made):
        if rule in held or rule in made[:index]:
            raise Fault("InvalidPermission.Duplicate", f'the specified rule "{_text(rule)}" already exists')
    if len(held) + len(made) > MOST_RULES:
        raise Fault(
            "RulesPerSecurityGroupLimitExceeded",
            f"The maximum number of rules per security group has been reached: {MOST_RULES}",
        )
    tags = _tags(request)
    for rule in made:
        rule.add_tags(tags)
    held.extend(made)
    return {"Return": True, "SecurityGroupRules": [_about(call, rule) for rule in made]}


def _group(call: Call, request: Document) -> SecurityGroup:
    backend = call.backend("ec2")
    if request.get("GroupId"):
        found = backend.get_security_group_from_id(request["GroupId"])
    else:
        found = backend.get_security_group_by_name_or_id(request.get("GroupName"), backend.default_vpc.id)
    if found is None:
        wanted = request.get("GroupId") or request.get("GroupName")
        raise Fault("InvalidGroup.NotFound", f"The security group '{wanted}' does not exist")
    return found


def _permissions(request: Document) -> list[Document]:
    """The permissions of a request, also of the short form that names one."""
    if request.get("IpPermissions"):
        return request["IpPermissions"]
    permission = {key: request.get(key) for key in ("IpProtocol", "FromPort", "ToPort")}
    if request.get("CidrIp"):
        permission["IpRanges"] = [{"CidrIp": request["CidrIp"]}]
    if request.get("SourceSecurityGroupName"):
        permission["UserIdGroupPairs"] = [{"GroupName": request["SourceSecurityGroupName"]}]
    return [permission]


def _rules(
    call: Call, group: SecurityGroup, permissions: list[Document], *, egress: bool
) -> Iterator[SecurityGroupRule]:
    backend = call.backend("ec2")
    for permission in permissions:
        protocol, low, high = _ports(permission)
        for kind in SOURCES:
            for source in permission.get(kind) or []:
                given: dict[str, Any] = {"ip_range": None}
                if kind == "UserIdGroupPairs":
                    given["source_group"] = _source_group(call, group, source)
                elif kind == "PrefixListIds":
                    if source["PrefixListId"] not in backend.managed_prefix_lists:
                        raise Fault(
                            "InvalidPrefixListID.NotFound",
                            f"The prefix list ID '{source['PrefixListId']}' does not exist",
                        )
                    given["prefix_list_id"] = source
                else:
                    given["ip_range"] = source
                rule: Any = SecurityGroupRule(backend, protocol, group.id, low, high, is_egress=egress, **given)
                rule.text = source.get("Description")
                yield rule


def _ports(permission: Document) -> tuple[str, Any, Any]:
    protocol = str(permission.get("IpProtocol") or "")
    if not protocol:
        raise Fault("MissingParameter", "The request must contain the parameter ipProtocol")
    low, high = permission.get("FromPort"), permission.get("ToPort")
    if protocol in ("tcp", "udp", "6", "17"):
        if low is None or high is None:
            raise Fault(
                "InvalidParameterValue",
                f"Invalid value for portRange. Must specify both from and to ports with {protocol.upper()}.",
            )
        if not 0 <= low <= high <= 65535:
            raise Fault("InvalidParameterValue", f"Invalid TCP/UDP port range ({low}:{high})")
    return protocol, -1 if low is None else low, -1 if high is None else high


def _source_group(call: Call, group: SecurityGroup, pair: Document) -> Document:
    backend = call.backend("ec2")
    wanted = pair.get("GroupId") or pair.get("GroupName")
    found = backend.get_security_group_by_name_or_id(wanted, group.vpc_id)
    foreign = pair.get("UserId") not in (None, call.account)
    if found is None and not foreign:
        raise Fault("InvalidGroup.NotFound", f"The security group '{wanted}' does not exist")
    about = {"GroupId": found.id if found else wanted, "UserId": pair.get("UserId") or call.account}
    return about | ({"Description": pair["Description"]} if pair.get("Description") else {})


def _tags(request: Document) -> dict[str, str]:
    tags = {
        tag["Key"]: tag.get("Value", "")
        for specification in request.get("TagSpecifications") or []
        for tag in specification.get("Tags") or []
    }
    refuse_reserved(tags)
    return tags


def _about(call: Call, rule: SecurityGroupRule) -> Document:
    return {
        "SecurityGroupRuleId": rule.id,
        "SecurityGroupRuleArn": call.arn(f"security-group-rule/{rule.id}"),
        "GroupId": rule.group_id,
        "GroupOwnerId": call.account,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.ip_protocol,
        "FromPort": -1 if rule.from_port is None else rule.from_port,
        "ToPort": -1 if rule.to_port is None else rule.to_port,
        "CidrIpv4": rule.cidr_ipv4,
        "CidrIpv6": rule.cidr_ipv6,
        "PrefixListId": rule.prefix_list_id,
        "ReferencedGroupInfo": rule.referenced_group_info,
        "Description": rule.description,
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in rule.get_tags()],
    }


def _identity(rule: SecurityGroupRule) -> tuple[Any, ...]:
    ports = (None, None) if rule.ip_protocol == "-1" else (rule.from_port, rule.to_port)
    source = (rule.cidr_ipv4, rule.cidr_ipv6, rule.prefix_list_id, rule.source_group.get("GroupId"))
    return (rule.ip_protocol, *ports, *source)


def _description(rule: SecurityGroupRule) -> str | None:
    return rule.ip_range.get("Description") or rule.source_group.get("Description") or vars(rule).get("text")


def _text(rule: SecurityGroupRule) -> str:
    source = rule.cidr_ipv4 or rule.cidr_ipv6 or rule.prefix_list_id or rule.source_group.get("GroupId")
    return f"peer: {source}, {rule.ip_protocol}, from port: {rule.from_port}, to port: {rule.to_port}, ALLOW"
