"""Whether Karpenter finds in AWS what each EC2NodeClass asks for, and its own words where it does not."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from local import services
from local.controllers import KARPENTER_AWS
from rayeks.proof.cluster import Cluster

Conditions = Mapping[str, Mapping[str, str]]
Say = Callable[[str], None]

API, PLURAL = "karpenter.k8s.aws/v1", "ec2nodeclasses"
WITHIN_S = 120.0
POLL_S = 1.0
FOLLOWS = "DependenciesNotReady"
"""The reason of a condition that only says that another one is not met."""


def ready(cluster: Cluster, say: Say, *, within_s: float = WITHIN_S) -> tuple[dict[str, float], list[str]]:
    """Seconds until each EC2NodeClass was Ready, and what keeps the others from it.

    Anything but Ready=True is a fault: what Karpenter may not ask or cannot find out stays `Unknown`.
    """
    say("waiting for every EC2NodeClass to be Ready, with the rights of Karpenter's role")
    began = time.monotonic()
    found: dict[str, float] = {}
    while True:
        conditions = cluster.conditions(API, PLURAL)
        for name, held in conditions.items():
            if held.get("Ready", {}).get("status") == "True":
                found.setdefault(name, time.monotonic() - began)
        if len(found) == len(conditions) or time.monotonic() - began > within_s:
            break
        time.sleep(POLL_S)
    log = services.log_path(KARPENTER_AWS)
    return found, [unready(name, held, log) for name, held in conditions.items() if name not in found]


def unready(name: str, conditions: Conditions, log: Path) -> str:
    """Why an EC2NodeClass is not Ready: its conditions, and for an unknown one what Karpenter's log says of it."""
    causes = [
        f"{kind}={each['status']}, {each.get('reason', '')}: {each.get('message', '')}"
        for kind, each in conditions.items()
        if each["status"] != "True" and kind != "Ready" and each.get("reason") != FOLLOWS
    ]
    vague = not causes or any(each["status"] == "Unknown" for each in conditions.values())
    if vague and (words := logged(log, name)):
        causes.append(f"Karpenter's log: {words}")
    return f"EC2NodeClass {name} is not Ready: {'; '.join(causes) or f'Karpenter says nothing of it, see {log}'}"


def logged(log: Path, name: str) -> str | None:
    """The last error that Karpenter logged of the EC2NodeClass."""
    last = None
    for line in log.read_text(errors="replace").splitlines() if log.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        about = entry.get("EC2NodeClass") if isinstance(entry, dict) else None
        if isinstance(about, dict) and about.get("name") == name and entry.get("error"):
            last = str(entry["error"])
    return last
