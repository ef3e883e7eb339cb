"""JSON lines: one object a line, decoded a megabyte at a time; a line that is none is a bad row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.rows import Field
from arkwright.data.batch import Bad, Batch
from arkwright.data.readers.streams import Unpacked, check_text, unpacked

BLOCK = 1 << 20  # bytes decoded at a time
LONGEST = 4 << 20  # bytes of a line
_MOST_KEYS = 10_000
_BOM = b"\xef\xbb\xbf"
_JSON = msgspec.json.Decoder()


@dataclass(frozen=True)
class JsonReader:
    """One file of JSON lines, packed or not. Row numbers are line numbers; blank lines are no rows."""

    path: Path
    what: str
    sparse = True  # a line may leave out what is null

    def names(self) -> tuple[str, ...]:
        return self._names

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The keys in the first megabyte. Raises Invalid when that is no text in UTF-8."""
        with unpacked(self.path, self.what) as stream:
            _, lines = next(_blocks(stream, self.what), (1, b""))
        check_text(lines, self.what)
        found, _, _ = _decode(lines.removeprefix(_BOM), 1)
        return tuple(dict.fromkeys(key for row in found for key in row))

    def fields(self) -> tuple[Field, ...] | None:
        return None

    def batches(self, wanted: Sequence[str] | None) -> Iterator[Batch]:
        """Raises Invalid for a line longer than 4 MiB, or for more than 10,000 keys."""
        with unpacked(self.path, self.what) as stream:
            for first, lines in _blocks(stream, self.what):
                found, numbers, bad = _decode(lines.removeprefix(_BOM) if first == 1 else lines, first)
                names = tuple(dict.fromkeys(key for row in found for key in row)) if wanted is None else wanted
                if len(names) > _MOST_KEYS:
                    raise Invalid(f"{self.what}: more than {_MOST_KEYS} different keys; keys are columns, not values")
                cells = {name: [row.get(name) for row in found] for name in names}
                yield Batch("object", cells, numbers, bad, found)


def _blocks(stream: Unpacked, what: str) -> Iterator[tuple[int, bytes]]:
    """Whole lines, and the number of the first of them."""
    first, rest = 1, b""
    while data := stream.read(BLOCK):
        lines, newline, after = data.rpartition(b"\n")
        if newline:
            yield first, rest + lines
            first += lines.count(b"\n") + rest.count(b"\n") + 1
            rest = after
        else:
            rest += data
        if len(rest) > LONGEST:
            raise Invalid(
                f"{what}: line {first} is longer than {LONGEST >> 20} MiB; is it JSON lines, one object a line?"
            )
    if rest:
        yield first, rest


def _decode(lines: bytes, first: int) -> tuple[list[dict[str, Any]], Any, list[Bad]]:
    """The objects of some lines, their line numbers, and the lines that hold none."""
    count = lines.count(b"\n") + 1
    try:
        found = _JSON.decode_lines(lines)
    except (msgspec.DecodeError, RecursionError):
        found = []
    if len(found) == count and set(map(type, found)) == {dict}:
        return found, np.arange(first, first + count), []
    return _one_by_one(lines, first)


def _one_by_one(lines: bytes, first: int) -> tuple[list[dict[str, Any]], Any, list[Bad]]:
    rows, numbers, bad = [], [], []
    for number, line in enumerate(lines.split(b"\n"), first):
        if not line.strip():
            continue
        row, says, detail = _object(line)
        if row is None:
            bad.append(Bad(number, says, f"{says}{detail}", line.decode("utf-8", "backslashreplace")))
        else:
            rows.append(row)
            numbers.append(number)
    return rows, np.array(numbers, np.int64), bad


def _object(line: bytes) -> tuple[dict[str, Any] | None, str, str]:
    """The object of one line, or why there is none."""
    try:
        row = _JSON.decode(line)
    except RecursionError:
        return None, "the line is nested too deeply", ""
    except msgspec.DecodeError as error:
        if str(error).startswith("Invalid UTF-8"):
            return None, "the line is not UTF-8", ""
        return None, "the line is not JSON", f": {str(error)[:200]}"
    if not isinstance(row, dict):
        return None, "the line is not a JSON object", f" but {type(row).__name__}"
    return row, "", ""
