"""Data-parallel PyTorch on Ray Train that survives what the cloud does to it, on a laptop as on EKS."""
