"""What is installed is what was tested: nothing takes the newest by itself."""

import re
from collections.abc import Iterator

from infra.policies.core import UNKNOWN, Resource, at, differs, each, items
from infra.policies.kinds import EKS, NODE_CLASS
from infra.versions import KUBERNETES_SUPPORTED

EXACT = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?")


@each(
    "kubernetes:helm.sh/v3:Release",
    "kubernetes:helm.sh/v4:Chart",
    demands="every chart has an exact version",
    reason="Helm takes the newest of a range, so the same commit would install something else tomorrow",
    fix="pin it in infra/versions.py",
)
def charts_are_pinned(resource: Resource, environment: str) -> Iterator[str]:
    version = resource.get("version")
    if version is not UNKNOWN and not EXACT.fullmatch(str(version or "")):
        yield f"has the version {version!r}" if version else "has no version"


@each(
    "aws:eks/addon:Addon",
    demands="every add-on has a version",
    reason="EKS takes its default, which changes with no commit of ours",
    fix="pin it in infra/versions.py; `aws eks describe-addon-versions` lists them",
)
def addons_are_pinned(resource: Resource, environment: str) -> Iterator[str]:
    if resource.get("addonVersion") is None:
        yield "has no version"


@each(
    NODE_CLASS,
    demands="Karpenter's machine images are pinned",
    reason="a new release of @latest drifts every node, and with it every job, on the day that AWS publishes it",
    fix="name a release in infra/versions.py (al2023@v…), or the image's id",
)
def machine_images_are_pinned(resource: Resource, environment: str) -> Iterator[str]:
    terms = resource.get("spec.amiSelectorTerms")
    for term in items(terms):
        alias = at(term, "alias")
        if isinstance(alias, str) and not re.search(r"@v?\d", alias):
            yield f"takes {alias}"
        elif alias is None and at(term, "id") is None:
            yield "selects its image by a name or tags that others can give"
    if terms is None:
        yield "selects no image"


@each(
    EKS,
    demands="Kubernetes has a version in standard support, and stays in it",
    reason="extended support costs six times as much, and AWS's default slides into it",
    fix="set cluster.version, and upgradePolicy.supportType STANDARD",
)
def kubernetes_is_supported(resource: Resource, environment: str) -> Iterator[str]:
    version = resource.get("version")
    if differs(version, *KUBERNETES_SUPPORTED):
        yield f"runs Kubernetes {version}, not one of {', '.join(KUBERNETES_SUPPORTED)}"
    if differs(resource.get("upgradePolicy.supportType"), "STANDARD"):
        yield "slides into extended support"


@each(
    "aws:ecr/repository:Repository",
    demands="a tag of our own images never means another image, and each is scanned",
    reason="a node that comes up tomorrow must run what was tested today",
    fix="set imageTagMutability IMMUTABLE and imageScanningConfiguration.scanOnPush",
)
def repositories_are_immutable(resource: Resource, environment: str) -> Iterator[str]:
    if differs(resource.get("imageTagMutability"), "IMMUTABLE"):
        yield "lets a tag be moved to another image"
    if differs(resource.get("imageScanningConfiguration.scanOnPush"), True):
        yield "does not scan what is pushed"
