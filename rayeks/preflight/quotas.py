"""What Service Quotas says of one quota, and how to ask for more."""

from dataclasses import dataclass

from rayeks.preflight.account import Account

NOT_THERE = "NoSuchResourceException"


@dataclass(frozen=True)
class Quota:
    """One quota of Service Quotas. `home`: a global service's, kept in the partition's first region."""

    service: str
    code: str
    name: str
    home: bool = False

    def value(self, aws: Account) -> int | None:
        """The account's own value, else AWS's default; None where Service Quotas does not know the quota."""
        where = aws.home if self.home else aws.region
        if not self.code:
            found = aws.read("service-quotas", "list_service_quotas", region=where, ServiceCode=self.service)["Quotas"]
            return next((int(item["Value"]) for item in found if item["QuotaName"] == self.name), None)
        for operation in ("get_service_quota", "get_aws_default_service_quota"):
            answer = aws.find(
                "service-quotas",
                operation,
                NOT_THERE,
                region=where,
                ServiceCode=self.service,
                QuotaCode=self.code,
            )
            if answer:
                return int(answer["Quota"]["Value"])
        return None

    def ask_for(self, value: int, aws: Account) -> str:
        """The command that asks AWS for so much."""
        if not self.code:
            return f"ask AWS for {value:,} of “{self.name}” in the Service Quotas console"
        region = aws.home if self.home else aws.region
        return (
            f"aws service-quotas request-service-quota-increase --region {region} --service-code {self.service} "
            f"--quota-code {self.code} --desired-value {value}"
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.code})" if self.code else self.name
