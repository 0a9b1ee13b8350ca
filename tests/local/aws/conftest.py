"""One local AWS for all tests of this folder, emptied before each."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

_session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-west-2")
_clients: dict[tuple[str, str, str], Any] = {}


@dataclass(frozen=True)
class Account:
    """An AWS account: boto3 clients, and the things that many tests need."""

    endpoint: str

    def __call__(self, service: str, region: str = "us-west-2") -> Any:
        """A boto3 client that does not retry."""
        key = (self.endpoint, service, region)
        if key not in _clients:
            config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
            _clients[key] = _session.client(service, endpoint_url=self.endpoint, region_name=region, config=config)
        return _clients[key]

    def role(self, name: str, *principals: str) -> str:
        """The ARN of a new role that these services may assume."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": list(principals)},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return self("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def network(self, zones: str = "abc") -> tuple[str, list[str]]:
        """A VPC and one subnet a zone."""
        ec2 = self("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"us-west-2{zone}")
            for index, zone in enumerate(zones)
        ]
        return vpc, [subnet["Subnet"]["SubnetId"] for subnet in subnets]

    def cluster(self, name: str = "ray", **given: Any) -> dict[str, Any]:
        """An EKS cluster with API access entries, on a network of its own."""
        request = {
            "name": name,
            "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        } | given
        if "resourcesVpcConfig" not in request:
            request["resourcesVpcConfig"] = {"subnetIds": self.network()[1]}
        if "roleArn" not in request:
            request["roleArn"] = self.role("eks-cluster", "eks.amazonaws.com")
        return self("eks").create_cluster(**request)["cluster"]

    def nodes(self, name: str = "cpu", of: str = "ray", **given: Any) -> dict[str, Any]:
        """A managed node group on the cluster's subnets."""
        about = self("eks").describe_cluster(name=of)["cluster"]
        request = {
            "clusterName": of,
            "nodegroupName": name,
            "subnets": about["resourcesVpcConfig"]["subnetIds"],
            "scalingConfig": {"minSize": 1, "maxSize": 3, "desiredSize": 2},
        } | given
        if "nodeRole" not in request:
            request["nodeRole"] = self.role(f"{of}-{name}-node", "ec2.amazonaws.com")
        return self("eks").create_nodegroup(**request)["nodegroup"]

    def enforce(self, on: bool) -> None:
        """Check every caller's rights from the next request on, or no longer."""
        request = urllib.request.Request(
            f"{self.endpoint}/moto-api/reset-auth",
            data=b"0" if on else b"inf",
            headers={"Content-Type": "text/plain"},
            method="POST",
        )
        urllib.request.urlopen(request).read()

    @contextmanager
    def refused(self, code: str, status: int = 400, says: str = "") -> Generator[dict[str, Any]]:
        """Expect AWS's error of this code and HTTP status; gives the parsed response, filled in at the end."""
        response: dict[str, Any] = {}
        with pytest.raises(ClientError) as raised:
            yield response
        response |= raised.value.response
        got = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
        assert got == (code, status), raised.value
        assert says in response["Error"]["Message"]


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("aws") / "log"
    env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with log.open("wb") as output:
        argv = [sys.executable, "-m", "local.aws", "--port", str(port)]
        server = subprocess.Popen(argv, stdout=output, stderr=output, env=env)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(server, f"{address}/rayeks/boot", log)
        yield address
    finally:
        server.terminate()
        server.wait(10)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server did not answer: {log.read_text()}")


@pytest.fixture
def aws(endpoint: str) -> Account:
    """An account with nothing in it."""
    request = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")
    urllib.request.urlopen(request).read()
    return Account(endpoint)
