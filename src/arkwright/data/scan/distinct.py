"""How many different rows there are, exactly.

Whole numbers and dates whose range is known are numbered through; a dense numbering is ticked off in a table. Other
single columns are sorted by their bits, other combinations by 64-bit fingerprints. Only where two fingerprints are
equal are the rows themselves compared, in another pass, so a collision never gives a wrong count.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from arkwright.core import arrow_arrays
from arkwright.data.scan.hash import bits, fingerprints
from arkwright.data.scan.values import Array, Values, sorted_unique

Span = tuple[int, int]
SORTED = 1 << 24  # codes sorted at once; more rows take more passes
_TABLE = 1 << 26
_PACKED = 1 << 62
_MERGE = 1 << 20
_ODD = np.uint64(0x9E3779B97F4A7C15)


class DistinctRows:
    """Distinct combinations of `columns` among `rows` rows; a null is a value like any other.

    `spans`: what the file says of each column's smallest and largest value, or None. It is checked, not believed.
    """

    def __init__(
        self, columns: Sequence[str], rows: int, spans: Sequence[Span | None], *, text: bool, limit: int = SORTED
    ) -> None:
        self.columns = tuple(columns)
        self._rows, self._limit, self._text = rows, limit, text
        known = [span for span in spans if span is not None]
        self._packing = Packing(self.columns, known) if len(known) == len(self.columns) else None
        if self._packing and self._packing.size >= _PACKED:
            self._packing = None
        self._start()

    def _start(self) -> None:
        size = self._packing.size if self._packing else 0
        self._table = np.zeros(size, dtype=bool) if 0 < size <= _TABLE else None
        self._exact = self._packing is not None or (len(self.columns) == 1 and not self._text)
        self._sorted = Sorted(self._rows, self._limit)
        self._twice: list[Array] = []
        self._suspects: Suspects | None = None
        self._different = self._null = 0
        self._misled = False

    def add(self, batch: Mapping[str, Values]) -> None:
        if self._suspects is not None:
            self._suspects.add([batch[column] for column in self.columns])
        elif not self._misled:
            self._codes(batch)

    def settled(self) -> bool:
        """Whether the count is known; otherwise another pass has been prepared."""
        if self._misled:
            self._packing = None
            self._start()
            return False
        if self._suspects is not None or self._table is not None:
            return True
        different, twice = self._sorted.count()
        self._different += different
        if not self._exact:
            self._twice.append(twice)
        if self._sorted.next():
            return False
        twice = np.sort(np.concatenate(self._twice)) if self._twice else np.empty(0, np.uint64)
        if not len(twice):
            return True
        self._different -= len(twice)
        self._suspects = Suspects(twice)
        return False

    def value(self) -> int:
        if self._table is not None:
            return int(np.count_nonzero(self._table))
        return self._different + self._null + (self._suspects.count() if self._suspects else 0)

    def _codes(self, batch: Mapping[str, Values]) -> None:
        if self._packing:
            codes = self._packing.codes(batch)
            if codes is None:
                self._misled = True
            elif self._table is not None:
                self._table[codes] = True
            else:
                self._sorted.add(codes.view(np.uint64))
        elif self._exact:
            values = batch[self.columns[0]]
            self._null = max(self._null, int(values.nulls > 0))
            self._sorted.add(bits(values))
        else:
            self._sorted.add(fingerprints([batch[column] for column in self.columns]))


class Packing:
    """Numbers each combination of whole numbers in known ranges: a mixed-radix number with 0 for null."""

    def __init__(self, columns: Sequence[str], spans: Sequence[Span]) -> None:
        self._spans = dict(zip(columns, spans, strict=True))
        self.size = 1
        for low, high in spans:
            self.size *= high - low + 2

    def codes(self, batch: Mapping[str, Values]) -> Array | None:
        """(rows,) int64 below `size`; None when a value lies outside its range."""
        total: Array | None = None
        for column, (low, high) in self._spans.items():
            values = batch[column]
            numbers = values.numbers
            if len(numbers) and (int(numbers.min()) < low or int(numbers.max()) > high):
                return None
            code = numbers.astype(np.int64) - (low - 1)
            if values.present is not None:
                spread = np.zeros(len(values), np.int64)
                spread[values.present] = code
                code = spread
            total = code if total is None else total * (high - low + 2) + code
        return total


class Sorted:
    """Counts different 64-bit codes by sorting them, a share of them per pass when there are many."""

    def __init__(self, rows: int, limit: int) -> None:
        self._passes = -(-rows // limit) or 1
        self._pass = 0
        self._kept: list[Array] = []

    def add(self, codes: Array) -> None:
        if self._passes > 1:
            codes = codes[((codes * _ODD) >> np.uint64(40)) % np.uint64(self._passes) == self._pass]
        self._kept.append(codes)

    def count(self) -> tuple[int, Array]:
        """How many different codes this pass held, and those that occurred more than once."""
        if not self._kept:
            return 0, np.empty(0, np.uint64)
        codes = np.concatenate(self._kept)
        self._kept = []
        codes.sort()
        again = codes[1:] == codes[:-1]
        return len(codes) - int(np.count_nonzero(again)), sorted_unique(codes[1:][again])

    def next(self) -> bool:
        """Go on to the next share, if there is one."""
        self._pass += 1
        return self._pass < self._passes


class Suspects:
    """Rows whose fingerprint occurs more than once, compared themselves."""

    def __init__(self, twice: Array) -> None:
        self._twice = twice
        self._rows: list[pa.Table] = []
        self._pending = 0

    def add(self, columns: Sequence[Values]) -> None:
        found = fingerprints(columns)
        at = np.minimum(np.searchsorted(self._twice, found), len(self._twice) - 1)
        chosen = arrow_arrays.flags(self._twice[at] == found)
        rows = pa.table({str(i): _comparable(values).filter(chosen) for i, values in enumerate(columns)})
        self._rows.append(rows)
        self._pending += len(rows)
        if self._pending > _MERGE:
            self._merge()

    def count(self) -> int:
        self._merge()
        return len(self._rows[0])

    def _merge(self) -> None:
        rows = pa.concat_tables(self._rows)
        self._rows = [rows.group_by(rows.column_names, use_threads=False).aggregate([])]
        self._pending = 0


def _comparable(values: Values) -> pa.Array:
    """Equal where our rule says equal: NaN is null, 0.0 is -0.0; text is decoded."""
    if values.kind == "float":
        floats = arrow_arrays.numbers(values.array).astype(np.float64) + 0.0
        return arrow_arrays.floats(floats, values.present)
    if values.kind in ("str", "bytes"):
        return values.array.cast(pa.large_string() if values.kind == "str" else pa.large_binary())
    return values.array
