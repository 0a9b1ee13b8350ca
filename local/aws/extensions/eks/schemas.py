"""JSON schemas of the add-ons' configuration values: the keys that EKS takes, so that a misspelt one is refused."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer"}
ANY: Schema = {}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
LIST: Schema = {"type": "array"}
OBJECT: Schema = {"type": "object"}
QUANTITIES: Schema = {"type": "object", "additionalProperties": {"type": ["string", "integer", "number"]}}


def closed(**properties: Schema) -> Schema:
    """An object that takes these keys and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


RESOURCES = closed(limits=QUANTITIES, requests=QUANTITIES, claims=LIST)
POD: dict[str, Schema] = {
    "affinity": OBJECT,
    "nodeSelector": TEXTS,
    "podAnnotations": TEXTS,
    "podLabels": TEXTS,
    "resources": RESOURCES,
    "tolerations": LIST,
}
DISRUPTION = {"type": "object", "properties": {"enabled": FLAG, "maxUnavailable": ANY, "minAvailable": ANY}}
CONTROLLER = closed(
    **POD,
    replicaCount=WHOLE,
    batching=FLAG,
    defaultFsType=TEXT,
    env=LIST,
    extraVolumeTags=TEXTS,
    extraCreateMetadata=FLAG,
    k8sTagClusterId=TEXT,
    loggingFormat=TEXT,
    logLevel=WHOLE,
    podDisruptionBudget=DISRUPTION,
    priorityClassName=TEXT,
    region=TEXT,
    sdkDebugLog=FLAG,
    serviceAccount=OBJECT,
    tags=TEXTS,
    topologySpreadConstraints=LIST,
    updateStrategy=OBJECT,
    volumeModificationFeature=OBJECT,
    containerResources=OBJECT,
    deleteAccessPointRootDir=FLAG,
)
NODE = closed(
    **POD,
    env=LIST,
    enableMetrics=FLAG,
    kubeletPath=TEXT,
    loggingFormat=TEXT,
    logLevel=WHOLE,
    priorityClassName=TEXT,
    reservedVolumeAttachments=ANY,
    serviceAccount=OBJECT,
    tolerateAllTaints=FLAG,
    updateStrategy=OBJECT,
    volumeAttachLimit=ANY,
    containerResources=OBJECT,
    terminationGracePeriodSeconds=WHOLE,
    hostNetwork=FLAG,
)

_CNI_ENVIRONMENT = """
    ADDITIONAL_ENI_TAGS ANNOTATE_POD_IP AWS_EC2_ENDPOINT AWS_EXTERNAL_SERVICE_CIDRS AWS_MANAGE_ENIS_NON_SCHEDULABLE
    AWS_VPC_CNI_NODE_PORT_SUPPORT AWS_VPC_ENI_MTU AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER
    AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG AWS_VPC_K8S_CNI_EXTERNALSNAT AWS_VPC_K8S_CNI_LOGLEVEL
    AWS_VPC_K8S_CNI_LOG_FILE AWS_VPC_K8S_CNI_RANDOMIZESNAT AWS_VPC_K8S_CNI_VETHPREFIX
    AWS_VPC_K8S_PLUGIN_LOG_FILE AWS_VPC_K8S_PLUGIN_LOG_LEVEL CLUSTER_ENDPOINT DISABLE_INTROSPECTION
    DISABLE_LEAKED_ENI_CLEANUP DISABLE_METRICS DISABLE_NETWORK_RESOURCE_PROVISIONING DISABLE_POD_V6
    DISABLE_TCP_EARLY_DEMUX ENABLE_BANDWIDTH_PLUGIN ENABLE_IMDS_ONLY_MODE ENABLE_IPv4 ENABLE_IPv6
    ENABLE_MULTI_NIC ENABLE_NFTABLES ENABLE_POD_ENI ENABLE_PREFIX_DELEGATION ENABLE_SUBNET_DISCOVERY
    ENABLE_V4_EGRESS ENABLE_V6_EGRESS ENI_CONFIG_ANNOTATION_DEF ENI_CONFIG_LABEL_DEF INTROSPECTION_BIND_ADDRESS
    IP_COOLDOWN_PERIOD MAX_ENI MINIMUM_IP_TARGET NETWORK_POLICY_ENFORCING_MODE POD_MTU
    POD_SECURITY_GROUP_ENFORCING_MODE WARM_ENI_TARGET WARM_IP_TARGET WARM_PREFIX_TARGET
"""

SCHEMAS: dict[str, Schema] = {
    "vpc-cni": closed(
        **POD,
        env=closed(**{name: {"type": "string", "format": "string"} for name in _CNI_ENVIRONMENT.split()}),
        enableNetworkPolicy={"type": "string", "enum": ["true", "false"]},
        enableWindowsIpam={"type": "string", "enum": ["true", "false"]},
        enableWindowsPrefixDelegation={"type": "string", "enum": ["true", "false"]},
        warmWindowsPrefixTarget=WHOLE,
        warmWindowsIPTarget=WHOLE,
        minimumWindowsIPTarget=WHOLE,
        branchENICooldown=WHOLE,
        eniConfig=OBJECT,
        init=OBJECT,
        livenessProbeTimeoutSeconds=WHOLE,
        readinessProbeTimeoutSeconds=WHOLE,
        nodeAgent=OBJECT,
    ),
    "coredns": closed(
        **POD,
        autoScaling=closed(enabled=FLAG, minReplicas=WHOLE, maxReplicas=WHOLE),
        computeType=TEXT,
        corefile=TEXT,
        podDisruptionBudget=DISRUPTION,
        replicaCount=WHOLE,
        topologySpreadConstraints=LIST,
    ),
    "kube-proxy": closed(
        **POD,
        ipvs=closed(scheduler=TEXT),
        mode={"type": "string", "enum": ["iptables", "ipvs", "nftables"]},
    ),
    "eks-pod-identity-agent": closed(**POD, agent=OBJECT, init=OBJECT, priorityClassName=TEXT, updateStrategy=OBJECT),
    "aws-ebs-csi-driver": closed(
        controller=CONTROLLER,
        node=NODE,
        defaultStorageClass=closed(enabled=FLAG),
        sidecars=OBJECT,
        a1CompatibilityDaemonSet=FLAG,
        additionalDaemonSets=OBJECT,
        debugLogs=FLAG,
        fips=FLAG,
        legacyXFS=FLAG,
    ),
    "aws-efs-csi-driver": closed(
        controller=CONTROLLER, node=NODE, sidecars=OBJECT, useFIPS=FLAG, portRangeUpperBound=ANY
    ),
    "aws-fsx-csi-driver": closed(controller=CONTROLLER, node=NODE, sidecars=OBJECT),
    "aws-mountpoint-s3-csi-driver": closed(
        awsAccessSecret=OBJECT, controller=OBJECT, experimental=OBJECT, mountpointPod=OBJECT, node=NODE
    ),
    "snapshot-controller": closed(**POD, replicaCount=WHOLE, podDisruptionBudget=DISRUPTION),
    "eks-node-monitoring-agent": closed(
        monitoringAgent=closed(**POD, additionalArgs=LIST), dcgmAgent=closed(**POD), nodeAgent=OBJECT
    ),
    "metrics-server": closed(
        **POD,
        addonResizer=OBJECT,
        args=LIST,
        containerPort=WHOLE,
        metrics=OBJECT,
        podDisruptionBudget=DISRUPTION,
        priorityClassName=TEXT,
        replicas=WHOLE,
        topologySpreadConstraints=LIST,
        updateStrategy=OBJECT,
    ),
}


def schema_of(addon: str) -> Schema:
    """The JSON schema of the add-on's values. Of add-ons that nobody here configures: any object."""
    return {"$schema": "http://json-schema.org/draft-07/schema#"} | SCHEMAS.get(addon, OBJECT)
