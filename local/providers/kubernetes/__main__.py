"""`pulumi-resource-kubernetes`, started by the engine."""

from local.providers import wire
from local.providers.kubernetes.provider import KubernetesProvider

if __name__ == "__main__":
    wire.serve(KubernetesProvider(wire.engine_address()))
