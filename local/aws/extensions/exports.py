"""Billing's data exports (CUR 2.0), which moto does not know."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any

from local.aws.moto import Call, Fault, Service, State, paged
from local.aws.policy import lets

exports = Service("bcm-data-exports")

Document = dict[str, Any]
PRINCIPAL = "bcm-data-exports.amazonaws.com"
# Tables, their settings, and what AWS fills in for a setting that is not given.
TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "COST_AND_USAGE_REPORT": {
        "TIME_GRANULARITY": ("HOURLY", "DAILY", "MONTHLY"),
        "INCLUDE_RESOURCES": ("FALSE", "TRUE"),
        "INCLUDE_SPLIT_COST_ALLOCATION_DATA": ("FALSE", "TRUE"),
        "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": ("FALSE", "TRUE"),
        "INCLUDE_CAPACITY_RESERVATION_DATA": ("FALSE", "TRUE"),
        "BILLING_VIEW_ARN": (),
    },
    "FOCUS_1_0_AWS": {"BILLING_VIEW_ARN": ()},
    "FOCUS_1_2_AWS": {"TIME_GRANULARITY": ("HOURLY", "DAILY", "MONTHLY"), "BILLING_VIEW_ARN": ()},
    "COST_OPTIMIZATION_RECOMMENDATIONS": {
        "INCLUDE_ALL_RECOMMENDATIONS": ("FALSE", "TRUE"),
        "FILTER": (),
    },
    "CARBON_EMISSIONS": {},
}


class Exports(State):
    """Exports and their tags by ARN."""

    service = "bcm-data-exports"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.exports: dict[str, Document] = {}
        self.tags: dict[str, dict[str, str]] = {}


@exports
def create_export(call: Call, request: Document) -> Document:
    """Create an export into a bucket."""
    state, given = call.state(Exports), request["Export"]
    if any(item["Export"]["Name"] == given["Name"] for item in state.exports.values()):
        raise Fault("ValidationException", f"An export with the name {given['Name']} already exists.")
    arn = call.arn(f"export/{given['Name']}-{uuid.uuid4()}", region="us-east-1")
    now = datetime.now(UTC)
    state.exports[arn] = {
        "Export": _export(call, given) | {"ExportArn": arn},
        "ExportStatus": {"StatusCode": "HEALTHY", "CreatedAt": now, "LastUpdatedAt": now},
    }
    state.tags[arn] = {tag["Key"]: tag["Value"] for tag in request.get("ResourceTags") or []}
    return {"ExportArn": arn}


@exports
def get_export(call: Call, request: Document) -> Document:
    """One export."""
    return _found(call, request["ExportArn"])


@exports
def list_exports(call: Call, request: Document) -> Document:
    """All exports, in short."""
    found = [
        {"ExportArn": arn, "ExportName": item["Export"]["Name"], "ExportStatus": item["ExportStatus"]}
        for arn, item in call.state(Exports).exports.items()
    ]
    page, token = paged(found, request, token="NextToken", size="MaxResults")
    return {"Exports": page, "NextToken": token}


@exports
def update_export(call: Call, request: Document) -> Document:
    """Replace an export's settings; its name stays."""
    arn, given = request["ExportArn"], request["Export"]
    found = _found(call, arn)
    if given["Name"] != found["Export"]["Name"]:
        raise Fault("ValidationException", "The name of an export can't be changed.")
    found["Export"] = _export(call, given) | {"ExportArn": arn}
    found["ExportStatus"]["LastUpdatedAt"] = datetime.now(UTC)
    return {"ExportArn": arn}


@exports
def delete_export(call: Call, request: Document) -> Document:
    """Export no longer; what was delivered stays."""
    state, arn = call.state(Exports), request["ExportArn"]
    _found(call, arn)
    del state.exports[arn]
    state.tags.pop(arn, None)
    return {"ExportArn": arn}


@exports
def list_tables(call: Call, request: Document) -> Document:
    """The tables that can be exported, with their settings."""
    tables = [
        {
            "TableName": name,
            "TableProperties": [
                {"Name": key, "ValidValues": list(values), "DefaultValue": values[0] if values else ""}
                for key, values in settings.items()
            ],
        }
        for name, settings in TABLES.items()
    ]
    page, token = paged(tables, request, token="NextToken", size="MaxResults")
    return {"Tables": page, "NextToken": token}


@exports
def tag_resource(call: Call, request: Document) -> Document:
    """Tag an export."""
    _found(call, request["ResourceArn"])
    added = {tag["Key"]: tag["Value"] for tag in request["ResourceTags"]}
    call.state(Exports).tags[request["ResourceArn"]].update(added)
    return {}


@exports
def untag_resource(call: Call, request: Document) -> Document:
    """Take tags away."""
    _found(call, request["ResourceArn"])
    for key in request["ResourceTagKeys"]:
        call.state(Exports).tags[request["ResourceArn"]].pop(key, None)
    return {}


@exports
def list_tags_for_resource(call: Call, request: Document) -> Document:
    """The tags of an export."""
    _found(call, request["ResourceArn"])
    tags = call.state(Exports).tags[request["ResourceArn"]]
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _found(call: Call, arn: str) -> Document:
    found = call.state(Exports).exports.get(arn)
    if found is None:
        raise Fault(
            "ResourceNotFoundException", f"The export {arn} does not exist.", ResourceId=arn, ResourceType="export"
        )
    return found


def _export(call: Call, given: Document) -> Document:
    query = given["DataQuery"]
    match = re.fullmatch(r"\s*select\s+(.+?)\s+from\s+(\w+)(\s+where\s+.+)?\s*", query["QueryStatement"], re.I | re.S)
    if match is None:
        raise Fault("ValidationException", f"The query statement is not SELECT … FROM …: {query['QueryStatement']}")
    columns, table = match[1].strip(), match[2].upper()
    if columns == "*":
        raise Fault("ValidationException", "The query statement must list its columns: SELECT * is not supported.")
    if table not in TABLES:
        raise Fault("ValidationException", f"The table {table} is not one of {sorted(TABLES)}.")
    name = given["DestinationConfigurations"]["S3Destination"]["S3Bucket"]
    bucket = call.backend("s3").buckets.get(name)
    if bucket is None or not _lets_deliver(call, bucket):
        raise Fault("ValidationException", f"The S3 bucket {name} does not exist or can't be written.")
    settings = {key: values[0] for key, values in TABLES[table].items() if values}
    if "BILLING_VIEW_ARN" in TABLES[table]:
        settings["BILLING_VIEW_ARN"] = call.arn("billingview/primary", "billing", region="")
    for name, values in (query.get("TableConfigurations") or {}).items():
        for key, value in values.items():
            allowed = TABLES.get(name, {}).get(key)
            if name != table or allowed is None or (allowed and value not in allowed):
                raise Fault("ValidationException", f"The table configuration {name}.{key}={value} is not supported.")
            settings[key] = value
    data = query | {"TableConfigurations": {table: settings}}
    return {key: value for key, value in given.items() if value is not None} | {"DataQuery": data}


def _lets_deliver(call: Call, bucket: Any) -> bool:
    """Whether the bucket's policy lets this service write on behalf of this account, and check that it may."""
    context = {
        "aws:SourceAccount": [call.account],
        "aws:SourceArn": [call.arn("export/any", region="us-east-1")],
        "aws:SecureTransport": ["true"],
    }
    wanted = {"s3:PutObject": f"{bucket.arn}/any", "s3:GetBucketPolicy": bucket.arn}
    return bucket.policy is not None and all(
        lets(bucket.policy, PRINCIPAL, action, resource, context) for action, resource in wanted.items()
    )
