"""What is seen of a stack on a Kubernetes that is there already, and goes on to what its owner has. Pure functions."""

from urllib.parse import urlsplit

from infra.config.portable import NodePool, PortablePlatform
from infra.config.portable_observability import PortableObservability, Prices
from infra.contract import POOLS
from infra.destinations import Destinations, Values
from infra.monitors import Watched

HOURS_A_MONTH = 730
"""OpenCost takes prices of its chart's ConfigMap by the month, and divides them by so many hours.
Source: opencost, `ProviderConfig.UpdateFromMap`."""
SECRETS = "/etc/alertmanager/secrets"
"""Where the Prometheus operator mounts an Alertmanager's Secrets, each in a folder of its name."""


def watched(platform: PortablePlatform, settings: PortableObservability) -> Watched:
    """What there is to see of the stack."""
    gpus = any(POOLS[pool.kind].gpu for pool in platform.pools.values())
    return Watched(
        teams=tuple(platform.tenants),
        queues=platform.queues is not None,
        gpus=settings.prometheus.gpu_exporter if gpus else None,
        machines=False,
    )


def destinations(platform: PortablePlatform, settings: PortableObservability) -> Destinations:
    """A webhook, the object storage and an OpenTelemetry endpoint, each where the stack file names it."""
    secret, logged = settings.alerts.webhook_secret, settings.logs
    told = {"webhook_configs": [{"url_file": f"{SECRETS}/{secret}/url", "send_resolved": True}]}
    return Destinations(
        storage_class=settings.prometheus.storage_class,
        receiver=told if secret else {},
        receiver_secrets=(secret,) if secret else (),
        logs=_bucket(platform, logged.bucket) if logged else {},
        log_keys=logged.secret if logged else None,
        traces=_exporter(settings.traces.endpoint) if settings.traces else {},
        prices=custom_prices(settings.costs.prices) if settings.costs else {},
    )


def custom_prices(prices: Prices) -> Values:
    """OpenCost's values for machines that no cloud bills; what the stack file gives no price of costs nothing."""
    monthly = {
        "CPU": prices.cpu * HOURS_A_MONTH,
        "RAM": prices.memory_gib * HOURS_A_MONTH,
        "GPU": (prices.gpu or 0) * HOURS_A_MONTH,
    }
    # Helm merges maps: the chart's own prices of these would stay.
    free = ("storage", "zoneNetworkEgress", "regionNetworkEgress", "internetNetworkEgress")
    model = {name: f"{price:.6f}" for name, price in monthly.items()} | dict.fromkeys(free, "0")
    # Machines of another cloud would be taken at that cloud's list prices.
    model |= {"description": "By the stack file", "customPricesEnabled": "true"}
    return {"customPricing": {"enabled": True, "createConfigmap": True, "costModel": model}}


def hourly_usd(pool: NodePool, prices: Prices) -> float:
    """What pods that fill a pool cost an hour. OpenCost knows no price of a part of a GPU."""
    each = pool.each
    gpus = 0 if pool.shared else each.gpus
    return pool.nodes * (each.cpu * prices.cpu + each.memory_gib * prices.memory_gib + gpus * (prices.gpu or 0))


def _bucket(platform: PortablePlatform, purpose: str) -> Values:
    storage = platform.storage
    found = {"bucket": storage.buckets[purpose], "region": storage.region}
    return found | ({"endpoint": storage.endpoint} if storage.endpoint else {})


def _exporter(endpoint: str) -> Values:
    url = urlsplit(endpoint)
    return {"otlp": {"endpoint": f"{url.hostname}:{url.port or 4317}", "tls": {"insecure": url.scheme == "http"}}}
