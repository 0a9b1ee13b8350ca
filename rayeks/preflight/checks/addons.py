"""Whether EKS offers every pinned add-on version for the stack's Kubernetes, and takes its configuration values."""

import importlib
import json
from collections.abc import Iterator
from typing import Any

import yaml

from rayeks.preflight.account import Account
from rayeks.preflight.model import Finding, check, failed, passed, unknown
from rayeks.preflight.stack import Stack

ADDON = "aws:eks/addon:Addon"


@check("addons")
def addons(stack: Stack, aws: Account) -> Iterator[Finding]:
    """EKS add-on versions."""
    minor = stack.platform.cluster.version
    offered = {item["addonName"]: item for item in _offered(aws, minor)}
    for _, inputs in stack.inputs(ADDON):
        name, version = inputs["addonName"], inputs.get("addonVersion")
        if name not in offered:
            yield failed(name, f"EKS has no such add-on for {minor}", "install its Helm chart instead")
            continue
        versions = [item["addonVersion"] for item in offered[name].get("addonVersions", [])]
        if version is None or version in versions:
            yield passed(name, f"{version or 'the default version'} is offered for {minor}")
        else:
            newest = ", ".join(versions[:3]) or "none"
            yield failed(
                name, f"{version} is not offered for {minor}", f"pin one of these in infra/versions.py: {newest}"
            )


@check("addon-values")
def addon_values(stack: Stack, aws: Account) -> Iterator[Finding]:
    """EKS add-on configuration values."""
    try:
        validator: Any = importlib.import_module("jsonschema").validators
    except ModuleNotFoundError:
        yield unknown("jsonschema", "is not installed, so no value can be checked", "make setup")
        return
    for _, inputs in stack.inputs(ADDON):
        name, version, given = inputs["addonName"], inputs.get("addonVersion"), inputs.get("configurationValues")
        if not given or not version:
            continue
        about = aws.find(
            "eks", "describe_addon_configuration", "ResourceNotFoundException", addonName=name, addonVersion=version
        )
        if about is None or not about.get("configurationSchema"):
            yield unknown(name, f"EKS has no configuration schema for {version}", "see the check `addons`")
            continue
        schema = json.loads(about["configurationSchema"])
        errors = sorted(
            validator.validator_for(schema)(schema).iter_errors(yaml.safe_load(given)),
            key=lambda error: error.json_path,
        )
        if errors:
            told = "; ".join(f"{error.json_path}: {error.message}" for error in errors[:5])
            yield failed(
                name,
                f"EKS would refuse its values: {told}",
                f"aws eks describe-addon-configuration --addon-name {name} --addon-version {version} has the schema",
            )
        else:
            yield passed(name, f"{version} takes the values")


def _offered(aws: Account, minor: str) -> list[dict[str, Any]]:
    answer = aws.find("eks", "describe_addon_versions", "InvalidParameterException", kubernetesVersion=minor)
    return answer["addons"] if answer else []
