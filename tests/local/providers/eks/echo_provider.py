"""Stands in for AWS and Kubernetes under the component: creates whatever it is asked for, and never changes it."""

import os
import sys
from typing import Any

from pulumi.runtime.proto import provider_pb2

from local.providers import wire

ANSWERS: dict[str, dict[str, Any]] = {
    "aws:eks/cluster:Cluster": {
        "arn": "arn:aws:eks:us-west-2:123456789012:cluster/ray",
        "endpoint": "https://cluster.example",
        "certificateAuthority": {"data": "Q0E="},
        "identities": [{"oidcs": [{"issuer": "https://oidc.example/id/1"}]}],
    },
    "aws:iam/role:Role": {"arn": "arn:aws:iam::123456789012:role/made", "name": "made"},
    "aws:ec2/securityGroupRule:SecurityGroupRule": {"securityGroupRuleId": "sgr-1"},
}


class Echo(wire.Provider):
    """A provider whose every resource exists as soon as it is asked for."""

    name, version = sys.argv[1], os.environ["ECHO_VERSION"]

    def Check(self, request, context):  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):  # noqa: N802
        some = wire.unmarshal(request.old_inputs) != wire.unmarshal(request.news)
        changes = provider_pb2.DiffResponse.DIFF_SOME if some else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=changes)

    def Create(self, request, context):  # noqa: N802
        properties = wire.unmarshal(request.properties, keep_secrets=True)
        if request.preview:
            return provider_pb2.CreateResponse(properties=wire.marshal(properties))
        kind, name = request.urn.split("::")[2].rsplit("$", 1)[-1], request.urn.rsplit("::", 1)[1]
        outputs = properties | ANSWERS.get(kind, {})
        if kind == "aws:eks/cluster:Cluster":
            outputs["vpcConfig"] = outputs["vpcConfig"] | {"clusterSecurityGroupId": "sg-eks"}
        return provider_pb2.CreateResponse(id=f"id-{name}", properties=wire.marshal(outputs))

    def Update(self, request, context):  # noqa: N802
        return provider_pb2.UpdateResponse(properties=request.news)

    def Read(self, request, context):  # noqa: N802
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Delete(self, request, context):  # noqa: N802
        return wire.Empty()


if __name__ == "__main__":
    wire.serve(Echo(wire.engine_address()))
