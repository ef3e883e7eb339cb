"""Which values of a column moved, and which columns: why a window is no longer what the release was judged on.

Of each cell of a column, the rows before and now are held against those of all other cells (Fisher's exact test, 1922),
adjusted for the number of cells (Bonferroni): where nothing changed, at most 5 of 100 windows have a cell named.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from arkwright.measures import causes, divergence, drift
from arkwright.measures.causes import ALPHA, LEAST, PARTS, Explained, Part, short
from arkwright.measures.cells import EVERY, cells, of_both
from arkwright.measures.evaluation import Array
from arkwright.measures.window import Window

Terms = Callable[[Array, Array], Array]
FEW = "too few rows to tell why"


def values(window: Window, column: str, measure: str = "", bins: int = 10) -> Explained:
    """The cells of one column, by what each adds to the distance `measure`; of one that does not add up (ks, …) by how
    much its share moved. Of very many those that say most, the others together. Raises Undefined as `Window.pair` does.
    """
    before, now = window.pair(column)
    if measure == "largest_change" and not before.of_numbers:
        bins = EVERY
    of = of_both(before, now, bins)
    p, q = drift.counts(before, now, of)
    if min(p.sum(), q.sum()) < LEAST:
        return Explained(note=FEW)
    terms = _TERMS.get(measure)
    added = terms(p, q) if terms else np.abs(np.subtract(*divergence.shares(p, q)))
    whole = float(added.sum())
    a, b = divergence.shares(p, q)
    moved = divergence.exact(p, q) * max(1, int(np.count_nonzero(p + q))) < ALPHA
    told = _told_apart(np.lexsort((-added, ~moved)), of.max() + 1, numbers=before.of_numbers)
    here = told[: len(p)]
    moved = np.bincount(here, moved) * (np.bincount(here) == 1)  # what is put together is not named
    a, b, added = (np.bincount(here, one) for one in (a, b, added))
    named = cells(column, before, bins, told[of])  # the last, what is missing, only where anything is
    parts = [
        Part(
            column=column,
            label=label,
            before=float(a[place]),
            now=float(b[place]),
            explains=float(added[place]) / whole if whole else 0.0,
            where=where,
            place=place,
            named=bool(moved[place]),
        )
        for place, (label, where) in enumerate(zip(named.labels[: len(a)], named.where, strict=False))
    ]
    some = causes.ordered(parts)
    if terms is None:
        some = tuple(replace(part, explains=None) for part in some)
    note = "" if any(part.named for part in some) else f"no value of {short(column)} moved by more than chance would"
    return Explained(parts=some, total=whole if measure == "psi" else None, note=note)


def _told_apart(order: Array, n: int, *, numbers: bool) -> Array:
    """(n + 1,): for each of n cells, and for what is missing, the cell it is told as. `order`: what says most, first.
    Words that do not stand alone are the last cell, all others; ranges go together with their neighbours.
    """
    alone = order[order < n if numbers else order < n - 1][: PARTS // 2 if numbers else PARTS]
    stands = np.isin(np.arange(n), alone)
    if n <= PARTS:
        told = np.arange(n)
    elif numbers:
        told = np.cumsum(stands | np.append(False, stands[:-1]))
        told -= told[0]
    else:
        told = np.where(stands, np.cumsum(stands) - 1, len(alone))
    return np.append(told, told.max() + 1)


def columns(window: Window, among: Iterable[str]) -> Explained:
    """Which columns moved, each with its own population stability index and the value that adds most to it.

    Those are named that `drifted_columns` finds: adjusted for their number (Holm 1979). Two that say the same both are.
    """
    there = [name for name in window.columns if name in set(among)]
    if not there or len(window) < LEAST:
        return Explained(note=FEW)
    sure = drift.holm([drift.significance(window, name)[0] for name in there])
    found = [values(window, name, "psi") for name in there]
    parts = sorted(
        (_column(name, one, chance) for name, one, chance in zip(there, found, sure, strict=True)),
        key=lambda part: (part.named, part.value or 0.0),
        reverse=True,
    )
    note = "" if any(part.named for part in parts) else "no column alone moved: it is how they go together, or chance"
    return Explained(parts=tuple(parts), unit="psi", note=note)


def _column(name: str, found: Explained, chance: float) -> Part:
    """With what moved most in it."""
    named = [part for part in found.parts if part.named]
    if not named:
        return Part(column=name, value=found.total, named=chance < ALPHA)
    top = named[0]
    return Part(
        column=name, label=top.label, before=top.before, now=top.now, value=found.total, where=top.where,
        named=chance < ALPHA,
    )  # fmt: skip


def _psi(p: Array, q: Array) -> Array:
    a, b = divergence.shares(*(np.where((side == 0) & (p + q > 0), 0.5, side) for side in (p, q)))
    with np.errstate(all="ignore"):
        return np.asarray(np.nan_to_num((a - b) * np.log(a / b)))


def _jensen_shannon(p: Array, q: Array) -> Array:
    a, b = divergence.shares(p, q)
    entropy = divergence.scipy("special").rel_entr
    return np.asarray(entropy(a, (a + b) / 2) + entropy(b, (a + b) / 2))


def _hellinger(p: Array, q: Array) -> Array:
    a, b = divergence.shares(p, q)
    return np.asarray((np.sqrt(a) - np.sqrt(b)) ** 2)


def _chi_square(p: Array, q: Array) -> Array:
    a, b = divergence.shares(p, q)
    return np.asarray((a - b) ** 2 / np.maximum(p + q, 1))


_TERMS: Mapping[str, Terms] = {
    "psi": _psi, "jensen_shannon": _jensen_shannon, "hellinger": _hellinger, "chi_square": _chi_square,
}  # fmt: skip
