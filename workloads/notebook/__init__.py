"""A notebook on a running Ray cluster, found by what the stack says of itself."""
