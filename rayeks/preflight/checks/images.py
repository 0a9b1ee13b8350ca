"""Whether the machine images that nodes start from are published for the stack's Kubernetes."""

import re
from collections.abc import Iterator

from infra.contract import POOLS
from rayeks.preflight import matching
from rayeks.preflight.account import Account
from rayeks.preflight.checks.machines import NODE_CLASS
from rayeks.preflight.demand import requirements_of
from rayeks.preflight.model import Finding, check, failed, passed
from rayeks.preflight.stack import Stack

ROOT = "/aws/service/eks/optimized-ami"


@check("images")
def images(stack: Stack, aws: Account) -> Iterator[Finding]:
    """Machine images."""
    minor = stack.platform.cluster.version
    for path, users in wanted(stack).items():
        user, subject = ", ".join(users), path.removeprefix(f"{ROOT}/").removesuffix("/image_id")
        found = aws.find("ssm", "get_parameter", "ParameterNotFound", Name=path)
        if found is None:
            yield failed(
                subject,
                f"AWS publishes no such image for {user}",
                f"aws ssm get-parameters-by-path --recursive --path {ROOT}/{minor}/amazon-linux-2023 lists what there "
                "is; pin one in infra/versions.py",
            )
            continue
        image = found["Parameter"]["Value"]
        answer = aws.find("ec2", "describe_images", "InvalidAMIID.NotFound", ImageIds=[image])
        state = next((item.get("State", "available") for item in answer["Images"]), "gone") if answer else "gone"
        if state == "available":
            yield passed(subject, f"{image} for {user}")
        else:
            yield failed(subject, f"{image} is {state}, and {user} would start from it", "pin another release")


def wanted(stack: Stack) -> dict[str, list[str]]:
    """SSM parameter of each image that is needed → who needs it."""
    minor = stack.platform.cluster.version
    found: dict[str, list[str]] = {}
    for resource, inputs in stack.inputs("aws:eks/nodeGroup:NodeGroup"):
        match = re.fullmatch(r"AL2023_(x86_64|ARM_64)_(STANDARD|NVIDIA|NEURON)", inputs.get("amiType") or "")
        if match:
            architecture = "arm64" if match[1] == "ARM_64" else match[1]
            path = f"{ROOT}/{minor}/amazon-linux-2023/{architecture}/{match[2].lower()}/recommended/image_id"
            name = resource.name.removeprefix(f"{stack.platform.name}-")
            found.setdefault(path, []).append(f"node_groups.{name}")
    for resource, inputs in stack.inputs(NODE_CLASS):
        pool = stack.platform.pools.get(resource.name)
        for alias in (term.get("alias", "") for term in inputs["spec"].get("amiSelectorTerms", [])):
            if pool and alias.startswith("al2023@"):
                requirements = requirements_of(resource.name, pool)
                for path in alias_parameters(alias, minor, requirements, gpu=POOLS[pool.kind].gpu):
                    found.setdefault(path, []).append(f"pools.{resource.name}")
    return found


def alias_parameters(alias: str, minor: str, requirements: list, *, gpu: bool) -> list[str]:
    """The SSM parameters that Karpenter 1.14 resolves an AL2023 alias by, for the machines of a pool."""
    release, variant = alias.partition("@")[2], "nvidia" if gpu else "standard"
    found = []
    for kind in matching.values(requirements, "kubernetes.io/arch") or tuple(matching.EC2_ARCHITECTURES):
        architecture = matching.EC2_ARCHITECTURES[kind]
        folder = f"{ROOT}/{minor}/amazon-linux-2023/{architecture}/{variant}"
        image = f"amazon-eks-node-al2023-{architecture}-{variant}-{minor}-{release}"
        found.append(f"{folder}/{'recommended' if release == 'latest' else image}/image_id")
    return found
