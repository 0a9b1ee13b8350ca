"""Billing's data exports: the bill as data."""

from local.providers.aws.convert import words
from local.providers.aws.resource import Call, Change, Resource, Tagging

EXPORT = Resource(
    token="aws:bcmdata/export:Export",
    service="bcm-data-exports",
    id="{ExportArn}",
    create=Call("CreateExport"),
    reads=(
        Call("GetExport", {"ExportArn": "{id}"}),
        Call("ListTagsForResource", {"ResourceArn": "{id}"}, "{Tags: ResourceTags}"),
    ),
    changes=(Change("export", Call("UpdateExport", {"ExportArn": "{id}"})),),
    delete=(Call("DeleteExport", {"ExportArn": "{id}"}),),
    status="ExportStatus.StatusCode",
    ready=words("HEALTHY"),
    failed=words("UNHEALTHY"),
    why="ExportStatus.StatusReason",
    replaces=words("export.dataQueries.tableConfigurations"),
    computed=words("export export.exportArn"),
    names={
        "*.dataQueries": "DataQuery",
        "*.s3Destinations": "S3Destination",
        "*.refreshCadences": "RefreshCadence",
    },
    outputs={"arn": "{id}"},
    tagging=Tagging(
        create={"ResourceTags": "{tagsAll}"},
        add=Call("TagResource", {"ResourceArn": "{id}", "ResourceTags": "{newTags}"}),
        remove=Call("UntagResource", {"ResourceArn": "{id}", "ResourceTagKeys": "{tagKeys}"}),
    ),
)

TYPES = (EXPORT,)
