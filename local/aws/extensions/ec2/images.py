"""Public machine images: moto's, and EKS's and Bottlerocket's with the SSM parameters that lead to them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.utils import parse_timestamp
from moto.ec2.models import amis
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ssm.models import Parameter, ParameterDict
from moto.utilities.utils import load_resource

from local.aws.extensions.eks.catalogue import (
    AL2023_RELEASES,
    BOTTLEROCKET_RELEASES,
    CLUSTER_VERSIONS,
    release_version,
)
from local.aws.moto import override

AMAZON = "602401143452"
BOTTLEROCKET = "092701018921"
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "arm64"}
EKS_PATH, BOTTLEROCKET_PATH = "/aws/service/eks/optimized-ami/", "/aws/service/bottlerocket/"


@dataclass(frozen=True)
class Release:
    """One published image and the SSM parameters that name it."""

    name: str
    description: str
    owner: str
    architecture: str
    root_device: str
    root_gib: int
    created: str
    parameters: tuple[tuple[str, str], ...]


def image_id(name: str, region: str) -> str:
    """The id of the published image of that name in a region, the same in every run."""
    return f"ami-{hashlib.sha256(f'{region}/{name}'.encode()).hexdigest()[:17]}"


@lru_cache
def releases() -> tuple[Release, ...]:
    """Every image that EKS and Bottlerocket publish for the supported versions of Kubernetes."""
    return (*_al2023(), *_bottlerocket())


def _al2023() -> Iterator[Release]:
    for minor in CLUSTER_VERSIONS:
        for architecture in ARCHITECTURES:
            for variant in ("standard", "nvidia", "neuron"):
                if (architecture, variant) == ("arm64", "neuron"):
                    continue
                for index, date in enumerate(AL2023_RELEASES):
                    name = f"amazon-eks-node-al2023-{architecture}-{variant}-{minor}-v{date}"
                    folder = f"{EKS_PATH}{minor}/amazon-linux-2023/{architecture}/{variant}"
                    version = release_version("AL2023", minor)[index]
                    names = [name, "recommended"] if index == 0 else [name]
                    yield Release(
                        name,
                        f"EKS-optimized Kubernetes node based on Amazon Linux 2023, (k8s: {version.split('-')[0]})",
                        AMAZON,
                        architecture,
                        "/dev/xvda",
                        20,
                        date,
                        tuple(
                            (f"{folder}/{place}/{key}", value)
                            for place in names
                            for key, value in (
                                ("image_id", "{image_id}"),
                                ("image_name", name),
                                ("release_version", version),
                            )
                        ),
                    )


def _bottlerocket() -> Iterator[Release]:
    for minor in CLUSTER_VERSIONS:
        for flavour in ("", "-nvidia", "-fips", "-nvidia-fips"):
            for architecture in ARCHITECTURES:
                for index, (version, commit) in enumerate(BOTTLEROCKET_RELEASES.items()):
                    variant = f"aws-k8s-{minor}{flavour}"
                    name = f"bottlerocket-{variant}-{_bottlerocket_name(architecture)}-v{version}-{commit}"
                    names = [f"{version}-{commit}", version, *(["latest"] if index == 0 else [])]
                    yield Release(
                        name,
                        name,
                        BOTTLEROCKET,
                        architecture,
                        "/dev/xvda",
                        4,
                        "20261105" if index == 0 else "20261001",
                        tuple(
                            (f"{BOTTLEROCKET_PATH}{variant}/{architecture}/{place}/{key}", value)
                            for place in names
                            for key, value in (("image_id", "{image_id}"), ("image_version", f"{version}-{commit}"))
                        ),
                    )


def _bottlerocket_name(architecture: str) -> str:
    return "aarch64" if architecture == "arm64" else architecture


class PublicImage(Ami):
    """An image of another account: moto's own class would put its snapshot and volume into ours."""

    def __init__(self, ec2_backend: Any, ami_id: str, **given: Any) -> None:
        self.ec2_backend = ec2_backend
        self.id = ami_id
        self.kernel_id = self.instance_id = None
        self.state, self.image_type, self.sriov, self.boot_mode = "available", "machine", "simple", "uefi-preferred"
        self.product_codes: set[str] = set()
        self.launch_permissions = [{"Group": "all"}]
        self.root_gib = given.pop("root_gib", 8)
        self.name = self.description = self.owner_alias = self.platform = self.hypervisor = None
        self.virtualization_type = self.architecture = self.image_location = None
        self.root_device_type, self.root_device_name = "ebs", "/dev/xvda"
        for ignored in ("public", "region_name", "snapshot_description", "tags"):
            given.pop(ignored, None)
        vars(self).update(given)

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """The root volume's snapshot, which belongs to the image's owner."""
        root = {
            "SnapshotId": f"snap-{hashlib.sha256(self.id.encode()).hexdigest()[:17]}",
            "VolumeSize": self.root_gib,
            "DeleteOnTermination": True,
            "VolumeType": "gp3",
            "Encrypted": False,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": root}]

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        """As moto's, and the creation date that Karpenter sorts by."""
        if filter_name == "creation-date":
            return self.creation_date
        return super().get_filter_value(filter_name, method_name)


def patch() -> None:
    """Publish the images and their parameters, without a trace in the account."""
    override(AmiBackend, "_load_amis", _load_images)
    check = ParameterDict._check_loading_status

    def with_releases(self: ParameterDict, key: str) -> None:
        if str(key or "").startswith((EKS_PATH, BOTTLEROCKET_PATH)):
            _load_parameters(self)
        check(self, key)

    override(ParameterDict, "_check_loading_status", with_releases)


def _load_images(self: Any) -> None:
    # Amazon Linux's newest, which SSM's public parameters of the region name.
    latest = load_resource(f"ec2/resources/latest_amis/{self.region_name}.json")
    for about in [*amis.AMIS, *latest]:
        given = {"owner_alias": "amazon"} | about
        if isinstance(given.get("creation_date"), str):
            given["creation_date"] = parse_timestamp(given["creation_date"])
        given.setdefault("creation_date", datetime(2026, 1, 1, tzinfo=UTC))
        self.amis[about["ami_id"]] = PublicImage(self, **given)
    for release in releases():
        key = image_id(release.name, self.region_name)
        self.amis[key] = PublicImage(
            self,
            key,
            name=release.name,
            description=release.description,
            owner_id=release.owner,
            owner_alias="amazon",
            architecture=release.architecture,
            virtualization_type="hvm",
            hypervisor="xen",
            image_location=f"amazon/{release.name}",
            root_device_name=release.root_device,
            root_gib=release.root_gib,
            creation_date=datetime.strptime(release.created, "%Y%m%d").replace(tzinfo=UTC),
        )


def _load_parameters(parameters: Any) -> None:
    if vars(parameters).get("releases_loaded"):
        return
    parameters.releases_loaded = True
    for release in releases():
        key = image_id(release.name, parameters.region_name)
        for name, value in release.parameters:
            make: Any = Parameter
            parameter = make(
                account_id=parameters.account_id,
                name=name,
                value=value.replace("{image_id}", key),
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=datetime.strptime(release.created, "%Y%m%d").replace(tzinfo=UTC),
                version=1,
                data_type="text",
                tier="Standard",
            )
            dict.setdefault(parameters, name, []).append(parameter)
