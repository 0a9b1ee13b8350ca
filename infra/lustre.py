"""The sizes in which FSx for Lustre sells a file system. Pure arithmetic."""

EFA_INCREMENTS_GIB = {125: 38_400, 250: 19_200, 500: 9_600, 1000: 4_800}
"""MB/s per TiB → the step in GiB of an EFA-enabled file system. Source: FSx for Lustre, "Increasing storage"."""

SMALLEST_GIB, STEP_GIB = 1200, 2400


def size_problem(size_gib: int, throughput: int, *, efa: bool) -> str | None:
    """Why FSx would refuse a PERSISTENT_2 SSD file system of this size, or None where it would not."""
    if efa:
        step = EFA_INCREMENTS_GIB[throughput]
        if size_gib % step:
            return f"an EFA file system at {throughput} MB/s per TiB comes in steps of {step} GiB"
        return None
    if size_gib == SMALLEST_GIB or (size_gib > 0 and size_gib % STEP_GIB == 0):
        return None
    return "FSx for Lustre comes in 1200 GiB, 2400 GiB and then steps of 2400 GiB"


def next_size(size_gib: int, throughput: int, *, efa: bool) -> int:
    """The smallest size in GiB, not below `size_gib`, that FSx sells."""
    if size_gib <= SMALLEST_GIB and not efa:
        return SMALLEST_GIB
    step = EFA_INCREMENTS_GIB[throughput] if efa else STEP_GIB
    return max(1, -(-size_gib // step)) * step
