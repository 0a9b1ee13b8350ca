// Modules of which only the files are read: their CRDs and roles. Nothing imports them, so `go mod tidy` would drop them.
module ray-on-eks/tools/crds

go 1.21

require (
	github.com/aws/karpenter-provider-aws v1.14.1
	github.com/prometheus-operator/prometheus-operator v0.93.1
	github.com/ray-project/kuberay/ray-operator v1.6.2
	sigs.k8s.io/karpenter v1.14.1
	sigs.k8s.io/kueue v0.16.1
)
