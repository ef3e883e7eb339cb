"""Arrow IPC streams from strangers, read into numpy without native code that trusts them (Arrow columnar format 1.5).

Flat columns of numbers, texts, bytes, dates and times, dictionaries of these, in streams of version 5, little-endian
and without buffer compression. Every offset, length and count is checked before it is used, so the worst a stream can
do is to be refused. What is read is at most `MOST_CELLS` cells, and no text is read twice.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from arkwright.serve.model.arrow.flatbuffer import Malformed, Table, root
from arkwright.serve.model.arrow.types import Bytes, Kind, kind_of
from arkwright.serve.model.slices import filled, slices
from arkwright.serve.model.tensors import Array

MOST_CELLS = 2**24  # rows times columns
MOST_MESSAGES = 4096
_CONTINUES = 0xFFFFFFFF
_V5 = 4
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one column, (rows,), and where they are missing; what stands there is anything."""

    kind: Kind
    values: Array
    missing: Array | None


@dataclass(frozen=True, slots=True)
class Named:
    """One field of the stream's schema; `dictionary` is the id of the dictionary its values are in, if they are."""

    name: str
    kind: Kind
    dictionary: int | None
    index: Kind | None


@dataclass(slots=True)
class Stream:
    """A stream whose frame was checked, its buffers not yet looked at."""

    fields: tuple[Named, ...] = ()
    rows: int = 0
    batches: list[tuple["Batch", dict[int, "Batch"]]] = field(default_factory=list)
    known: dict[int, Column] = field(default_factory=dict)  # dictionaries, each read once for all batches

    def columns(self) -> dict[str, Column]:
        """Every column by its name. Raises Malformed for buffers that cannot hold what the schema says."""
        whole = [self._read(batch, dictionaries) for batch, dictionaries in self.batches]
        return {f.name: _joined([part[i] for part in whole], f.kind) for i, f in enumerate(self.fields)}

    def _read(self, batch: "Batch", dictionaries: dict[int, "Batch"]) -> list[Column]:
        taken, found = batch.cursor(), []
        for one in self.fields:
            if one.index is None:
                found.append(taken.column(one.kind))
                continue
            indices = taken.column(one.index)
            found.append(_looked_up(indices, self._dictionary(one, dictionaries), one))
        taken.end()
        return found

    def _dictionary(self, one: Named, dictionaries: dict[int, "Batch"]) -> Column:
        if one.dictionary not in dictionaries:
            raise Malformed(f"the dictionary of {one.name!r} is missing")
        batch = dictionaries[one.dictionary]
        if id(batch) not in self.known:
            cursor = batch.cursor()
            self.known[id(batch)] = cursor.column(one.kind)
            cursor.end()
        return self.known[id(batch)]


@dataclass(frozen=True, slots=True)
class Batch:
    """A record batch: its head, and the bytes that its buffers are in."""

    head: Table
    body: memoryview
    rows: int

    def cursor(self) -> "_Cursor":
        nodes, buffers, views = (self.head.vector(i, size) for i, size in ((1, 16), (2, 16), (4, 8)))
        return _Cursor(self, _pairs(self.head, nodes), _pairs(self.head, buffers), _numbers(self.head, views))


@dataclass(slots=True)
class _Cursor:
    """Takes the columns of a batch one after the other."""

    batch: Batch
    nodes: list[tuple[int, int]]
    buffers: list[tuple[int, int]]
    views: list[int]
    at: int = 0  # where the last buffer ended: overlapping ones could ask for any amount of memory

    def column(self, kind: Kind) -> Column:
        if not self.nodes:
            raise Malformed("a batch has fewer columns than its schema")
        rows, nulls = self.nodes.pop(0)
        if rows != self.batch.rows or not 0 <= nulls <= rows:
            raise Malformed("a column has another number of rows than its batch")
        if kind.layout == "null":
            return Column(kind, np.zeros(rows), np.ones(rows, bool))
        missing = _missing(self.buffer(), rows, nulls)
        buffers = [self.buffer() for _ in range(kind.buffers)]
        if kind.layout == "view":
            count = self.views.pop(0) if self.views else -1
            if not 0 <= count <= len(self.buffers):
                raise Malformed("a column of views has no such buffers")
            buffers += [self.buffer() for _ in range(count)]
        return Column(kind, kind.read(buffers, rows, missing), missing)

    def buffer(self) -> Bytes:
        if not self.buffers:
            raise Malformed("a batch has fewer buffers than its columns need")
        start, length = self.buffers.pop(0)
        if not length:
            return self.batch.body[:0]
        if start < self.at or length < 0 or start + length > len(self.batch.body):
            raise Malformed("a buffer lies outside its message, or on another one")
        self.at = start + length
        return self.batch.body[start : start + length]

    def end(self) -> None:
        if self.nodes or self.buffers:
            raise Malformed("a batch has more columns than its schema")


def read(body: bytes, most_fields: int) -> Stream:
    """The frame of a stream of at most `most_fields` columns. Raises Malformed."""
    stream, dictionaries, cells = Stream(), dict[int, Batch](), 0
    encoded: dict[int | None, Kind] = {}
    for count, (kind, head, data) in enumerate(_messages(memoryview(body))):
        if count >= MOST_MESSAGES:
            raise Malformed(f"it has more than {MOST_MESSAGES} batches; write larger ones")
        if (kind == _SCHEMA) != (count == 0):
            raise Malformed("it must begin with its schema, and have one")
        if kind == _SCHEMA:
            stream.fields = _schema(head, most_fields)
            encoded = _encoded(stream.fields)
        elif kind == _DICTIONARY:
            found, inner = head.number(0, "q"), head.table(1)
            if inner is None or found not in encoded or head.number(2, "?"):
                raise Malformed("a dictionary is of no column, or only a part of one")
            batch = _batch(inner, data)
            cells += batch.rows
            dictionaries = dictionaries | {found: batch}
        elif kind == _BATCH:
            batch = _batch(head, data)
            stream.rows += batch.rows
            cells += batch.rows * max(len(stream.fields), 1)
            stream.batches.append((batch, dictionaries))
        else:
            raise Malformed("it holds tensors; send record batches")
        if cells > MOST_CELLS:
            raise Malformed(f"it has more than {MOST_CELLS} cells; send fewer rows at once")
    if not stream.fields:
        raise Malformed("it has no columns")
    return stream


def _messages(body: memoryview) -> Any:
    """(kind, head, bytes of the body) of each message, to the end-of-stream marker or the end of the bytes."""
    if bytes(body[:6]) == b"ARROW1":
        raise Malformed("it is an Arrow file; send the stream format")
    at = 0
    while at < len(body):
        if at + 8 > len(body):
            raise Malformed("it is cut off")
        mark, size = struct.unpack_from("<II", body, at)
        if mark != _CONTINUES:
            raise Malformed("a message does not begin with its mark")
        at += 8
        if not size:
            if at != len(body):
                raise Malformed("bytes follow behind its end")
            return
        if size > len(body) - at:
            raise Malformed("it is cut off")
        message = root(body[at : at + size])
        at += size
        length, head = message.number(3, "q"), message.table(2)
        if message.number(0, "h") != _V5 or head is None:
            raise Malformed("it is of another version than 5")
        if not 0 <= length <= len(body) - at:
            raise Malformed("it is cut off")
        yield message.number(1, "B"), head, body[at : at + length]
        at += length


def _schema(head: Table, most: int) -> tuple[Named, ...]:
    if head.number(0, "h"):
        raise Malformed("it is big-endian")
    found = []
    for one in head.tables(1, most):
        encoded, index = one.table(4), None
        if encoded is not None:
            index = kind_of("the index of a dictionary", 2, encoded.table(1), 0)
        kind = kind_of(one.text(0), one.number(2, "B"), one.table(3), one.vector(5, 4)[1])
        found.append(Named(one.text(0), kind, encoded.number(0, "q") if encoded is not None else None, index))
    return tuple(found)


def _encoded(fields: Sequence[Named]) -> dict[int | None, Kind]:
    """Dictionary -> the type of its values."""
    found: dict[int | None, Kind] = {}
    for one in fields:
        if one.index is not None and found.setdefault(one.dictionary, one.kind) != one.kind:
            raise Malformed("two columns of different types have one dictionary")
    return found


def _batch(head: Table, body: memoryview) -> Batch:
    if head.table(3) is not None:
        raise Malformed("its buffers are compressed; send them as they are, or the whole body with Content-Encoding")
    rows = head.number(0, "q")
    if rows < 0:
        raise Malformed("a batch has a negative number of rows")
    return Batch(head, body, rows)


def _numbers(head: Table, where: tuple[int, int]) -> list[int]:
    start, count = where
    return list(struct.unpack_from(f"<{count}q", head.data, start))


def _pairs(head: Table, where: tuple[int, int]) -> list[tuple[int, int]]:
    flat = _numbers(head, (where[0], 2 * where[1]))
    return list(zip(flat[::2], flat[1::2], strict=True))


def _missing(bits: Bytes, rows: int, nulls: int) -> Array | None:
    if not len(bits):
        if nulls:
            raise Malformed("a column says that values are missing, and not which")
        return None
    if len(bits) * 8 < rows:
        raise Malformed("a column has fewer marks for missing values than rows")
    missing: Array = np.unpackbits(np.frombuffer(bits, np.uint8), count=rows, bitorder="little") == 0
    if int(missing.sum()) != nulls:
        raise Malformed("a column counts its missing values wrongly")
    return missing if nulls else None


def _looked_up(indices: Column, dictionary: Column, one: Named) -> Column:
    """The values that indices mean."""
    places, missing = indices.values, indices.missing
    present = places if missing is None else places[~missing]
    if len(present) and not (int(present.min()) >= 0 and int(present.max()) < len(dictionary.values)):
        raise Malformed(f"an index of {one.name!r} is beyond its dictionary")
    if not len(present):
        return Column(one.kind, one.kind.nothing(len(places)), missing)
    if missing is not None:
        places = np.where(missing, 0, places)
    places = places.astype(np.int64)
    if dictionary.missing is not None:
        within = dictionary.missing[places]
        missing = within if missing is None else missing | within
    values = dictionary.values
    return Column(one.kind, filled(len(places), values.dtype, lambda part: values[places[part]]), missing)


def _joined(parts: Sequence[Column], kind: Kind) -> Column:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Column(kind, kind.nothing(0), None)
    missing = None
    if any(part.missing is not None for part in parts):
        missing = np.concatenate([np.zeros(len(p.values), bool) if p.missing is None else p.missing for p in parts])
    dtype = np.result_type(*(part.values.dtype for part in parts))
    values: Array = np.empty(sum(len(part.values) for part in parts), dtype)
    at = 0
    for part in parts:
        for some in slices(len(part.values)):
            values[at + some.start : at + some.stop] = part.values[some]
        at += len(part.values)
    return Column(kind, values, missing)
