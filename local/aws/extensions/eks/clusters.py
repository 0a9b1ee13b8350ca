"""EKS clusters: what AWS fills in at creation, what it refuses, and what it leaves behind when they go."""

import base64
import ipaddress
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.ec2.exceptions import EC2ClientError

from local.aws.extensions import kubernetes
from local.aws.extensions.eks import entries, references, remote
from local.aws.extensions.eks.catalogue import CLUSTER_VERSIONS, DEFAULT_VERSION
from local.aws.extensions.eks.service import (
    Cluster,
    Document,
    Eks,
    eks,
    find,
    in_use,
    invalid,
    matches,
    now,
    refused,
    short,
)
from local.aws.moto import Call, paged

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
SECURITY_GROUP_TEXT = (
    "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, "
    "as well as any managed workloads."
)


@eks
def create_cluster(call: Call, request: Document) -> Document:
    """Create a cluster with its security group and network interfaces; it is ACTIVE when next described."""
    clusters, name = call.state(Eks).clusters, request["name"]
    known = clusters.get(name)
    if known and matches(known.about, request):
        return {"cluster": known.about}
    if known:
        raise in_use(f"Cluster already exists with name: {name}", clusterName=name)
    minor = request.get("version") or DEFAULT_VERSION
    if minor not in CLUSTER_VERSIONS or CLUSTER_VERSIONS[minor].status == "UNSUPPORTED":
        raise invalid(f"unsupported Kubernetes version {minor}", clusterName=name)
    references.cluster_role(call, request["roleArn"])
    network = _network(call, request["resourcesVpcConfig"])
    for encryption in request.get("encryptionConfig") or []:
        references.key(call, encryption["provider"]["keyArn"])
    access: Document = {"bootstrapClusterCreatorAdminPermissions": True, "authenticationMode": "CONFIG_MAP"} | (
        request.get("accessConfig") or {}
    )
    about = _about(call, request, minor)
    cluster = Cluster(about)
    about["accessConfig"] = {"authenticationMode": access["authenticationMode"]}
    about["resourcesVpcConfig"] = network
    about["remoteNetworkConfig"] = remote.checked(call, about, request.get("remoteNetworkConfig"))
    about["resourcesVpcConfig"] = network | {"clusterSecurityGroupId": _security_group(call, name, network)}
    _interfaces(call, cluster)
    clusters[name] = cluster
    entries.of_new_cluster(call, cluster, creator=access["bootstrapClusterCreatorAdminPermissions"])
    return {"cluster": about | {"status": "CREATING", "accessConfig": access}}


@eks
def describe_cluster(call: Call, request: Document) -> Document:
    """One cluster."""
    return {"cluster": find(call, request, "name").about}


@eks
def list_clusters(call: Call, request: Document) -> Document:
    """The names of all clusters."""
    names, token = paged(sorted(call.state(Eks).clusters), request)
    return {"clusters": names, "nextToken": token}


@eks
def delete_cluster(call: Call, request: Document) -> Document:
    """Delete a cluster that has no nodes and is not protected, with everything EKS made for it."""
    cluster = find(call, request, "name")
    name = cluster.name
    if cluster.about["deletionProtection"]:
        raise refused(f"Cluster {name} cannot be deleted because deletion protection is enabled", clusterName=name)
    for kind, held in (("nodegroups", cluster.nodegroups), ("fargate profiles", cluster.fargate)):
        if held:
            raise in_use(f"Cluster has {kind} attached", clusterName=name, nodegroupName=",".join(held))
    ec2 = call.backend("ec2")
    for interface in _own_interfaces(call, cluster):
        ec2.delete_network_interface(interface.id)
    # A group that others still refer to is left behind, as AWS leaves it.
    with suppress(EC2ClientError):
        ec2.delete_security_group(group_id=cluster.about["resourcesVpcConfig"]["clusterSecurityGroupId"])
    del call.state(Eks).clusters[name]
    return {"cluster": cluster.about | {"status": "DELETING"}}


def _about(call: Call, request: Document, minor: str) -> Document:
    name = request["name"]
    network = request.get("kubernetesNetworkConfig") or {}
    oidc = short(call.arn(f"cluster/{name}"), 32, "0123456789ABCDEF")
    endpoint, authority = api_server(oidc, call.region)
    return {
        "name": name,
        "arn": call.arn(f"cluster/{name}"),
        "createdAt": now(),
        "version": minor,
        "platformVersion": CLUSTER_VERSIONS[minor].platform,
        "endpoint": endpoint,
        "certificateAuthority": {"data": base64.b64encode(authority).decode()},
        "identity": {"oidc": {"issuer": f"https://oidc.eks.{call.region}.amazonaws.com/id/{oidc}"}},
        "roleArn": request["roleArn"],
        "status": "ACTIVE",
        "health": {"issues": []},
        "clientRequestToken": request.get("clientRequestToken"),
        "tags": request.get("tags") or {},
        "kubernetesNetworkConfig": {
            "ipFamily": network.get("ipFamily", "ipv4"),
            "serviceIpv4Cidr": network.get("serviceIpv4Cidr") or _service_cidr(call, request),
            "elasticLoadBalancing": network.get("elasticLoadBalancing") or {"enabled": False},
        },
        "logging": logging_of(request.get("logging")),
        "encryptionConfig": request.get("encryptionConfig") or None,
        "upgradePolicy": request.get("upgradePolicy") or {"supportType": "EXTENDED"},
        "zonalShiftConfig": request.get("zonalShiftConfig") or {"enabled": False},
        "computeConfig": request.get("computeConfig") or {"enabled": False},
        "storageConfig": request.get("storageConfig") or {"blockStorage": {"enabled": False}},
        "deletionProtection": bool(request.get("deletionProtection")),
        "controlPlaneScalingConfig": request.get("controlPlaneScalingConfig") or {"tier": "standard"},
        "kubeApiServerConfig": request.get("kubeApiServerConfig"),
        "kubeSchedulerConfig": request.get("kubeSchedulerConfig"),
        "kubeControllerManagerConfig": request.get("kubeControllerManagerConfig"),
    }


def api_server(identity: str, region: str) -> tuple[str, bytes]:
    """Endpoint and CA of the cluster's API server: the local one where there is one."""
    if kubernetes.endpoint and kubernetes.ca:
        return kubernetes.endpoint, kubernetes.ca
    return f"https://{identity}.gr7.{region}.eks.amazonaws.com", _authority()


@lru_cache
def _authority() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now())
        .not_valid_after(now() + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def logging_of(given: Document | None) -> Document:
    """Which control-plane logs are on, as AWS answers: one list on, one list off."""
    on = {
        log
        for setup in (given or {}).get("clusterLogging") or []
        if setup.get("enabled")
        for log in setup.get("types") or []
    }
    lists = [{"types": [log for log in LOG_TYPES if (log in on) == state], "enabled": state} for state in (True, False)]
    return {"clusterLogging": [setup for setup in lists if setup["types"]]}


def _network(call: Call, given: Document) -> Document:
    subnets = references.subnets(call, given.get("subnetIds") or [])
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise invalid("Subnets specified must be in at least two different AZs")
    vpcs = {subnet.vpc_id for subnet in subnets}
    if len(vpcs) > 1:
        raise invalid(f"Subnets specified must belong to the same VPC: {sorted(vpcs)}")
    vpc_id = vpcs.pop()
    groups = given.get("securityGroupIds") or []
    references.security_groups(call, groups, vpc_id)
    public, private = given.get("endpointPublicAccess"), given.get("endpointPrivateAccess")
    if public is False and not private:
        raise invalid("Private and public endpoint access cannot be false")
    return {
        "subnetIds": [subnet.id for subnet in subnets],
        "securityGroupIds": groups,
        "vpcId": vpc_id,
        "endpointPublicAccess": public is not False,
        "endpointPrivateAccess": bool(private),
        "publicAccessCidrs": cidrs(given.get("publicAccessCidrs") or ["0.0.0.0/0"]) if public is not False else [],
        "controlPlaneEgressMode": given.get("controlPlaneEgressMode") or "AWS_MANAGED",
    }


def cidrs(given: list[str]) -> list[str]:
    """The blocks, refused where one is none."""
    for cidr in given:
        try:
            ipaddress.ip_network(cidr)
        except ValueError:
            raise invalid(f"The following CIDRs are invalid in publicAccessCidrs: [{cidr}]") from None
    return given


def _service_cidr(call: Call, request: Document) -> str:
    first = references.subnets(call, request["resourcesVpcConfig"]["subnetIds"][:1])[0]
    vpc = call.backend("ec2").get_vpc(first.vpc_id)
    taken = ipaddress.ip_network(vpc.cidr_block).overlaps(ipaddress.ip_network("172.20.0.0/16"))
    return "10.100.0.0/16" if taken else "172.20.0.0/16"


def _security_group(call: Call, cluster: str, network: Document) -> str:
    ec2 = call.backend("ec2")
    name = f"eks-cluster-sg-{cluster}-{short(call.arn(f'cluster/{cluster}'), 9, '0123456789')}"
    tags = {"Name": name, "aws:eks:cluster-name": cluster, f"kubernetes.io/cluster/{cluster}": "owned"}
    group = ec2.create_security_group(name, SECURITY_GROUP_TEXT, vpc_id=network["vpcId"], tags=tags)
    itself: list[dict[str, Any]] = [{"GroupId": group.id, "UserId": call.account}]
    for authorize in (ec2.authorize_security_group_ingress, ec2.authorize_security_group_egress):
        # Since 1.33 the group also lets EFA traffic out to itself.
        authorize(group.id, ip_protocol="-1", from_port=None, to_port=None, ip_ranges=[], source_groups=itself)
    return group.id


def _interfaces(call: Call, cluster: Cluster) -> None:
    """The control plane's network interfaces, one in each of two zones: they hold subnets and groups."""
    network = cluster.about["resourcesVpcConfig"]
    zones: dict[str, Any] = {}
    for subnet in references.subnets(call, network["subnetIds"]):
        zones.setdefault(subnet.availability_zone, subnet)
    for subnet in list(zones.values())[:2]:
        interface = call.backend("ec2").create_network_interface(
            subnet,
            [],
            group_ids=[network["clusterSecurityGroupId"], *network["securityGroupIds"]],
            description=f"Amazon EKS {cluster.name}",
        )
        interface.requester_managed = True
        interface.status = "in-use"


def move_interfaces(call: Call, cluster: Cluster) -> None:
    """Make the control plane's interfaces anew after its subnets or groups have changed."""
    for interface in _own_interfaces(call, cluster):
        call.backend("ec2").delete_network_interface(interface.id)
    _interfaces(call, cluster)


def _own_interfaces(call: Call, cluster: Cluster) -> list[Any]:
    mine = f"Amazon EKS {cluster.name}"
    return [eni for eni in call.backend("ec2").enis.values() if eni.requester_managed and eni.description == mine]
