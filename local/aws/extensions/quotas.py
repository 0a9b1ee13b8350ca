"""Service Quotas: AWS's defaults of the quotas that a Ray platform meets; an increase is granted at once."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from local.aws.moto import Call, Fault, Service, State, paged

quotas = Service("service-quotas", invalid="IllegalArgumentException")

Document = dict[str, Any]
SERVICES = {
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
    "eks": "Amazon Elastic Kubernetes Service (Amazon EKS)",
    "fsx": "Amazon FSx",
    "ebs": "Amazon Elastic Block Store (Amazon EBS)",
    "iam": "AWS Identity and Access Management (IAM)",
    "elasticfilesystem": "Amazon Elastic File System (EFS)",
    "s3": "Amazon Simple Storage Service (Amazon S3)",
}
# Service, code, name, default value, unit. Accelerated families begin at zero, as in most accounts.
ROWS: list[tuple[str, str, str, float, str]] = [
    ("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5, "None"),
    ("ec2", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5, "None"),
    ("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 0, "None"),
    ("ec2", "L-3819A6DF", "All G and VT Spot Instance Requests", 0, "None"),
    ("ec2", "L-417A185B", "Running On-Demand P instances", 0, "None"),
    ("ec2", "L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", 0, "None"),
    ("ec2", "L-C4BD4855", "All P5 Spot Instance Requests", 0, "None"),
    ("ec2", "L-2C3B7624", "Running On-Demand Trn instances", 0, "None"),
    ("ec2", "L-6B0D517C", "All Trn Spot Instance Requests", 0, "None"),
    ("ec2", "L-1945791B", "Running On-Demand Inf instances", 0, "None"),
    ("ec2", "L-B5D1601B", "All Inf Spot Instance Requests", 0, "None"),
    ("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5, "None"),
    ("vpc", "L-F678F1CE", "VPCs per Region", 5, "None"),
    ("vpc", "L-A4707A72", "Internet gateways per Region", 5, "None"),
    ("vpc", "L-407747CB", "Subnets per VPC", 200, "None"),
    ("vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5, "None"),
    ("vpc", "L-DF5E4CA3", "Network interfaces per Region", 5000, "None"),
    ("vpc", "L-E79EC296", "VPC security groups per Region", 2500, "None"),
    ("vpc", "L-0EA8095F", "Inbound or outbound rules per security group", 60, "None"),
    ("vpc", "L-2AFB9258", "Security groups per network interface", 5, "None"),
    ("vpc", "L-1B52E74A", "Gateway VPC endpoints per Region", 20, "None"),
    ("vpc", "L-29B6F2EB", "Interface VPC endpoints per VPC", 50, "None"),
    ("eks", "L-1194D53C", "Clusters", 100, "None"),
    ("eks", "L-6D54EA21", "Managed node groups per cluster", 30, "None"),
    ("eks", "L-BD136A63", "Nodes per managed node group", 450, "None"),
    ("eks", "L-C56B9FC3", "Access entries per cluster", 2500, "None"),
    ("fsx", "L-FD6F2F22", "Lustre Persistent_2 file systems", 100, "None"),
    ("fsx", "L-8F1B9C74", "Lustre Persistent_2 SSD storage capacity", 100800, "GiB"),
    ("fsx", "L-AD2FC696", "Lustre Scratch storage capacity", 100800, "GiB"),
    ("fsx", "L-0CD18A5D", "Lustre Intelligent-Tiering throughput capacity", 40000, "None"),
    ("ebs", "L-7A658B76", "Storage for General Purpose SSD (gp3) volumes, in TiB", 50, "None"),
    ("ebs", "L-D18FCD1D", "Storage for General Purpose SSD (gp2) volumes, in TiB", 50, "None"),
    ("iam", "L-FE177D64", "Roles per account", 1000, "None"),
    ("iam", "L-0DA4ABF3", "Managed policies per role", 10, "None"),
    ("iam", "L-E95E4862", "Customer managed policies per account", 1500, "None"),
    ("iam", "L-6E65F664", "Instance profiles per account", 1000, "None"),
    ("iam", "L-858F3967", "OpenId connect providers per account", 100, "None"),
    ("elasticfilesystem", "L-848C634D", "File systems per account", 1000, "None"),
    ("s3", "L-DC2B2D3D", "General purpose buckets", 10000, "None"),
]


class Quotas(State):
    """Values that were raised, and the requests for it."""

    service = "service-quotas"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.values: dict[tuple[str, str], float] = {}
        self.requests: list[Document] = []


@quotas
def get_service_quota(call: Call, request: Document) -> Document:
    """The value that applies."""
    return {"Quota": _quota(call, request["ServiceCode"], request["QuotaCode"], applied=True)}


@quotas
def get_aws_default_service_quota(call: Call, request: Document) -> Document:
    """The value of a new account."""
    return {"Quota": _quota(call, request["ServiceCode"], request["QuotaCode"], applied=False)}


@quotas
def list_service_quotas(call: Call, request: Document) -> Document:
    """The values that apply to a service."""
    page, token = paged(list(_all(call, request, applied=True)), request, token="NextToken", size="MaxResults")
    return {"Quotas": page, "NextToken": token}


@quotas
def list_aws_default_service_quotas(call: Call, request: Document) -> Document:
    """The values of a new account for a service."""
    page, token = paged(list(_all(call, request, applied=False)), request, token="NextToken", size="MaxResults")
    return {"Quotas": page, "NextToken": token}


@quotas
def list_services(call: Call, request: Document) -> Document:
    """The services that have quotas here."""
    services = [{"ServiceCode": code, "ServiceName": name} for code, name in sorted(SERVICES.items())]
    page, token = paged(services, request, token="NextToken", size="MaxResults")
    return {"Services": page, "NextToken": token}


@quotas
def request_service_quota_increase(call: Call, request: Document) -> Document:
    """Ask for more: granted at once, where AWS takes minutes to days."""
    state = call.state(Quotas)
    quota = _quota(call, request["ServiceCode"], request["QuotaCode"], applied=True)
    if request["DesiredValue"] <= quota["Value"]:
        raise Fault(
            "IllegalArgumentException",
            f"The desired value {request['DesiredValue']:g} must be greater than the current {quota['Value']:g}.",
        )
    state.values[request["ServiceCode"], request["QuotaCode"]] = request["DesiredValue"]
    change = {key: quota[key] for key in ("ServiceCode", "ServiceName", "QuotaCode", "QuotaName", "QuotaArn", "Unit")}
    change |= {
        "Id": uuid.uuid4().hex,
        "DesiredValue": request["DesiredValue"],
        "Status": "APPROVED",
        "Created": datetime.now(UTC),
        "LastUpdated": datetime.now(UTC),
        "GlobalQuota": quota["GlobalQuota"],
    }
    state.requests.append(change)
    return {"RequestedQuota": change}


@quotas
def list_requested_service_quota_change_history_by_quota(call: Call, request: Document) -> Document:
    """What was asked for one quota."""
    found = [
        change
        for change in call.state(Quotas).requests
        if (change["ServiceCode"], change["QuotaCode"]) == (request["ServiceCode"], request["QuotaCode"])
    ]
    page, token = paged(found, request, token="NextToken", size="MaxResults")
    return {"RequestedQuotas": page, "NextToken": token}


@quotas
def get_requested_service_quota_change(call: Call, request: Document) -> Document:
    """One request."""
    for change in call.state(Quotas).requests:
        if change["Id"] == request["RequestId"]:
            return {"RequestedQuota": change}
    raise Fault("NoSuchResourceException", f"The request {request['RequestId']} does not exist.")


def _all(call: Call, request: Document, *, applied: bool) -> Iterator[Document]:
    if request["ServiceCode"] not in SERVICES:
        raise Fault("NoSuchResourceException", f"The service {request['ServiceCode']} does not exist.")
    for service, code, *_ in ROWS:
        if service == request["ServiceCode"]:
            yield _quota(call, service, code, applied=applied)


def _quota(call: Call, service: str, code: str, *, applied: bool) -> Document:
    for known, known_code, name, value, unit in ROWS:
        if (known, known_code) == (service, code):
            raised = call.state(Quotas).values.get((service, code), value)
            return {
                "ServiceCode": service,
                "ServiceName": SERVICES[service],
                "QuotaArn": call.arn(f"{service}/{code}", "servicequotas"),
                "QuotaCode": code,
                "QuotaName": name,
                "Value": float(raised if applied else value),
                "Unit": unit,
                "Adjustable": True,
                "GlobalQuota": service in ("iam", "s3"),
                "QuotaAppliedAtLevel": "ACCOUNT",
            }
    raise Fault("NoSuchResourceException", f"The quota {code} of the service {service} does not exist.")
