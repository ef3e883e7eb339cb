"""What the columns of a row do together, and how they go: a few rows of each block, as sums.

Times are left out: they always move. A minute in which many rows come is read at random, so that following costs nearly
nothing however many they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from arkwright.core import arrow
from arkwright.core.arrow_arrays import integers
from arkwright.measures import features as features_
from arkwright.measures import moments, sketch, trail
from arkwright.measures.evaluation import Array
from arkwright.measures.features import WORDS, Features, Standardised
from arkwright.measures.moments import Moments
from arkwright.measures.sketch import Sketch
from arkwright.measures.trail import Trail
from arkwright.monitor.cells import floats, places
from arkwright.monitor.cells import words as words_of

MOST = 1000  # rows of a block in a minute …
_REFERENCE = 100_000  # … and of the reference
_AT_ONCE = 4096  # of those: their features fit a processor's cache
_CHOOSING = 4  # one row of so many says which words are told apart, and nothing else
_NUMBERS, _WORDS = ("int", "float"), ("str", "bool")


@dataclass(frozen=True, slots=True)
class Together:
    """What so many rows came to."""

    moments: Moments
    trail: Trail

    def __add__(self, other: "Together") -> "Together":
        return Together(self.moments + other.moments, self.trail + other.trail)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows by chance, and the same again of as many: their places, and how many each stands for."""

    rows: Array
    weight: int


@dataclass(frozen=True, slots=True)
class Joint:
    """How rows become features, and the moments of those of the reference."""

    features: Features
    moments: Moments

    def empty(self) -> Together:
        return Together(moments.empty(), trail.empty(self.features.columns))

    def count(self, table: pa.Table, seconds: Array) -> Together:
        """Of some of the rows, each in the place of as many others; `seconds` (n,): since 1970, when each came."""
        if not len(table):
            return self.empty()
        minutes = seconds // 60
        chosen = _chosen(len(table), MOST * len(np.unique(minutes)), int(minutes.min()))
        given = _standardised(table.take(integers(chosen.rows)), self.features)
        went = trail.of(self.features.columns, minutes[chosen.rows], chosen.weight, *self.features.levels(given))
        return Together(moments.of(self.features.of(given), chosen.weight), went)


def chosen(n: int) -> Chosen:
    """Those of the n rows of a reference that are looked at."""
    return _chosen(n, _REFERENCE, 0)


def joint(some: pa.Table, which: Chosen, sketches: Mapping[str, Sketch]) -> Joint:
    """Of the chosen rows of a reference; `sketches`: of its columns, which say which words occur often."""
    kinds = {c: arrow.type_name(some.schema.field(c).type, c) for c in some.column_names}
    numbers = tuple(name for name, kind in kinds.items() if kind in _NUMBERS)
    words = tuple(name for name, kind in kinds.items() if kind in _WORDS)
    first = len(some) // _CHOOSING if words else 0
    clear = [_frequent(some.column(name).slice(0, first), sketches[name]) for name in words]
    values = tuple(own or sketches[name].values[:1] for name, own in zip(words, clear, strict=True))
    scales = [features_.scaled(floats(some.column(name))) for name in numbers]
    bare = Features(
        numbers=numbers,
        centres=np.array([centre for centre, _ in scales]),
        scales=np.array([scale for _, scale in scales]),
        words=words,
        values=values,
        shares=np.array([_share(sketches[name], own) for name, own in zip(words, values, strict=True)]),
        frequencies=np.zeros((0, features_.PAIRS)),
    )
    given = _standardised(some, bare)
    whole = replace(bare, frequencies=_frequencies(given, bare, clear))
    found = moments.empty()
    for begin in range(first, len(some), _AT_ONCE):
        found += moments.of(whole.of(given.take(slice(begin, begin + _AT_ONCE))), which.weight)
    return Joint(whole, found)


def _frequent(column: pa.ChunkedArray, whole: Sketch) -> tuple[str, ...]:
    """The words that these rows have most often, of those that all rows were counted by. Some are so by luck, and rarer
    in every window: so it is what other rows say of them that a window is held against.
    """
    counted = set(whole.values)
    return tuple(word for word in sketch.of_words(*words_of(column)).values[:WORDS] if word in counted)


def _frequencies(given: Standardised, known: Features, clear: Sequence[tuple[str, ...]]) -> Array:
    """Of a column in which no value is frequent the first one has a place, for its level, but goes with all others."""
    found = features_.frequencies(given, known.values)
    first = 2 * len(known.numbers)
    for values, some in zip(known.values, clear, strict=True):
        if values and not some:
            found[first] = found[first + 1]
        first += len(values) + 2
    return found


def _share(words: Sketch, told_apart: tuple[str, ...]) -> float:
    """Of the first word that is told apart."""
    if not told_apart:
        return 0.0
    return float(words.counts[words.values.index(told_apart[0])]) / words.n


def _chosen(n: int, most: int, seed: int) -> Chosen:
    rng = np.random.default_rng([seed, n])
    weight = max(1, -(-n // most))
    return Chosen(rng.choice(n, -(-n // weight), replace=False) if n else np.zeros(0, np.int64), weight)


def _standardised(table: pa.Table, known: Features) -> Standardised:
    """A column that is not there, or of another kind by now, is missing."""
    numbers, words = np.full((len(table), len(known.numbers)), np.nan), np.empty((len(table), len(known.words)), int)
    for place, name in enumerate(known.numbers):
        if _is(table, name, _NUMBERS):
            column = floats(table.column(name))
            numbers[:, place] = features_.standardised(column, known.centres[place], known.scales[place])
    for place, (name, values) in enumerate(zip(known.words, known.values, strict=True)):
        words[:, place] = len(values) + 1
        if _is(table, name, _WORDS):
            words[:, place] = places(table.column(name), values)
    return Standardised(numbers, words)


def _is(table: pa.Table, name: str, kinds: tuple[str, ...]) -> bool:
    return name in table.column_names and arrow.type_name(table.schema.field(name).type, name) in kinds
