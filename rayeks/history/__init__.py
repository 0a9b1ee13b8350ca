"""What happened on Ray clusters that are gone: their own events, from the bucket that their nodes' logs went to."""

from rayeks.history.bucket import Source, read
from rayeks.history.model import Cluster, History

__all__ = ["Cluster", "History", "Source", "read"]
