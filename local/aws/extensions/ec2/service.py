"""What the parts of EC2 share: filters, tags at creation, ids and errors."""

import fnmatch
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from moto.ec2 import utils

from local.aws.moto import Call, Fault, Service

ec2 = Service("ec2", invalid="InvalidParameterValue")

Document = dict[str, Any]
# A filter's name and the member it looks at, or how to find the values.
Filters = Mapping[str, str | Callable[[Document], Any]]


def new_id(prefix: str) -> str:
    """A fresh id as EC2 makes them: `nat-` and 17 hexadecimal digits."""
    return f"{prefix}-{secrets.token_hex(9)[:17]}"


def know_prefix(prefix: str, kind: str) -> None:
    """Let moto's tagging take ids of this prefix."""
    utils.EC2_PREFIX_TO_RESOURCE[prefix] = kind
    utils.EC2_RESOURCE_TO_PREFIX[kind] = prefix


def tag(call: Call, resource_id: str, request: Document, kind: str) -> None:
    """Give a new resource the tags that the request specifies for its kind."""
    for specification in request.get("TagSpecifications") or []:
        if specification.get("ResourceType") != kind:
            raise Fault(
                "InvalidParameterValue",
                f"'{specification.get('ResourceType')}' is not a valid taggable resource type for this operation.",
            )
        tags = {item["Key"]: item.get("Value", "") for item in specification.get("Tags") or []}
        refuse_reserved(tags)
        call.backend("ec2").create_tags([resource_id], tags)


def refuse_reserved(tags: Mapping[str, Any]) -> None:
    """Refuse tag keys that only AWS may set."""
    for key in tags:
        if key.lower().startswith("aws:"):
            raise Fault(
                "InvalidParameterValue",
                f"Tag keys starting with 'aws:' are reserved for internal use: {key}",
            )


def tags_of(call: Call, resource_id: str) -> list[Document]:
    """A resource's tags as EC2 writes them."""
    found = call.backend("ec2").tags.get(resource_id) or {}
    return [{"Key": key, "Value": value} for key, value in found.items()]


def forget_tags(call: Call, resource_id: str) -> None:
    """Remove the tags of a resource that is gone."""
    call.backend("ec2").tags.pop(resource_id, None)


def select(items: list[Document], request: Document, filters: Filters, key: str = "Filters") -> list[Document]:
    """The items that pass all the request's filters; wildcards as EC2 has them."""
    for wanted in request.get(key) or []:
        name, values = wanted["Name"], wanted.get("Values") or []
        items = [item for item in items if _passes(item, name, values, filters)]
    return items


def _passes(item: Document, name: str, values: list[str], filters: Filters) -> bool:
    tags = {pair["Key"]: pair["Value"] for pair in item.get("Tags") or []}
    if name.startswith("tag:"):
        found: Any = tags.get(name.removeprefix("tag:"))
    elif name == "tag-key":
        found = list(tags)
    elif name in filters:
        find = filters[name]
        found = find(item) if callable(find) else item.get(find)
    else:
        raise Fault("InvalidParameterValue", f"The filter '{name}' is invalid")
    present = [str(value) for value in (found if isinstance(found, list) else [found]) if value is not None]
    return any(_like(value, pattern) for value in present for pattern in values)


def _like(value: str, pattern: str) -> bool:
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), value) is not None


def named(items: Mapping[str, Document], ids: list[str] | None, code: str, what: str) -> list[Document]:
    """The items of those ids, all of them where none are given; an unknown id is an error of this code."""
    for wanted in ids or []:
        if wanted not in items:
            raise Fault(code, f"The {what} ID '{wanted}' does not exist")
    return [items[wanted] for wanted in ids] if ids else list(items.values())


def zone_id(call: Call, zone: str) -> str:
    """The id of a zone of the caller's region, such as usw2-az1; InvalidParameterValue."""
    for known in call.backend("ec2").describe_availability_zones():
        if known.name == zone:
            return known.zone_id
    raise Fault("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
