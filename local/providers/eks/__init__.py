"""The remote component `eks:index:Cluster`, for where pulumi_eks's own plugin cannot be had: the same children."""
