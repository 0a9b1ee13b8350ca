"""The local way: the real Pulumi engine over the AWS and the Kubernetes of this machine."""
