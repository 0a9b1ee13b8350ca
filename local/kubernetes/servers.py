"""The command lines of the three servers: what of EKS's control plane a process on loopback can be."""

import contextlib
import http.client
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

from local.kubernetes.pki import SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUBLIC
from local.services import Service

ETCD, PEER, API_SERVER, CONTROLLERS = "etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager"
PROGRAMS = (ETCD, API_SERVER, CONTROLLERS)

# What deletion and tenancy need. Controllers that make Pods or tend nodes are left out: without nodes a Deployment
# would only collect Pods that stay Pending.
RUN_CONTROLLERS = (
    "namespace-controller",  # empties a namespace, then lets it go
    "garbage-collector-controller",  # deletes what a deleted owner owned, and finishes foreground deletion
    "serviceaccount-controller",  # `default` in each namespace
    "serviceaccount-token-controller",  # token Secrets of old style, and their removal
    "legacy-serviceaccount-token-cleaner-controller",
    "root-ca-certificate-publisher-controller",  # kube-root-ca.crt in each namespace
    "resourcequota-controller",  # counts what a tenant uses; without it no quota admits anything
    "clusterrole-aggregation-controller",  # admin, edit and view gain the rules of labelled roles
    # Admission puts a protection finalizer on volumes and claims; these take it off again.
    "persistentvolumeclaim-protection-controller",
    "persistentvolume-protection-controller",
    "persistentvolume-binder-controller",  # binds a tenant's claims to the volumes that the stack declares
    "validatingadmissionpolicy-status-controller",  # says when a policy's expressions do not type-check
)

# What makes Pods and tends nodes, where there are some (see local.controllers).
NODE_CONTROLLERS = (
    "job-controller",  # KubeRay's submitters
    "daemonset-controller",
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "endpointslice-controller",
    "node-lifecycle-controller",  # taints nodes that stop answering
    "taint-eviction-controller",  # and takes the Pods off them
    "pod-garbage-collector-controller",
    "ttl-after-finished-controller",
)


def etcd(program: Path, ports: Mapping[str, int], pki: Path, data: Path) -> Service:
    """The store. It answers on loopback to holders of its own authority's certificates only."""
    client, peer = f"https://127.0.0.1:{ports[ETCD]}", f"https://127.0.0.1:{ports[PEER]}"
    argv = {
        "name": "local",
        "data-dir": data,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "cert-file": pki / "etcd.crt",
        "key-file": pki / "etcd.key",
        "client-cert-auth": "true",
        "trusted-ca-file": pki / "etcd-ca.crt",
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"local={peer}",
        "peer-cert-file": pki / "etcd.crt",
        "peer-key-file": pki / "etcd.key",
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": pki / "etcd-ca.crt",
        # A lone member elects itself after this time: the default makes every start a second longer.
        "heartbeat-interval": 20,
        "election-timeout": 200,
        # Only a power failure can lose writes this way; a killed process cannot, and slow disks do not matter.
        "unsafe-no-fsync": "true",
        "quota-backend-bytes": 8 << 30,
        "auto-compaction-retention": "5m",
        "log-level": "warn",
    }
    ready = answers(ports[ETCD], "/health", pki, "etcd-ca", "etcd-client")
    return Service(ETCD, _command(program, argv), ready, ports[ETCD])


def api_server(program: Path, ports: Mapping[str, int], pki: Path) -> Service:
    """The API server, with the admission that EKS has; anonymous callers are refused."""
    argv = {
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",  # else it looks for a network route, which a laptop may lack
        "secure-port": ports[API_SERVER],
        "etcd-servers": f"https://127.0.0.1:{ports[ETCD]}",
        "etcd-cafile": pki / "etcd-ca.crt",
        "etcd-certfile": pki / "etcd-client.crt",
        "etcd-keyfile": pki / "etcd-client.key",
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "client-ca-file": pki / "ca.crt",
        "anonymous-auth": "false",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction,ExtendedResourceToleration",
        "allow-privileged": "true",
        "endpoint-reconciler-type": "none",
        "service-cluster-ip-range": "10.100.0.0/16",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": pki / SERVICE_ACCOUNT_PUBLIC,
        "service-account-signing-key-file": pki / SERVICE_ACCOUNT_KEY,
        "max-requests-inflight": 1600,
        "max-mutating-requests-inflight": 800,
        "event-ttl": "10m",
        "profiling": "false",
    }
    ready = api_server_ready(ports[API_SERVER], pki)
    # Half of what it holds is garbage at Go's usual 100: the schemas of large CRDs, parsed over and over.
    return Service(API_SERVER, _command(program, argv), ready, ports[API_SERVER], env={"GOGC": "60"}, timeout_s=120.0)


def api_server_ready(port: int, pki: Path) -> Callable[[], bool]:
    """Whether the API server on `port` says that it is ready, asked as the administrator."""
    return answers(port, "/readyz", pki, "ca", "admin")


def controller_manager(
    program: Path, ports: Mapping[str, int], pki: Path, kubeconfig: Path, *, nodes: bool = False
) -> Service:
    """The controllers of `RUN_CONTROLLERS`, and with `nodes` those of Pods, each with its service account's rights."""
    argv = {
        "bind-address": "127.0.0.1",
        "secure-port": ports[CONTROLLERS],
        "tls-cert-file": pki / "controller-manager.crt",
        "tls-private-key-file": pki / "controller-manager.key",
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "controllers": ",".join(RUN_CONTROLLERS + (NODE_CONTROLLERS if nodes else ())),
        "leader-elect": "false",
        "use-service-account-credentials": "true",
        "service-account-private-key-file": pki / SERVICE_ACCOUNT_KEY,
        "root-ca-file": pki / "ca.crt",
        "kube-api-qps": 300,
        "kube-api-burst": 500,
        "concurrent-gc-syncs": 40,
        "profiling": "false",
    }
    ready = answers(ports[CONTROLLERS], "/healthz", pki, "ca", "admin")
    return Service(CONTROLLERS, _command(program, argv), ready, ports[CONTROLLERS])


def _command(program: Path, flags: Mapping[str, object]) -> list[str]:
    return [str(program), *(f"--{name}={value}" for name, value in flags.items())]


def answers(port: int, path: str, pki: Path, authority: str, client: str) -> Callable[[], bool]:
    """Whether the server on `port` answers 200, known by its authority; no proxy of the user's is asked."""
    context: list[ssl.SSLContext] = []

    def ready() -> bool:
        try:
            if not context:
                trusting = ssl.create_default_context(cafile=pki / f"{authority}.crt")
                trusting.load_cert_chain(pki / f"{client}.crt", pki / f"{client}.key")
                context.append(trusting)
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context[0])
            with contextlib.closing(connection):
                connection.request("GET", path)
                return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    return ready
