"""Counts as bytes: MessagePack, compressed; nothing in it is code. The file `reference.msgpack` of a release is one."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa

from arkwright.core.errors import Corrupt
from arkwright.measures import latencies
from arkwright.measures.evaluation import Array
from arkwright.measures.scores import Scores
from arkwright.measures.sketch import Sketch
from arkwright.monitor import packed_losses
from arkwright.monitor.by_cell_packing import PackedByCell, pack_by_cell, unpack_by_cell
from arkwright.monitor.counting import Counts, Reference
from arkwright.monitor.joint_packing import (
    PackedJoint,
    PackedTogether,
    pack_joint,
    pack_together,
    unpack_joint,
    unpack_together,
)

FILE = "reference.msgpack"
LARGEST = 64 << 20  # bytes of a file, unpacked
_zstd = pa.Codec("zstd", 3)
_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Column(msgspec.Struct, array_like=True):
    counts: bytes  # numbers are eight bytes each, the least one first
    missing: _Count
    low: float
    high: float
    edges: bytes | None = None
    values: tuple[str, ...] = ()


class _Counts(msgspec.Struct):
    rows: _Count
    columns: dict[str, _Column]
    scores: dict[str, bytes] = {}
    joint: PackedTogether | None = None
    losses: dict[str, bytes] = {}
    took: bytes = b""


class _Reference(msgspec.Struct):
    columns: dict[str, _Column]
    groups: tuple[str, ...] = ()
    classes: _Count = 0
    edges: bytes = b""
    means: bytes = b""
    right: dict[str, bytes] = {}
    rows: dict[str, bytes] = {}
    joint: PackedJoint | None = None
    losses: packed_losses.Packed | None = None
    by_cell: PackedByCell | None = None


def save(path: Path, reference: Reference) -> None:
    """Write it; the same reference makes the same bytes."""
    told = _Reference({name: _with_bins(one) for name, one in reference.columns.items()}, reference.groups)
    if reference.judged:
        right, rows = reference.judged
        told.classes, told.edges, told.means = len(rows.edges), _floats(rows.edges), _floats(rows.means)
        told.right, told.rows = _whole(right), _whole(rows)
    told.joint = pack_joint(reference.joint) if reference.joint else None
    told.losses = packed_losses.model(reference.loss_model) if reference.loss_model else None
    told.by_cell = pack_by_cell(reference.by_cell) if reference.by_cell else None
    path.write_bytes(_packed(told))


def load(path: Path) -> Reference:
    """Raises Corrupt for a file that is no reference."""
    try:
        told = msgspec.msgpack.decode(_unpacked(path.read_bytes()), type=_Reference)
        columns = {name: _column(one) for name, one in told.columns.items()}
        joint = unpack_joint(told.joint) if told.joint else None
        losses = packed_losses.to_model(told.losses) if told.losses and not told.classes else None
        edges, means = (np.frombuffer(one, "<f8").reshape(max(1, told.classes), -1) for one in (told.edges, told.means))
        empty = Scores(edges=edges, means=means, counts={}) if told.classes else None
        judged = (_scores(empty, told.right), _scores(empty, told.rows)) if empty else None
        cells = unpack_by_cell(told.by_cell, columns, means.shape, losses) if told.by_cell else None
        return Reference(columns, judged, told.groups, joint, losses, cells)
    except (pa.ArrowException, OSError, ValueError, msgspec.MsgspecError) as error:
        raise Corrupt(f"{path} is no reference of a release: {str(error)[:200]}") from None


def pack(counts: Counts) -> bytes:
    """In few bytes: the bins stand in the reference."""
    columns = {name: _told(one) for name, one in counts.columns.items()}
    scores = _whole(counts.scores) if counts.scores else {}
    together = pack_together(counts.joint) if counts.joint else None
    took = b"" if counts.took is None else counts.took.astype("<i8").tobytes()
    return _packed(_Counts(counts.rows, columns, scores, together, packed_losses.sums(counts.losses), took))


def unpack(data: bytes, reference: Reference) -> Counts:
    """Raises ValueError for bytes that are no counts in these bins."""
    try:
        told = msgspec.msgpack.decode(_unpacked(data), type=_Counts)
    except (pa.ArrowException, OSError, msgspec.MsgspecError) as error:
        raise ValueError(str(error)[:200]) from None
    known = reference.columns
    columns = {name: _in(known[name], one) for name, one in told.columns.items() if name in known}
    scores = _scores(reference.judged[1].empty(), told.scores) if reference.judged and told.scores else None
    joint = unpack_together(told.joint, reference.joint) if told.joint and reference.joint else None
    losses = packed_losses.to_sums(told.losses, reference.loss_model)
    took = _integers(told.took).reshape(latencies.BINS) if told.took else None
    return Counts(told.rows, columns, scores, joint, losses, took)


def _told(one: Sketch) -> _Column:
    return _Column(one.counts.astype("<i8").tobytes(), one.missing, one.low, one.high)


def _with_bins(one: Sketch) -> _Column:
    told = _told(one)
    told.edges, told.values = None if one.edges is None else _floats(one.edges), one.values
    return told


def _column(told: _Column) -> Sketch:
    edges = None if told.edges is None else np.frombuffer(told.edges, "<f8")
    bins = len(told.values) if edges is None else len(edges)
    bare = Sketch(counts=np.zeros(bins + 1, np.int64), edges=edges, values=told.values)
    return _in(bare, told)


def _in(bins: Sketch, told: _Column) -> Sketch:
    counts = _integers(told.counts)
    if len(counts) != len(bins.counts):
        raise ValueError(f"there are {len(counts)} counts for {len(bins.counts)} bins")
    return replace(bins, counts=counts, missing=told.missing, low=told.low, high=told.high)


def _scores(empty: Scores, told: dict[str, bytes]) -> Scores:
    k, b = empty.means.shape
    if empty.edges.shape != (k, b - 1):
        raise ValueError("its scores do not fit their bins")
    return replace(empty, counts={name: _integers(data).reshape(k, 2, b) for name, data in told.items()})


def _whole(scores: Scores) -> dict[str, bytes]:
    return {name: counts.astype("<i8").tobytes() for name, counts in scores.counts.items()}


def _integers(data: bytes) -> Array:
    counts = np.frombuffer(data, "<i8").astype(np.int64)
    if (counts < 0).any():
        raise ValueError("a count is negative")
    return counts


def _floats(given: Array) -> bytes:
    return given.astype("<f8").tobytes()


def _packed(told: object) -> bytes:
    """The size before it was compressed stands first: eight bytes."""
    plain = msgspec.msgpack.encode(told)
    return len(plain).to_bytes(8, "little") + bytes(_zstd.compress(plain, asbytes=True))


def _unpacked(data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "little")
    if size > LARGEST:
        raise ValueError(f"it unpacks to {size} bytes, more than {LARGEST}")
    return bytes(_zstd.decompress(data[8:], size, asbytes=True))
