"""Entry of the echo provider, which the engine starts by the names of the real ones."""

import os
import time

from pulumi.runtime.proto import provider_pb2

from local.providers.wire import Empty, Provider, marshal, serve, unmarshal
from rayeks.errors import UserError

# Outputs that nobody gave as inputs but the program cannot do without.
OUTPUTS = {
    "aws:eks/cluster:Cluster": {
        "endpoint": "https://127.0.0.1:1",
        "certificateAuthority": {"data": "LS0t"},
        "identities": [{"oidcs": [{"issuer": "https://127.0.0.1:1/id"}]}],
    },
}


class Echo(Provider):
    """Accepts every resource and says back what it was given.

    `ECHO_SECONDS` is what each creation takes; one with a property that says `fail` does.
    """

    name = "echo"
    version = "0.0.0"

    def Check(self, request, context):  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):  # noqa: N802
        old, new = unmarshal(request.old_inputs), unmarshal(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind, diffs=changed)

    def Create(self, request, context):  # noqa: N802
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        time.sleep(float(os.environ.get("ECHO_SECONDS", "0")))
        if "fail" in unmarshal(request.properties).values():
            raise UserError("asked to fail")
        kind, name = request.urn.split("::")[2].rsplit("$", 1)[-1], request.urn.rsplit("::", 1)[-1]
        more = {"arn": f"arn:echo:{name}"} | OUTPUTS.get(kind, {})
        properties = marshal(unmarshal(request.properties, keep_secrets=True) | more)
        return provider_pb2.CreateResponse(id=name, properties=properties)

    def Read(self, request, context):  # noqa: N802
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Update(self, request, context):  # noqa: N802
        return provider_pb2.UpdateResponse(properties=request.news)

    def Delete(self, request, context):  # noqa: N802
        return Empty()


if __name__ == "__main__":
    serve(Echo())
