"""A provider that does nothing: what an engine run costs when the cloud costs nothing."""
