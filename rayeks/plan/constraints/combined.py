"""What AWS refuses in the combination of a resource's properties, though each is allowed by itself."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rayeks.plan.constraints.shapes import Broken
from rayeks.plan.values import known

Inputs = Mapping[str, Any]
Combination = Callable[[Inputs], Iterator[Broken]]

IPV4_SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
TARGETS = (
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyGatewayId",
    "gatewayId",
    "localGatewayId",
    "natGatewayId",
    "networkInterfaceId",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)
LUSTRE_THROUGHPUT = {
    ("PERSISTENT_1", "SSD"): (50, 100, 200),
    ("PERSISTENT_1", "HDD"): (12, 40),
    ("PERSISTENT_2", "SSD"): (125, 250, 500, 1000),
}
LUSTRE_EFA_STEP_GIB = {125: 38400, 250: 19200, 500: 9600, 1000: 4800}
# https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
GP3_IOPS = (3000, 80000)
GP3_MIBPS_PER_IOPS = 0.25


def _exactly_one(inputs: Inputs, names: tuple[str, ...], what: str) -> Iterator[Broken]:
    given = [name for name in names if inputs.get(name) not in (None, [], False)]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        yield (given[0] if given else names[0], found, f"must have exactly one {what} of {', '.join(names)}")


def _rule(inputs: Inputs) -> Iterator[Broken]:
    yield from _exactly_one(inputs, IPV4_SOURCES, "source or destination")
    ports = [name for name in ("fromPort", "toPort") if inputs.get(name) is not None]
    if str(inputs.get("ipProtocol")) == "-1":
        for name in ports:
            yield (name, inputs[name], "must not be set for protocol -1, which means every port")
    elif len(ports) < 2:
        yield ("fromPort", None, f"protocol {inputs.get('ipProtocol')} needs fromPort and toPort")


def _old_rule(inputs: Inputs) -> Iterator[Broken]:
    sources = ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "self", "sourceSecurityGroupId")
    if not any(inputs.get(name) for name in sources):
        yield ("cidrBlocks", None, f"must have one of {', '.join(sources)}")


def _route(inputs: Inputs) -> Iterator[Broken]:
    yield from _exactly_one(inputs, DESTINATIONS, "destination")
    yield from _exactly_one(inputs, TARGETS, "target")


def _endpoint(inputs: Inputs) -> Iterator[Broken]:
    kind = inputs.get("vpcEndpointType", "Gateway")
    wrong = ("subnetIds", "securityGroupIds", "privateDnsEnabled") if kind == "Gateway" else ("routeTableIds",)
    for name in wrong:
        if inputs.get(name):
            yield (name, inputs[name], f"is not for an endpoint of type {kind}")
    if kind == "Interface" and not inputs.get("subnetIds"):
        yield ("subnetIds", None, "an interface endpoint needs subnets, or nothing reaches it")


def _nat(inputs: Inputs) -> Iterator[Broken]:
    public = inputs.get("connectivityType", "public") == "public"
    regional = inputs.get("availabilityMode") == "regional"
    if public and not regional and not inputs.get("allocationId"):
        yield ("allocationId", None, "a public NAT gateway of one zone needs an elastic IP")
    if not regional and not inputs.get("subnetId"):
        yield ("subnetId", None, "a NAT gateway of one zone needs a subnet")


def _volumes(inputs: Inputs) -> Iterator[Broken]:
    for index, mapping in enumerate(inputs.get("blockDeviceMappings") or []):
        ebs = mapping.get("ebs") or {}
        path = f"blockDeviceMappings[{index}].ebs"
        kind, iops = ebs.get("volumeType"), ebs.get("iops")
        if kind == "gp3":
            if iops is not None and not GP3_IOPS[0] <= float(iops) <= GP3_IOPS[1]:
                yield (f"{path}.iops", iops, f"a gp3 volume has {GP3_IOPS[0]} to {GP3_IOPS[1]} IOPS")
            throughput = ebs.get("throughput")
            most = GP3_MIBPS_PER_IOPS * float(iops or GP3_IOPS[0])
            if throughput is not None and float(throughput) > most:
                yield (f"{path}.throughput", throughput, f"{iops or GP3_IOPS[0]} IOPS carry {most:.0f} MiB/s at most")
        elif kind in ("gp2", "st1", "sc1", "standard"):
            for name in ("iops", "throughput"):
                if ebs.get(name) is not None:
                    yield (f"{path}.{name}", ebs[name], f"is not for a {kind} volume")
        elif kind in ("io1", "io2") and iops is None:
            yield (f"{path}.iops", None, f"an {kind} volume needs its IOPS")


def _placement(inputs: Inputs) -> Iterator[Broken]:
    for name, strategy in (("partitionCount", "partition"), ("spreadLevel", "spread")):
        if inputs.get(name) is not None and inputs.get("strategy") != strategy:
            yield (name, inputs[name], f"is for the strategy {strategy} only")


def _reservation(inputs: Inputs) -> Iterator[Broken]:
    limited = inputs.get("endDateType") == "limited"
    if limited != (inputs.get("endDate") is not None):
        yield ("endDate", inputs.get("endDate"), "goes with endDateType limited, and only with it")


def _node_group(inputs: Inputs) -> Iterator[Broken]:
    scaling = inputs.get("scalingConfig") or {}
    low, wanted, high = (scaling.get(name) for name in ("minSize", "desiredSize", "maxSize"))
    numbers = [float(value) for value in (low, wanted, high) if value is not None and known(value)]
    if len(numbers) == 3 and not numbers[0] <= numbers[1] <= numbers[2]:
        yield ("scalingConfig", dict(scaling), "must have minSize <= desiredSize <= maxSize")
    if inputs.get("updateConfig"):
        names = ("maxUnavailable", "maxUnavailablePercentage")
        for path, value, rule in _exactly_one(inputs["updateConfig"], names, "limit"):
            yield (f"updateConfig.{path}", value, rule)
    template = inputs.get("launchTemplate")
    if template:
        for name in ("diskSize", "remoteAccess"):
            if inputs.get(name):
                yield (name, inputs[name], "belongs into the launch template")
        for path, value, rule in _exactly_one(template, ("id", "name"), "way"):
            yield (f"launchTemplate.{path}", value, rule)


def _cluster(inputs: Inputs) -> Iterator[Broken]:
    vpc = inputs.get("vpcConfig") or {}
    if len(vpc.get("subnetIds") or []) < 2:
        yield ("vpcConfig.subnetIds", vpc.get("subnetIds"), "a cluster needs subnets in at least two zones")
    public = vpc.get("endpointPublicAccess", True)
    if not public and not vpc.get("endpointPrivateAccess", False):
        yield ("vpcConfig.endpointPrivateAccess", False, "a cluster without a public endpoint needs the private one")
    if not public and vpc.get("publicAccessCidrs"):
        yield ("vpcConfig.publicAccessCidrs", vpc["publicAccessCidrs"], "is for a public endpoint only")


def _access_entry(inputs: Inputs) -> Iterator[Broken]:
    if inputs.get("type", "STANDARD") == "STANDARD":
        return
    for name in ("kubernetesGroups", "userName"):
        if inputs.get(name):
            yield (name, inputs[name], f"is for STANDARD entries only, not {inputs['type']}")


def _access_scope(inputs: Inputs) -> Iterator[Broken]:
    scope = inputs.get("accessScope") or {}
    if (scope.get("type") == "namespace") != bool(scope.get("namespaces")):
        yield ("accessScope.namespaces", scope.get("namespaces"), "goes with type namespace, and only with it")


def _shared_files(inputs: Inputs) -> Iterator[Broken]:
    mode, amount = inputs.get("throughputMode", "bursting"), inputs.get("provisionedThroughputInMibps")
    if (mode == "provisioned") != (amount is not None):
        yield ("provisionedThroughputInMibps", amount, "goes with throughputMode provisioned, and only with it")
    if mode == "elastic" and inputs.get("performanceMode") == "maxIO":
        yield ("performanceMode", "maxIO", "elastic throughput needs generalPurpose")
    if inputs.get("kmsKeyId") and inputs.get("encrypted") is False:
        yield ("encrypted", False, "must be true where a KMS key is named")


def _lustre(inputs: Inputs) -> Iterator[Broken]:
    kind, storage = str(inputs.get("deploymentType", "SCRATCH_1")), inputs.get("storageType", "SSD")
    size, speed = inputs.get("storageCapacity"), inputs.get("perUnitStorageThroughput")
    allowed = LUSTRE_THROUGHPUT.get((kind, storage), ())
    if speed is not None and speed not in allowed:
        listed = ", ".join(map(str, allowed)) or "none"
        yield ("perUnitStorageThroughput", speed, f"{kind} on {storage} allows {listed}")
    if kind.startswith("PERSISTENT") and storage == "SSD" and speed is None:
        yield ("perUnitStorageThroughput", None, f"{kind} needs one of {', '.join(map(str, allowed))}")
    if storage == "SSD" and isinstance(size, int):
        step = LUSTRE_EFA_STEP_GIB.get(speed or 0) if inputs.get("efaEnabled") else None
        if step and size % step:
            yield ("storageCapacity", size, f"with EFA at {speed} MB/s/TiB it must be a multiple of {step} GiB")
        elif not step and size != 1200 and size % (3600 if kind == "SCRATCH_1" else 2400):
            yield ("storageCapacity", size, "must be 1200 GiB, or a multiple of 2400 GiB (3600 for SCRATCH_1)")
    if inputs.get("metadataConfiguration") and kind != "PERSISTENT_2":
        yield ("metadataConfiguration", kind, "is for PERSISTENT_2 only")
    if kind.startswith("SCRATCH") and inputs.get("automaticBackupRetentionDays"):
        yield ("automaticBackupRetentionDays", inputs["automaticBackupRetentionDays"], "scratch is not backed up")


def _queue(inputs: Inputs) -> Iterator[Broken]:
    if inputs.get("kmsMasterKeyId") and inputs.get("sqsManagedSseEnabled"):
        yield ("sqsManagedSseEnabled", True, "excludes kmsMasterKeyId")


def _lifecycle(inputs: Inputs) -> Iterator[Broken]:
    actions = (
        "abortIncompleteMultipartUpload",
        "expiration",
        "noncurrentVersionExpiration",
        "noncurrentVersionTransitions",
        "transitions",
    )
    for index, rule in enumerate(inputs.get("rules") or []):
        if not any(rule.get(name) for name in actions):
            yield (f"rules[{index}]", rule.get("id"), f"must do one of {', '.join(actions)}")
        for number, move in enumerate(rule.get("transitions") or []):
            if move.get("storageClass") in ("STANDARD_IA", "ONEZONE_IA") and (move.get("days") or 0) < 30:
                path = f"rules[{index}].transitions[{number}].days"
                yield (path, move.get("days"), f"{move['storageClass']} takes objects from 30 days on")


def _budget(inputs: Inputs) -> Iterator[Broken]:
    for index, notice in enumerate(inputs.get("notifications") or []):
        people = [*(notice.get("subscriberEmailAddresses") or []), *(notice.get("subscriberSnsTopicArns") or [])]
        if not 1 <= len(people) <= 11:
            yield (f"notifications[{index}]", len(people), "must have 1 to 11 subscribers")


def _anomalies(inputs: Inputs) -> Iterator[Broken]:
    kinds = {one.get("type") for one in inputs.get("subscribers") or []}
    if not kinds:
        yield ("subscribers", None, "must have a subscriber")
    wanted = "SNS" if inputs.get("frequency") == "IMMEDIATE" else "EMAIL"
    if kinds - {wanted}:
        yield ("subscribers", sorted(kinds), f"frequency {inputs.get('frequency')} sends to {wanted} only")


def _rotation(inputs: Inputs) -> Iterator[Broken]:
    if inputs.get("rotationPeriodInDays") and not inputs.get("enableKeyRotation"):
        yield ("rotationPeriodInDays", inputs["rotationPeriodInDays"], "goes with enableKeyRotation")


def _flow_log(inputs: Inputs) -> Iterator[Broken]:
    yield from _exactly_one(
        inputs, ("vpcId", "subnetId", "eniId", "transitGatewayId", "transitGatewayAttachmentId"), "subject"
    )
    if inputs.get("logDestinationType", "cloud-watch-logs") == "cloud-watch-logs" and not inputs.get("iamRoleArn"):
        yield ("iamRoleArn", None, "flow logs reach CloudWatch by a role")


COMBINATIONS: Mapping[str, Combination] = {
    "aws:budgets/budget:Budget": _budget,
    "aws:costexplorer/anomalySubscription:AnomalySubscription": _anomalies,
    "aws:ec2/capacityReservation:CapacityReservation": _reservation,
    "aws:ec2/flowLog:FlowLog": _flow_log,
    "aws:ec2/launchTemplate:LaunchTemplate": _volumes,
    "aws:ec2/natGateway:NatGateway": _nat,
    "aws:ec2/placementGroup:PlacementGroup": _placement,
    "aws:ec2/route:Route": _route,
    "aws:ec2/securityGroupRule:SecurityGroupRule": _old_rule,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:efs/fileSystem:FileSystem": _shared_files,
    "aws:eks/accessEntry:AccessEntry": _access_entry,
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": _access_scope,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:fsx/lustreFileSystem:LustreFileSystem": _lustre,
    "aws:kms/key:Key": _rotation,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _lifecycle,
    "aws:sqs/queue:Queue": _queue,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule,
}
