"""An input of any size from the digits that ship with the package, the same for everyone; some rows are malformed."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workloads import digits
from workloads.data import rows
from workloads.storage import open_storage

NOISE = 0.5
"""Standard deviation of what is added to every pixel (0–16), so that no two rows are alike."""


def table(first: int, count: int, malformed: frozenset[int] = frozenset()) -> pa.Table:
    """Rows `first` to `first + count`: each a shipped digit with noise that its id alone decides.

    Ids in `malformed` are broken, in turn: no pixels, one pixel too few, not a number, too dark.
    """
    images, labels = digits.load()
    pixels: list[list[float] | None] = []
    for row in range(first, first + count):
        noise = np.random.default_rng(row).normal(0, NOISE, digits.FEATURES)
        image = np.clip(images[row % len(images)] * rows.DEEPEST + noise, 0, rows.DEEPEST).astype(np.float32).tolist()
        pixels.append(_broken(image, row) if row in malformed else image)
    ids = np.arange(first, first + count)
    return pa.table([ids, pixels, labels[ids % len(labels)]], schema=rows.SCHEMA)


def write_file(uri: str, index: int, total: int, files: int, groups: int, malformed: int) -> None:
    """Write file `index` of `files` with its share of `total` rows in `groups` row groups."""
    folder = open_storage(uri)
    first, last = total * index // files, total * (index + 1) // files
    # Spread evenly over the ids, so that every file has its share of what is wrong.
    bad = frozenset(int(row) for row in np.linspace(0, total - 1, malformed).round()) if malformed else frozenset()
    content = table(first, last - first, bad & frozenset(range(first, last)))
    buffer = pa.BufferOutputStream()
    pq.write_table(content, buffer, row_group_size=max(1, -(-len(content) // groups)))
    folder.ready().write(f"digits-{index:05d}.parquet", buffer.getvalue().to_pybytes())


def _broken(image: list[float], row: int) -> list[float] | None:
    match row % 4:
        case 0:
            return None
        case 1:
            return image[:-1]
        case 2:
            return [float("nan"), *image[1:]]
        case _:
            return [rows.DEEPEST + 1, *image[1:]]
