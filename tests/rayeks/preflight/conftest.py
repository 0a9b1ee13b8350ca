"""A stack with everything in it, one local AWS, and ways to make single answers of it go wrong."""

import copy
import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import boto3
import pytest
import yaml
from botocore.config import Config

from infra.config import parse
from local.home import root
from rayeks.preflight import Account, Finding, Report, Stack, Status, preflight
from tests.local.aws.conftest import endpoint

__all__ = ["endpoint"]

ACCOUNT, REGION = "123456789012", "us-west-2"
STATIC = {("ec2", "DescribeInstanceTypes"), ("ec2", "DescribeInstanceTypeOfferings"), ("ec2", "DescribeImages")}
TAGS = {"environment": "dev", "managed-by": "ray-on-eks"}
PLATFORM: dict[str, Any] = {
    "name": "ray-test",
    "environment": "dev",
    "network": {"cidr": "10.90.0.0/16", "zones": ["us-west-2a", "us-west-2b", "us-west-2c"], "nat": "per_zone"},
    "cluster": {
        "version": "1.35",
        "public_access_cidrs": ["203.0.113.0/24"],
        "access": {"admins": {"principal": f"arn:aws:iam::{ACCOUNT}:user/dev", "role": "admin"}},
    },
    "node_groups": {
        "system": {"instance_types": ["m7i.large", "m7a.large"], "min": 2, "desired": 2, "max": 3},
        "gpu": {
            "instance_types": ["g6.xlarge"],
            "accelerator": "nvidia",
            "taints": [{"key": "nvidia.com/gpu"}],
            "min": 0,
            "desired": 0,
            "max": 2,
        },
    },
    "placement_groups": {"train": {}},
    "reservations": {"train": {"instance_type": "p5.48xlarge", "zone": "us-west-2b", "count": 1}},
    "pools": {
        "ray-head": {"kind": "ray-head", "min_generation": 8, "limits": {"cpu": 32, "memory_gib": 256}},
        "ray-cpu": {"kind": "ray-cpu", "min_generation": 8, "limits": {"cpu": 64, "memory_gib": 512}},
        "ray-gpu-infer": {"kind": "ray-gpu-infer", "limits": {"cpu": 32, "memory_gib": 256, "gpus": 2}},
        "ray-gpu-train": {
            "kind": "ray-gpu-train",
            "instance_type": "p5.48xlarge",
            "zone": "us-west-2b",
            "placement_group": "train",
            "limits": {"cpu": 384, "memory_gib": 4096, "gpus": 16},
        },
    },
    "storage": {
        "buckets": {"checkpoints": {"keep": False}},
        "files": {"keep": False},
        "scratch": {"zone": "us-west-2b", "size_gib": 2400, "keep": False, "links": [{"bucket": "checkpoints"}]},
        "images": {},
    },
    "tenants": {"research": {"cost_center": "research", "quota": {"gpus": 8}}},
    "cost": {
        "subscribers": ["ml@example.com"],
        "budgets": {"all": {"monthly_usd": 1000}, "research": {"monthly_usd": 500, "team": "research"}},
        "anomaly_usd": 50,
    },
}


def values(**changes: Any) -> dict[str, Any]:
    """The platform's values as `parse` takes them; `pools__ray_cpu__limits=…` replaces one (None removes it)."""
    found = copy.deepcopy(PLATFORM) | {"region": REGION, "account": ACCOUNT, "tags": dict(TAGS)}
    for path, value in changes.items():
        *parents, last = [step.replace("_", "-") if step.startswith("ray_") else step for step in path.split("__")]
        at: Any = found
        for step in parents:
            at = at.setdefault(step, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value
    return found


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack as the real program plans it, once for all tests."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "Pulumi.yaml").write_text(f"name: ray-on-eks\nruntime: python\nmain: {root() / 'stacks'}\n")
    config = {
        "aws:region": REGION,
        "aws:allowedAccountIds": [ACCOUNT],
        "aws:defaultTags": {"tags": TAGS},
        "ray-on-eks:platform": PLATFORM,
    }
    (folder / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": config}))
    return Stack.read("test", folder)


class Reply(NamedTuple):
    """What botocore wants to know of an HTTP response."""

    status_code: int
    raw: None = None


@dataclass
class Answers:
    """Answers that replace the server's, and a record of every operation that was called."""

    given: dict[tuple[str, str], Any] = field(default_factory=dict)
    called: list[tuple[str, str]] = field(default_factory=list)
    quotas: dict[str, float] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    def give(self, service: str, operation: str, answer: Any) -> None:
        """Answer an operation by a document, or by a function of its parameters; an exception is raised."""
        self.given[service, operation] = answer

    def refuse(self, service: str, operation: str, code: str, message: str = "no", status: int = 400) -> None:
        """Let an operation fail with an error of the service."""
        error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
        self.give(service, operation, error)

    def quota(self, code: str, value: float) -> None:
        """Set one service quota; all others are plenty."""
        self.quotas[code] = value

    def reset(self) -> None:
        """Forget everything but that quotas are plenty, no tag is known, and the deployer may do all."""
        for record in (self.given, self.called, self.quotas):
            record.clear()
        self.give("service-quotas", "GetServiceQuota", lambda asked: self._quota(asked["QuotaCode"]))
        tags = [{"TagKey": key, "Status": "Active", "Type": "UserDefined"} for key in [*TAGS, "rayeks/team"]]
        self.give("ce", "ListCostAllocationTags", {"CostAllocationTags": tags})
        self.give("sts", "GetCallerIdentity", {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/dev"})
        self.give("iam", "SimulatePrincipalPolicy", allowed)

    def _quota(self, code: str) -> dict[str, Any]:
        return {"Quota": {"QuotaCode": code, "Value": self.quotas.get(code, 1e6)}}

    def remember(self, params: Any, context: dict[str, Any], **_: Any) -> None:
        """Botocore event: keep the parameters as the caller gave them."""
        context["asked"] = params

    def reply(self, model: Any, context: dict[str, Any], **_: Any) -> tuple[Reply, Any] | None:
        """Botocore event: answer in the server's place, or let it answer."""
        key = (model.service_model.service_name, model.name)
        self.called.append(key)
        answer = self.given.get(key) or self.kept.get(_question(key, context))
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(context["asked"])
        if answer is None:
            return None
        return Reply(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 200)), copy.deepcopy(answer)

    def keep(self, parsed: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        """Botocore event: keep answers that are the same in every account, and slow to write."""
        key = (model.service_model.service_name, model.name)
        if key in STATIC and "Error" not in parsed and key not in self.given:
            self.kept[_question(key, context)] = copy.deepcopy(parsed)


def _question(key: tuple[str, str], context: dict[str, Any]) -> str:
    return json.dumps([*key, context["asked"]], default=str, sort_keys=True)


def allowed(asked: dict[str, Any]) -> dict[str, Any]:
    """A simulation in which everything is allowed."""
    results = [{"EvalActionName": action, "EvalDecision": "allowed"} for action in asked["ActionNames"]]
    return {"EvaluationResults": results, "IsTruncated": False}


class Clients:
    """boto3 clients that are made once, in place of a session."""

    def __init__(self, address: str, answers: Answers) -> None:
        self.session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        self.session.events.register("before-parameter-build", answers.remember)
        self.session.events.register("before-call", answers.reply)
        self.session.events.register("after-call", answers.keep)
        self.address, self.made = address, {}

    def client(self, service: str, region_name: str = REGION, **_: Any) -> Any:
        """A client of the local AWS that retries nothing."""
        key = (service, region_name)
        if key not in self.made:
            config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
            self.made[key] = self.session.client(
                service, region_name=region_name, endpoint_url=self.address, config=config
            )
        return self.made[key]

    def empty(self) -> None:
        """Empty the account but for the role that EC2 buys spot capacity with, and the deployer."""
        request = urllib.request.Request(f"{self.address}/moto-api/reset", method="POST")
        urllib.request.urlopen(request).read()
        self.client("iam").create_service_linked_role(AWSServiceName="spot.amazonaws.com")
        self.client("iam").create_user(UserName="dev")


@pytest.fixture(scope="session")
def _answers() -> Answers:
    return Answers()


@pytest.fixture(scope="session")
def clients(endpoint: str, _answers: Answers) -> Clients:
    return Clients(endpoint, _answers)


@pytest.fixture
def answers(_answers: Answers) -> Answers:
    """Replaced answers; what nobody replaced comes from the local AWS."""
    return _answers


@pytest.fixture(autouse=True)
def _fresh(_answers: Answers) -> None:
    _answers.reset()


@pytest.fixture
def aws(clients: Clients) -> Callable[[str], Any]:
    """`aws("ec2")`: a boto3 client of an account that held a deployer and the spot role when the test began."""
    clients.empty()
    return clients.client


Ask = Callable[..., Report]


@pytest.fixture
def ask(planned: Stack, clients: Clients, answers: Answers) -> Ask:
    """`ask("machines", pools__ray_cpu=…)`: the report of these checks, of the platform with those changes."""

    def run(*only: str, strict: bool = False, stack: Stack = planned, **changes: Any) -> Report:
        if changes:
            stack = replace(stack, platform=parse(values(**changes)))
        session: Any = clients
        answers.called.clear()
        return preflight(stack, Account(session, region=REGION), only=only, strict=strict)

    return run


@pytest.fixture
def find(ask: Ask) -> Callable[..., list[Finding]]:
    """As `ask`, for one check: its findings."""
    return lambda *given, **changes: list(ask(*given, **changes).findings)


def worst(findings: list[Finding]) -> Status:
    """The worst status of these findings."""
    return max((finding.status for finding in findings), key=lambda status: status.rank)


def only(findings: list[Finding], *statuses: Status) -> Finding:
    """The one finding of these statuses (anything but a pass unless given)."""
    wanted = statuses or (Status.WARN, Status.UNKNOWN, Status.FAIL)
    found = [finding for finding in findings if finding.status in wanted]
    assert len(found) == 1, json.dumps([finding.to_json() for finding in findings], indent=1)
    return found[0]
