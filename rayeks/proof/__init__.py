"""Proof by the real controllers: every sample and every pool of a stack, placed by Karpenter and KubeRay themselves."""

from rayeks.proof.model import Placement, Proof
from rayeks.proof.run import prove

__all__ = ["Placement", "Proof", "prove"]
