"""CSV (RFC 4180): every cell is a text here, read in blocks; types come later, so that no guess loses a row."""

import csv
import io
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from arkwright.core.errors import Invalid
from arkwright.core.rows import Field
from arkwright.data.batch import Bad, Batch, Rows, require_unique
from arkwright.data.cells.escape import Escaped, unescape
from arkwright.data.readers.streams import Unpacked, check_text, unpacked

BLOCK = 4 << 20  # bytes; no row may be longer
ROWS = 16_384
MOST = 500_000  # ragged rows kept in memory: Arrow hands out nothing before the next good row
_BOM = b"\xef\xbb\xbf"
_RAGGED = "has more or fewer values than there are columns"


@dataclass(frozen=True)
class CsvReader:
    """One file of text, packed or not. Blank lines are no rows; a row of another length is a bad row."""

    path: Path
    what: str
    null: tuple[str, ...]
    delimiter: str = ","
    sparse = False

    def names(self) -> tuple[str, ...]:
        return self._header

    def fields(self) -> tuple[Field, ...] | None:
        return None

    @cached_property
    def _header(self) -> tuple[str, ...]:
        """Raises Invalid when there is none, it is not UTF-8, or a name occurs twice."""
        with unpacked(self.path, self.what) as stream:
            head = _head(stream, BLOCK)
        check_text(head, self.what)
        text = io.StringIO(head.removeprefix(_BOM).decode("utf-8", "surrogateescape"), newline="")
        try:
            names = next((row for row in csv.reader(text, delimiter=self.delimiter) if row), [])
        except csv.Error as error:
            raise Invalid(f"{self.what}: its first line is no list of column names: {error}") from None
        _check_header(names, self.what)
        return tuple(names)

    def batches(self, wanted: Sequence[str] | None) -> Iterator[Batch]:  # noqa: ARG002 - a bad row is kept whole
        """Every column as binary. Raises Invalid for a row longer than 4 MiB or a quote that is never closed."""
        ragged = _Ragged()
        with unpacked(self.path, self.what) as stream:
            for block in self._blocks(stream, ragged):
                yield from self._batches(block, *ragged.numbered(len(block)))
            if ragged.found:
                yield from self._batches(_no_rows(self._header), *ragged.numbered(0))
            if stream.ends_in_quotes(self.delimiter):
                raise Invalid(f"{self.what}: the last quote is opened and never closed; is the file cut off?")

    def _batches(self, block: pa.RecordBatch, numbers: Rows, bad: list[Bad]) -> Iterator[Batch]:
        """Pieces of a block: if every row in it is bad, each becomes a handful of Python objects."""
        for start in range(0, max(1, len(block)), ROWS):
            piece = block.slice(start, ROWS)
            own = numbers[start : start + ROWS]
            to = bisect(bad, own[-1], key=attrgetter("row")) if start + ROWS < len(block) else len(bad)
            yield Batch("text", dict(zip(self._header, piece.columns, strict=True)), own, bad[:to])
            bad = bad[to:]

    def _blocks(self, stream: Unpacked, skip: "_Ragged") -> Iterator[pa.RecordBatch]:
        try:
            blocks = pacsv.open_csv(
                pa.PythonFile(Escaped(stream), mode="r"),
                read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK),
                parse_options=pacsv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=skip
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(self._header, pa.binary()),
                    null_values=list(self.null),
                    strings_can_be_null=True,
                    check_utf8=False,
                ),
            )
            if tuple(blocks.schema.names) != self._header:
                raise Invalid(f"{self.what}: the quotes in its first line are not paired")
            yield from blocks
        except pa.ArrowInvalid as error:
            said = str(error)
            if skip.gave_up:
                way_out = "is the first line the header, and the comma the separator?"
                raise Invalid(
                    f"{self.what}: {MOST:,} rows near row {skip.found[-1].row:,} are ragged; {way_out}"
                ) from None
            if "Empty CSV file or block" in said:  # a header and nothing else
                return
            if "straddling" in said:
                longest = f"{BLOCK >> 20} MiB"
                raise Invalid(f"{self.what}: a row is longer than {longest}; is a quote never closed?") from None
            raise Invalid(f"{self.what}: {said.splitlines()[0][:300]}") from None


class _Ragged:
    """Takes the rows that Arrow could not split, and numbers the others around them."""

    def __init__(self) -> None:
        self.found: list[Bad] = []
        self.gave_up = False
        self._skipped: list[int] = []
        self._last = 0

    def __call__(self, row: Any) -> str:
        if len(self.found) == MOST:
            self.gave_up = True
            return "error"
        number = row.number - 1  # the header is row 1
        reason = f"{row.actual_columns} values where there are {row.expected_columns} columns"
        self.found.append(Bad(number, _RAGGED, reason, unescape(row.text)))
        self._skipped.append(number)
        return "skip"

    def numbered(self, count: int) -> tuple[Rows, list[Bad]]:
        """(count,) numbers of the next good rows, and the bad ones found meanwhile."""
        bad, self.found = self.found, []
        if not count:
            return np.empty(0, np.int64), bad
        following = np.arange(self._last + 1, self._last + 1 + count + len(self._skipped))
        numbers = np.setdiff1d(following, self._skipped, assume_unique=True)[:count]
        self._last = int(numbers[-1])
        self._skipped = [number for number in self._skipped if number > self._last]
        return numbers, bad


def _no_rows(names: Sequence[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(0, pa.binary()) for _ in names], list(names))


def _head(stream: Unpacked, size: int) -> bytes:
    """The first bytes: a stream may give fewer than it is asked for."""
    head = b""
    while len(head) < size and (more := stream.read(min(1 << 16, size - len(head)))):
        head += more
        if b"\n" in more or b"\r" in more:
            break
    return head + stream.read(1 << 16)  # a quoted name may hold a line break


def _check_header(names: list[str], what: str) -> None:
    if not names:
        raise Invalid(f"{what} is empty")
    for name in names:
        if any("\udc80" <= letter <= "\udcff" for letter in name):
            raise Invalid(
                f"{what}: its column names are not UTF-8; is it Latin-1? iconv -f LATIN1 -t UTF-8 makes it so"
            )
    for other, shown in ((";", "';'"), ("\t", "tabs (name it .tsv)"), ("|", "'|'")):
        if len(names) == 1 and other in names[0]:
            raise Invalid(f"{what} is separated by {shown}; write it with commas")
    require_unique(names, what)
