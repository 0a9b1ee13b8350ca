"""A plan costs little more than importing the SDKs that its program uses, in time and in memory."""

import subprocess
import sys
from pathlib import Path

RESOURCES = 250
IMPORTS = """
import pulumi, pulumi_eks, pulumi_kubernetes
from pulumi_aws import ec2, eks, iam, s3, sqs
from pulumi_kubernetes.core.v1 import ConfigMap
ec2.Vpc, eks.Cluster, iam.Role, s3.Bucket, sqs.Queue
"""
PROGRAM = (
    IMPORTS
    + f"""
vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
pulumi_eks.Cluster(
    "c", name="ray", version="1.35", authentication_mode=pulumi_eks.AuthenticationMode.API, vpc_id=vpc.id,
    private_subnet_ids=[vpc.id], skip_default_node_group=True,
    kube_proxy_addon_options={{"version": "v1"}}, vpc_cni_options={{"addon_version": "v2"}},
)
for i in range({RESOURCES // 5}):
    subnet = ec2.Subnet(f"subnet-{{i}}", vpc_id=vpc.id, cidr_block=f"10.0.{{i}}.0/24", tags={{"Name": f"s{{i}}"}})
    role = iam.Role(f"role-{{i}}", name=f"role-{{i}}", assume_role_policy="{{}}")
    bucket = s3.Bucket(f"bucket-{{i}}", bucket=f"bucket-{{i}}")
    queue = sqs.Queue(f"queue-{{i}}", name=f"queue-{{i}}")
    ConfigMap(f"map-{{i}}", metadata={{"name": f"m{{i}}"}}, data={{"a": role.arn, "b": bucket.arn, "c": queue.url}})
"""
)
MEASURE = """
import resource, sys
{}
use = resource.getrusage(resource.RUSAGE_SELF)
print(use.ru_utime + use.ru_stime, use.ru_maxrss // 1024)
"""


def measured(code: str, *arguments: str) -> tuple[float, int]:
    """CPU seconds and peak MiB of a fresh process, the better of two runs."""
    runs = []
    for _ in range(2):
        command = [sys.executable, "-c", MEASURE.format(code), *arguments]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds, mebibytes = output.split()
        runs.append((float(seconds), int(mebibytes)))
    return min(runs)


def test_a_plan_of_250_resources_takes_at_most_half_again_the_imports_and_400_mib(project):
    root: Path = project(PROGRAM)
    imports, _ = measured(IMPORTS)
    planning, memory = measured(
        "from pathlib import Path; from rayeks.plan import plan\n"
        "p = plan('dev', root=Path(sys.argv[1])); assert len(p.resources) >= 250, len(p.resources)",
        str(root),
    )
    print(f"plan {planning:.2f} s, imports {imports:.2f} s, ratio {planning / imports:.2f}, {memory} MiB")
    assert planning <= 1.5 * imports
    assert memory <= 400
