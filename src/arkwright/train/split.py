"""Which rows are held out: by time, by whole groups, by the hash of a key, or the same share of every class."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.train.hashing import hash_rows

Mask = npt.NDArray[np.bool_]
_MANY_VALUES = 20  # a number with more values than this is stratified by its deciles
_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """`columns`: the time, the group, the key's columns or the target, as `by` says."""

    by: str  # time | group | hash | stratified
    test: float  # share of the rows, between 0 and 1
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`test`: (n,) True for a held-out row. `note`: where the line was drawn, for people."""

    test: Mask
    note: str

    @property
    def train(self) -> Mask:
        return ~self.test


def split(table: pa.Table, how: SplitPlan, seed: int, *, classes: str | None = None) -> Split:
    """Hold rows out. The same table, plan and seed give the same rows on every platform.

    time: the last share by time, as nearly as whole moments give it: no moment is on both sides.
    group: whole groups in the order of a seeded hash, each that brings the share nearer.
    hash: rows whose key hashes below the share, so that a row stays where it is when others come.
    stratified: the share of every class, drawn with the seed; of a number with many values, of every decile.
    `classes`: a column of which at least two values must occur on either side. Raises Unknown for a column that is
    not there, and Invalid when there is too little to split or one side would be empty or of one class.
    """
    if not 0 < how.test < 1:
        raise Invalid(f"the test share is {how.test}; it must be between 0 and 1, such as 0.25")
    for column in (*how.columns, *([classes] if classes else [])):
        if column not in table.column_names:
            raise Unknown(f"the split needs the column {column!r}{did_you_mean(column, table.column_names)}")
    if how.by not in _WAYS:
        raise Unknown(f"no split is called {how.by!r}{did_you_mean(how.by, _WAYS)}")
    if not how.columns:
        raise Invalid(f"a split by {how.by} needs a column; add column = ... to the model's split")
    if table.num_rows < 2:
        raise Invalid(f"there are {table.num_rows} rows, too few to hold some out")
    found = _WAYS[how.by](table, how, seed)
    held = int(found.test.sum())
    if held in (0, table.num_rows):
        side = "no row is" if held == 0 else "every row is"
        raise Invalid(f"{side} held out by this split ({found.note}); choose another column, share or way")
    if classes:
        _check_classes(table.column(classes), found.test, classes)
    return found


def _by_time(table: pa.Table, how: SplitPlan, _seed: int) -> Split:
    name = how.columns[0]
    column = table.column(name)
    if column.null_count:
        raise Invalid(f"{column.null_count} rows have no {name!r}, so they are neither before nor after; filter them")
    times = column.to_numpy()
    if times.dtype == object:
        raise Invalid(f"{name!r} is {column.type}, which is no time; give a date, a time or a number")
    if times.dtype.kind == "f" and np.isnan(times).any():
        raise Invalid(f"{int(np.isnan(times).sum())} rows have no {name!r} (NaN); filter them")
    first = len(times) - max(1, round(len(times) * how.test))
    boundary = np.partition(times, first)[first]
    since, after = np.asarray(times >= boundary, dtype=np.bool_), np.asarray(times > boundary, dtype=np.bool_)
    wanted = how.test * len(times)
    if after.any() and (since.all() or abs(after.sum() - wanted) < abs(since.sum() - wanted)):
        since, boundary = after, times[after].min()
    return Split(test=since, note=f"held out from {name} {boundary} on")


def _by_group(table: pa.Table, how: SplitPlan, seed: int) -> Split:
    hashes = hash_rows(table, how.columns, seed)
    groups, member, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    if len(groups) < 2:
        raise Invalid(f"{', '.join(how.columns)} has one value only; a split by group needs two or more")
    chosen = _nearest(sizes, how.test * table.num_rows)
    note = f"held out {int(chosen.sum())} of {len(groups)} values of {', '.join(how.columns)}"
    return Split(test=np.asarray(chosen[member], dtype=np.bool_), note=note)


def _nearest(sizes: npt.NDArray[np.int64], wanted: float) -> Mask:
    """Which groups to hold out: each, in turn, that brings the rows nearer to `wanted`; never all, never none."""
    chosen = np.asarray(np.cumsum(sizes) <= wanted, dtype=np.bool_)
    gap = wanted - float(sizes[chosen].sum())
    for place in np.flatnonzero(~chosen & (sizes < 2 * gap)):
        if sizes[place] < 2 * gap:
            chosen[place] = True
            gap -= float(sizes[place])
    if not chosen.any():
        chosen[np.argmin(sizes)] = True
    if chosen.all():
        chosen[np.argmin(sizes)] = False
    return chosen


def _by_hash(table: pa.Table, how: SplitPlan, seed: int) -> Split:
    hashes = hash_rows(table, how.columns, seed)
    test = np.asarray(hashes < np.uint64(int(how.test * 2**64)), dtype=np.bool_)
    return Split(test=test, note=f"held out by the hash of {', '.join(how.columns)}")


def _stratified(table: pa.Table, how: SplitPlan, seed: int) -> Split:
    codes = _strata(table.column(how.columns[0]))
    rng = np.random.default_rng(seed)
    test = np.zeros(table.num_rows, dtype=np.bool_)
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        held = min(max(1, round(len(rows) * how.test)), len(rows) - 1)  # a lone row is trained on
        test[rng.permutation(rows)[:held]] = True
    return Split(test=test, note=f"held out {how.test:g} of every {how.columns[0]}")


def _strata(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """A code for each row; a null is a class like any other."""
    encoded = column.dictionary_encode().combine_chunks()
    kind = encoded.dictionary.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if numeric and len(encoded.dictionary) > _MANY_VALUES:
        values = column.cast(pa.float64(), safe=False).to_numpy()
        cuts = np.quantile(values[~np.isnan(values)], np.linspace(0, 1, _BINS + 1)[1:-1], method="lower")
        return np.where(np.isnan(values), -1, np.searchsorted(cuts, values, side="right")).astype(np.int64)
    return np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _check_classes(column: pa.ChunkedArray, test: Mask, name: str) -> None:
    mask = pa.array(test)
    for side, rows in (("held-out", mask), ("training", pc.invert(mask))):
        values = pc.unique(pc.drop_null(column.filter(rows))).to_pylist()
        if len(values) < 2:
            only = f"only {values[0]!r}" if values else "nothing"
            raise Invalid(
                f"the {side} rows hold {only} as {name!r}; a model needs two classes on either side: "
                "split another way or take another share"
            )


_WAYS = {"time": _by_time, "group": _by_group, "hash": _by_hash, "stratified": _stratified}
