"""What FSx for Lustre accepts: sizes, throughput, metadata and EFA, as pure checks on a request."""

from typing import Any

Document = dict[str, Any]

THROUGHPUT = {("PERSISTENT_1", "SSD"): (50, 100, 200), ("PERSISTENT_1", "HDD"): (12, 40)}
THROUGHPUT |= {("PERSISTENT_2", "SSD"): (125, 250, 500, 1000)}
EFA_STEPS = {125: 38400, 250: 19200, 500: 9600, 1000: 4800}
METADATA_IOPS = (1500, 3000, 6000, *range(12000, 192001, 12000))


def problem(request: Document) -> str | None:
    """Why FSx would refuse this file system, or None."""
    lustre = request.get("LustreConfiguration") or {}
    kind = lustre.get("DeploymentType") or "SCRATCH_1"
    storage = request.get("StorageType") or "SSD"
    if storage == "INTELLIGENT_TIERING":
        return _tiering(request, lustre, kind)
    return (
        _size(request.get("StorageCapacity"), kind, storage, lustre)
        or _throughput(lustre, kind, storage)
        or _metadata(lustre, kind)
        or _efa(lustre, kind)
        or _version(request.get("FileSystemTypeVersion"), kind)
    )


def _size(size: int | None, kind: str, storage: str, lustre: Document) -> str | None:
    if size is None:
        return "StorageCapacity is required."
    if lustre.get("EfaEnabled"):
        step = EFA_STEPS.get(lustre.get("PerUnitStorageThroughput") or 0)
        fits = step is not None and size % step == 0 and size > 0
        rule = f"a multiple of {step} GiB with EFA at this throughput"
    elif storage == "HDD":
        step = 6000 if lustre.get("PerUnitStorageThroughput") == 12 else 1800
        fits, rule = size % step == 0 and size > 0, f"a multiple of {step} GiB on HDD"
    elif kind == "SCRATCH_1":
        fits = size in (1200, 2400) or (size % 3600 == 0 and size > 0)
        rule = "1200, 2400, or a multiple of 3600 GiB"
    else:
        fits, rule = size == 1200 or (size % 2400 == 0 and size > 0), "1200 or a multiple of 2400 GiB"
    return None if fits else f"Invalid storage capacity {size} for deployment type {kind}: must be {rule}."


def _throughput(lustre: Document, kind: str, storage: str) -> str | None:
    given, allowed = lustre.get("PerUnitStorageThroughput"), THROUGHPUT.get((kind, storage))
    if allowed is None:
        if kind.startswith("PERSISTENT"):
            return f"Storage type {storage} is not supported with deployment type {kind}."
        return "PerUnitStorageThroughput is only supported with PERSISTENT deployment types." if given else None
    if given not in allowed:
        return f"Invalid per unit storage throughput {given} for {kind} {storage}: must be one of {list(allowed)}."
    return None


def _metadata(lustre: Document, kind: str) -> str | None:
    given = lustre.get("MetadataConfiguration")
    if not given:
        return None
    if kind != "PERSISTENT_2":
        return "MetadataConfiguration is only supported with deployment type PERSISTENT_2."
    iops, mode = given.get("Iops"), given.get("Mode")
    if (mode == "USER_PROVISIONED") != (iops is not None):
        return "Metadata Iops must be given with mode USER_PROVISIONED, and only then."
    if iops is not None and iops not in METADATA_IOPS:
        return f"Invalid metadata IOPS {iops}: must be 1500, 3000, 6000, or a multiple of 12000 up to 192000."
    return None


def _efa(lustre: Document, kind: str) -> str | None:
    if not lustre.get("EfaEnabled"):
        return None
    if kind != "PERSISTENT_2" or not lustre.get("MetadataConfiguration"):
        return "EfaEnabled requires deployment type PERSISTENT_2 with a metadata configuration."
    return None


def _version(version: str | None, kind: str) -> str | None:
    if version is None:
        return None
    allowed = ("2.12", "2.15") if kind == "PERSISTENT_2" else ("2.10", "2.12", "2.15")
    return None if version in allowed else f"Lustre version {version} is not one of {list(allowed)} for {kind}."


def _tiering(request: Document, lustre: Document, kind: str) -> str | None:
    if kind != "PERSISTENT_2":
        return "Storage type INTELLIGENT_TIERING requires deployment type PERSISTENT_2."
    if request.get("StorageCapacity") is not None:
        return "StorageCapacity can't be given with storage type INTELLIGENT_TIERING."
    throughput = lustre.get("ThroughputCapacity") or 0
    if throughput <= 0 or throughput % 4000:
        return f"Invalid throughput capacity {throughput}: must be a multiple of 4000 MBps."
    metadata = lustre.get("MetadataConfiguration") or {}
    if metadata.get("Mode") != "USER_PROVISIONED" or metadata.get("Iops") not in (6000, 12000):
        return "INTELLIGENT_TIERING requires user-provisioned metadata IOPS of 6000 or 12000."
    if not lustre.get("DataReadCacheConfiguration"):
        return "INTELLIGENT_TIERING requires a data read cache configuration."
    return None


def automatic_iops(size: int) -> int:
    """The metadata IOPS that FSx gives by itself to a file system of `size` GiB."""
    if size < 48000:
        return next(iops for most, iops in ((1200, 1500), (2400, 3000), (9600, 6000), (48000, 12000)) if size <= most)
    return 12000 * (size // 24000)


def permits(rules: list[Document], port: int) -> bool:
    """Whether any of these rules ({protocol, low, high}) lets TCP through on this port."""
    return any(
        rule["protocol"] == "-1" or (rule["protocol"] == "tcp" and rule["low"] <= port <= rule["high"])
        for rule in rules
    )
