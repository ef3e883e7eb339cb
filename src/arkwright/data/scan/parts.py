"""What was answered of some rows, and of others, as the answers to all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from arkwright.measures.aggregates import (
    Aggregate,
    Between,
    In,
    Largest,
    Matching,
    Mean,
    Newest,
    Now,
    Nulls,
    Rows,
    Smallest,
)

Answers = Mapping[Aggregate, Any]


def adds_up(need: Aggregate) -> bool:
    """Whether parts tell of the whole; none do of what is distinct, or in the middle."""
    return isinstance(need, Rows | Nulls | Between | In | Matching | Smallest | Largest | Newest | Mean | Now)


def weighed(needs: Sequence[Aggregate]) -> list[Aggregate]:
    """These, and what means are weighed by."""
    more = [one for need in needs if isinstance(need, Mean) for one in (Rows(), Nulls(need.column))]
    return list(dict.fromkeys([*needs, *more]))


def together(needs: Sequence[Aggregate], parts: Sequence[Answers]) -> dict[Aggregate, Any]:
    """The answers to all rows, each of which is in one part; of means within rounding. `needs` are `weighed`."""
    return {need: _together(need, parts) for need in needs}


def _together(need: Aggregate, parts: Sequence[Answers]) -> Any:
    there = [part[need] for part in parts if part[need] is not None]
    match need:
        case Smallest():
            return min(there, default=None)
        case Largest() | Newest():
            return max(there, default=None)
        case Mean(column):
            values = [part[Rows()] - part[Nulls(column)] for part in parts if part[need] is not None]
            return sum(mean * n for mean, n in zip(there, values, strict=True)) / sum(values) if there else None
        case _:
            return sum(there)
