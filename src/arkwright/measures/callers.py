"""Who asked in a window: each by how many rows, how many of them outside the reference, and a sample."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from arkwright.measures.evaluation import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`rows`: asked; `outside`: those with a value that the reference does not have, of its columns that can tell.

    `sample`: column -> (n,) of some of the rows, the same of every column; words as numbers that mean only themselves.
    """

    rows: int
    outside: int = 0
    sample: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Those who asked. `by_chance`: the share of a caller's rows outside that is expected where nothing is wrong."""

    callers: tuple[Caller, ...] = ()
    by_chance: float = 0.0
