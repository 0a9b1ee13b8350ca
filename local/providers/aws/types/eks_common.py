"""What EKS's resource types share: tags by TagResource on an ARN."""

from local.providers.aws.resource import Call, Tagging


def tagging(arn: str) -> Tagging:
    """The tagging of a type whose output `arn` holds its ARN."""
    return Tagging(
        create={"tags": "{tagsAll}"},
        add=Call("TagResource", {"resourceArn": f"{{{arn}}}", "tags": "{newTags}"}),
        remove=Call("UntagResource", {"resourceArn": f"{{{arn}}}", "tagKeys": "{tagKeys}"}),
    )
