"""What a database's cursor gives, as batches."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.data.batch import Batch


def unique(names: Sequence[str], what: str) -> tuple[str, ...]:
    """Raises Invalid when a column's name occurs twice."""
    for name in names:
        if names.count(name) > 1:
            raise Invalid(f"{what}: the column {name[:60]!r} occurs twice; name it with AS")
    return tuple(names)


def fetched(cursor: Any, names: Sequence[str], size: int) -> Iterator[Batch]:
    """The rows of a cursor as batches of Python values."""
    last = 0
    while rows := cursor.fetchmany(size):
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        yield Batch("object", columns, np.arange(last + 1, last + 1 + len(rows)))
        last += len(rows)
