"""What EC2's resource types share: tags by CreateTags, and ARNs that EC2 does not tell."""

from local.providers.aws.resource import Call, Tagging


def tagging(kind: str, id: str = "{id}") -> Tagging:
    """The tagging of a kind of EC2 resource, such as `subnet`, by the template of its EC2 id."""
    return Tagging(
        create={"TagSpecifications": [{"ResourceType": kind, "Tags": "{tagsAll}"}]},
        add=Call("CreateTags", {"Resources": [id], "Tags": "{newTags}"}),
        remove=Call("DeleteTags", {"Resources": [id], "Tags": "{goneTags}"}),
    )


def arn(kind: str, id: str = "{id}") -> str:
    """The template of the ARN of a kind of EC2 resource."""
    return f"arn:{{partition}}:ec2:{{region}}:{{account}}:{kind}/{id}"


def filtered(operation: str, result: str, filters: dict[str, str]) -> Call:
    """A describe call by filters instead of ids."""
    return Call(operation, {"Filters": [{"Name": name, "Values": [value]} for name, value in filters.items()]}, result)
