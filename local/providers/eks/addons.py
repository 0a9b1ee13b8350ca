"""The add-ons that `pulumi_eks` configures, as data: which option becomes which setting of the VPC CNI."""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.eks.graph import computed, plain

CNI_ENVIRONMENT: tuple[tuple[tuple[str, ...], str, str | None], ...] = (
    (("nodePortSupport",), "AWS_VPC_CNI_NODE_PORT_SUPPORT", None),
    (("warmEniTarget",), "WARM_ENI_TARGET", "1"),
    (("warmIpTarget",), "WARM_IP_TARGET", None),
    (("warmPrefixTarget",), "WARM_PREFIX_TARGET", None),
    (("enablePrefixDelegation",), "ENABLE_PREFIX_DELEGATION", None),
    (("logLevel",), "AWS_VPC_K8S_CNI_LOGLEVEL", "DEBUG"),
    (("logFile",), "AWS_VPC_K8S_CNI_LOG_FILE", "/host/var/log/aws-routed-eni/ipamd.log"),
    (("vethPrefix",), "AWS_VPC_K8S_CNI_VETHPREFIX", "eni"),
    (("eniMtu",), "AWS_VPC_ENI_MTU", "9001"),
    (("eniConfigLabelDef",), "ENI_CONFIG_LABEL_DEF", None),
    (("pluginLogLevel",), "AWS_VPC_K8S_PLUGIN_LOG_LEVEL", "DEBUG"),
    (("pluginLogFile",), "AWS_VPC_K8S_PLUGIN_LOG_FILE", "/var/log/aws-routed-eni/plugin.log"),
    (("enablePodEni",), "ENABLE_POD_ENI", "false"),
    (("cniConfigureRpfilter",), "AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER", None),
    # `customNetworkConfig` means to set this too, but this option's default overwrites it.
    (("cniCustomNetworkCfg",), "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "false"),
    (("externalSnat", "cniExternalSnat"), "AWS_VPC_K8S_CNI_EXTERNALSNAT", "false"),
)
"""Options (the first one given wins), the variable of the `aws-node` container, its value without them."""

CNI_INIT_ENVIRONMENT: tuple[tuple[tuple[str, ...], str, str | None], ...] = (
    (("disableTcpEarlyDemux",), "DISABLE_TCP_EARLY_DEMUX", "false"),
)
"""The same for the container that runs before it."""

CNI_OPTIONS = frozenset(
    {
        "addonVersion",
        "configurationValues",
        "customNetworkConfig",
        "enableNetworkPolicy",
        "resolveConflictsOnCreate",
        "resolveConflictsOnUpdate",
        "serviceAccountRoleArn",
    }
).union(*(options for options, _, _ in CNI_ENVIRONMENT + CNI_INIT_ENVIRONMENT))
ADDON_OPTIONS = frozenset(
    {"configurationValues", "enabled", "resolveConflictsOnCreate", "resolveConflictsOnUpdate", "version"}
)


def conflicts(options: Mapping[str, Any]) -> dict[str, Any]:
    """How an add-on meets settings that somebody else wrote: it overwrites them unless told otherwise."""
    return {key: options.get(key) or "OVERWRITE" for key in ("resolveConflictsOnCreate", "resolveConflictsOnUpdate")}


def configuration(values: Any) -> Any:
    """An add-on's configuration as the JSON that EKS takes, its keys in order; None where there is none."""
    return None if not values and plain(values) else computed(_json, values)


def cni_configuration(options: Mapping[str, Any]) -> Any:
    """The VPC CNI's whole configuration: the options as environment, under what the user's own values say."""
    return computed(
        _merge,
        _environment(CNI_ENVIRONMENT, options),
        _environment(CNI_INIT_ENVIRONMENT, options),
        options.get("enableNetworkPolicy"),
        options.get("configurationValues"),
    )


def _environment(table: tuple[tuple[tuple[str, ...], str, str | None], ...], options: Mapping[str, Any]) -> dict:
    """The variables that a table's options set; an option given as false counts as not given."""
    result: dict[str, Any] = {}
    for names, variable, default in table:
        given = next((options[name] for name in names if _given(options.get(name))), None)
        if given is not None:
            result[variable] = computed(_text, given)
        elif default is not None:
            result[variable] = default
    return result


def _given(value: Any) -> bool:
    return not plain(value) or bool(value)


def _merge(environment: dict, initial: dict, network_policy: bool | None, values: dict | None) -> str:
    merged: dict[str, Any] = dict(values or {})
    if network_policy is not None:
        merged.setdefault("enableNetworkPolicy", _text(network_policy))
    merged["env"] = environment | _mapping(merged.get("env"))
    init = _mapping(merged.get("init"))
    merged["init"] = init | {"env": initial | _mapping(init.get("env"))}
    return _json(merged)


def _mapping(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
