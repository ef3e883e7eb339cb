"""Long work in slices of about a millisecond. One call into C is not interrupted: whoever works on a thread in slices
lets the loop go on in between.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from arkwright.serve.model.tensors import Array, Tensors
from arkwright.serve.wire.messages import Problem

SLICE = 1024  # rows
_AT = re.compile(r"\$\[(\d+)\]")


def slices(count: int, size: int = SLICE) -> Iterator[slice]:
    """Of so many items, one behind the other."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def placed(text: str, start: int) -> str:
    """What is wrong in a slice, with the place in the whole: `$[3].km` in that from 1024 on is `$[1027].km`."""
    return _AT.sub(lambda at: f"$[{start + int(at[1])}]", text, count=1)


def in_slices(prepare: Callable[[Sequence[Any]], Tensors]) -> Callable[[Sequence[Any]], Tensors]:
    """The same for any number of rows. Raises what `prepare` raises, a Problem with the place among all rows."""

    def parts(rows: Sequence[Any]) -> Iterator[Tensors]:
        for part in slices(len(rows)):
            try:
                yield prepare(rows[part])
            except Problem as problem:
                raise Problem(problem.status, placed(problem.message, part.start), problem.headers) from None

    return lambda rows: prepare(rows) if len(rows) <= SLICE else joined(parts(rows), len(rows))


def joined(parts: Iterable[Tensors], rows: int) -> Tensors:
    """The tensors of so many rows, of which each part holds the next few. Raises ValueError for another number."""
    whole: Tensors = {}
    at = 0
    for part in parts:
        if not whole:
            whole = {name: np.empty((rows, *array.shape[1:]), array.dtype) for name, array in part.items()}
        end = at + len(next(iter(part.values())))
        for name, array in part.items():
            place = whole[name][at:end]
            if place.shape != array.shape:  # numpy would repeat a lone row
                raise ValueError
            place[:] = array
        at = end
    if at != rows:
        raise ValueError
    return whole


def let_go(items: list[Any]) -> None:
    """Empty the list."""
    while items:
        del items[-SLICE:]


def cut(tensors: Tensors, part: slice) -> Tensors:
    """These rows of every tensor."""
    return {name: array[part] for name, array in tensors.items()}


def filled(count: int, dtype: Any, values: Callable[[slice], Any]) -> Array:
    """An array (count,) of what `values` gives for each slice."""
    whole: Array = np.empty(count, dtype)
    for part in slices(count):
        whole[part] = values(part)
    return whole
