"""Which group each row is of: by a column, or by several at once, where a group is what they have together.

Groups with fewer than `at_least` rows are one, "(others)", so that nobody goes unjudged.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from arkwright.measures.evaluation import Array, Evaluation, Undefined

OTHERS, MISSING = "(others)", "(missing)"
By = str | tuple[str, ...]


@dataclass(frozen=True)
class Groups:
    """The g groups by `by`: `names` (g,), ascending, "(others)" last; `codes` (n,), which of them each row is of;
    `times` (n,) or None, as of the evaluation.
    """

    by: tuple[str, ...]
    at_least: int
    names: tuple[str, ...]
    codes: Array
    times: Array | None

    @cached_property
    def sizes(self) -> Array:
        """(g,) rows of each."""
        return how_often(self.codes, self.times, len(self.names))

    @cached_property
    def members(self) -> list[Array]:
        """The row numbers of each."""
        told = np.bincount(self.codes, minlength=len(self.names))  # not `sizes`: some stand for several rows
        return np.split(np.argsort(self.codes, kind="stable"), np.cumsum(told)[:-1])


def columns(by: By) -> tuple[str, ...]:
    return (by,) if isinstance(by, str) else by


def said(by: By) -> str:
    """`carrier`, or `carrier and origin`."""
    return " and ".join(columns(by))


def groups(evaluation: Evaluation, by: By, at_least: int) -> Groups:
    """Told apart once for all who ask. Raises Undefined for a column that was not kept."""
    names = columns(by)
    for name in names:
        if name not in evaluation.groups:
            raise Undefined(f"the column {name} was not kept for comparing groups")
    return evaluation.once(("groups", names, at_least), lambda: _groups(evaluation, names, at_least))


def how_often(places: Array, times: Array | None, least: int) -> Array:
    """(at `least` so many,) how often each place is there."""
    return np.bincount(places, times, least).astype(np.int64, copy=False)


def _groups(evaluation: Evaluation, by: tuple[str, ...], at_least: int) -> Groups:
    codes, names = _together(evaluation, by)
    sizes = how_often(codes, evaluation.times, len(names))
    large = sorted((name, code) for code, name in enumerate(names) if sizes[code] >= at_least)
    place = np.full(len(names), len(large))
    place[[code for _, code in large]] = np.arange(len(large))
    others = (OTHERS,) if len(large) < len(names) else ()
    told = (*(name for name, _ in large), *others)
    return Groups(by, at_least, told, place.astype(np.min_scalar_type(len(told)))[codes], evaluation.times)


def _together(evaluation: Evaluation, by: tuple[str, ...]) -> tuple[Array, list[str]]:
    """(n,) codes, and the name of each: of several columns `carrier=UA, origin=JFK`, only those that there are."""
    parts = [evaluation.once(("codes", name), partial(_coded, evaluation.groups[name])) for name in by]
    if len(parts) == 1:
        return parts[0]
    codes = np.zeros(len(evaluation.truth), np.int64)
    named = [""]
    for column, (own, names) in zip(by, parts, strict=True):
        codes, used = _encode(codes * len(names) + own)
        pairs = [divmod(code, len(names)) for code in used]
        named = [f"{named[before]}, {column}={names[now]}".removeprefix(", ") for before, now in pairs]
    return codes, named


def _coded(column: Array) -> tuple[Array, list[str]]:
    """(n,) codes and the name of each; None and NaN are one group, "(missing)", and what is spelt alike is alike."""
    codes, values = _encode(column)
    known: dict[str, int] = {}
    place = [known.setdefault(_name(value), len(known)) for value in values]
    return np.array(place, np.min_scalar_type(len(known)))[codes], list(known)


def _name(value: Any) -> str:
    return MISSING if value is None or value != value else str(value)  # noqa: PLR0124 - NaN


def _encode(column: Array) -> tuple[Array, list[Any]]:
    """(n,) codes, and the value of each. What has one width is told apart by its bytes."""
    if column.dtype.hasobject:
        known: dict[Any, int] = {}
        names = map(_name, column.tolist())
        return np.array([known.setdefault(name, len(known)) for name in names], np.int64), list(known)
    import pyarrow as pa  # only who compares groups waits for it

    raw, width = np.ascontiguousarray(column), column.dtype.itemsize
    kind = pa.binary(width)
    found = pa.Array.from_buffers(kind, len(raw), [None, pa.py_buffer(raw.view(np.uint8))]).dictionary_encode()
    codes = np.frombuffer(found.indices.buffers()[1], np.int32, len(raw))
    values = np.frombuffer(found.dictionary.buffers()[1], column.dtype, len(found.dictionary))
    return codes, values.tolist()
