"""One program for every stack: on AWS, or on a Kubernetes that is there already, by what its `cluster` section says."""

from infra.config import Platform, load

platform = load()
if isinstance(platform, Platform):
    from infra import on_eks

    on_eks.deploy(platform)
else:
    from infra import on_kubernetes

    on_kubernetes.deploy(platform)
