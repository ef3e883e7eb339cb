"""What a database's cursor gives, as batches."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from arkwright.data.batch import Batch


def fetched(cursor: Any, names: Sequence[str], size: int) -> Iterator[Batch]:
    """The rows of a cursor as batches of Python values."""
    last = 0
    while rows := cursor.fetchmany(size):
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        yield Batch("object", columns, np.arange(last + 1, last + 1 + len(rows)))
        last += len(rows)
