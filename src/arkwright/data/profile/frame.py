"""A dataset in numbers: for each column what it holds, how it is spread, and what looks odd.

One column at a time is decoded and sorted; quantiles, histogram, different and frequent values are read off the order.
Of more rows than `KEPT`, a random sample is sorted instead; counts, range, mean and deviation are always of all rows.
"""

from pathlib import Path

import numpy as np

from arkwright.core import arrow_arrays
from arkwright.data.profile.numbers import NumberProfile
from arkwright.data.profile.texts import TextProfile
from arkwright.data.profile.types import ColumnProfile, Profile
from arkwright.data.scan.files import Scan
from arkwright.data.scan.values import Values

KEPT = 8_000_000  # values sorted at once: 64 MB


def profile(path: Path, *, kept: int = KEPT) -> Profile:
    """Profile one Parquet file of any size. Raises Corrupt when it cannot be read, Invalid for a column named twice."""
    scan = Scan([path], {}, trusted=False)
    stride = -(-scan.rows // kept) or 1
    columns = tuple(_column(scan, name, stride) for name in scan.kinds)
    sampled = -(-scan.rows // stride) if stride > 1 else None
    return Profile(rows=scan.rows, sampled=sampled, bytes=path.stat().st_size, columns=columns)


def _column(scan: Scan, name: str, stride: int) -> ColumnProfile:
    kind = scan.kinds[name]
    tally: NumberProfile | TextProfile
    if kind in ("int", "float", "bool", "date", "datetime"):
        tally = NumberProfile(name, kind, scan.unit(name), stride)
    elif kind in ("str", "bytes"):
        tally = TextProfile(name, kind, stride)
    else:
        nulls = sum(batch.column(0).null_count for batch in scan.batches([name]))
        return ColumnProfile(name=name, type=kind, nulls=nulls, hints=("not a plain column",))
    rng = np.random.default_rng(0)
    for batch in scan.batches([name]):
        values = Values(batch.column(name), scan.kind(name))
        tally.add(values, values if stride == 1 else _sample(values, stride, rng))
    return tally.finish()


def _sample(values: Values, stride: int, rng: np.random.Generator) -> Values:
    """One row of every `stride`, at random."""
    at = np.arange(0, len(values), stride)
    at = np.minimum(at + rng.integers(0, stride, len(at)), len(values) - 1)
    return Values(values.array.take(arrow_arrays.integers(at)), values.kind)
