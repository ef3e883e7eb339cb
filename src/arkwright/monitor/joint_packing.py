"""What columns do together as bytes, of a reference and of a slot."""

from typing import Annotated

import msgspec
import numpy as np

from arkwright.measures.evaluation import Array
from arkwright.measures.features import PAIRS, Features
from arkwright.measures.moments import SIZE, Moments
from arkwright.measures.trail import Trail
from arkwright.monitor.joint import Joint, Together

_UPPER = np.triu_indices(SIZE)  # products are the same on both sides of the diagonal
_Weight = Annotated[int, msgspec.Meta(ge=0)]


class PackedMoments(msgspec.Struct, array_like=True):
    """In parts that add up: one of them, or two halves as they were kept before."""

    rows: tuple[_Weight, ...]
    squares: tuple[_Weight, ...]
    sums: bytes
    products: bytes


class PackedTogether(msgspec.Struct, array_like=True):
    moments: PackedMoments
    minutes: bytes
    rows: bytes
    levels: bytes


class PackedJoint(msgspec.Struct, array_like=True):
    moments: PackedMoments
    numbers: tuple[str, ...]
    words: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    standard: bytes  # the numbers' centres and scales, the words' shares
    frequencies: bytes


def pack_joint(given: Joint) -> PackedJoint:
    known = given.features
    standard = np.concatenate([known.centres, known.scales, known.shares])
    return PackedJoint(
        _pack_moments(given.moments),
        known.numbers,
        known.words,
        known.values,
        standard.astype("<f8").tobytes(),
        known.frequencies.astype("<f8").tobytes(),
    )


def unpack_joint(told: PackedJoint) -> Joint:
    """Raises ValueError for what does not fit together."""
    a, b = len(told.numbers), len(told.words)
    standard = _floats(told.standard)
    dimensions = 2 * a + sum(len(values) + 2 for values in told.values)
    if len(standard) != 2 * a + b or len(told.values) != b or not (standard[a : 2 * a] > 0).all():
        raise ValueError("its columns are not all standardised")
    known = Features(
        numbers=told.numbers,
        centres=standard[:a],
        scales=standard[a : 2 * a],
        words=told.words,
        values=told.values,
        shares=standard[2 * a :],
        frequencies=_floats(told.frequencies).reshape(dimensions, PAIRS),
    )
    return Joint(known, _unpack_moments(told.moments))


def pack_together(given: Together) -> PackedTogether:
    went = given.trail
    return PackedTogether(_pack_moments(given.moments), *map(_narrow, (went.minutes, went.rows, went.sums)))


def unpack_together(told: PackedTogether, reference: Joint) -> Together:
    """Raises ValueError for what does not fit the reference."""
    columns = reference.features.columns
    minutes, rows, levels = map(_whole, (told.minutes, told.rows, told.levels))
    shape = len(minutes), len(columns)
    went = Trail(columns, minutes, rows.reshape(shape), levels.reshape(shape))
    return Together(_unpack_moments(told.moments), went)


def _pack_moments(given: Moments) -> PackedMoments:
    return PackedMoments((given.rows,), (given.squares,), _narrow(given.sums), _narrow(given.products[_UPPER]))


def _unpack_moments(told: PackedMoments) -> Moments:
    """Raises ValueError for parts that are not all there."""
    parts = len(told.rows)
    sums, upper = _whole(told.sums).reshape(parts, SIZE), _whole(told.products).reshape(parts, len(_UPPER[0]))
    if len(told.squares) != parts:
        raise ValueError(f"its squares are of {len(told.squares)} parts, its rows of {parts}")
    products = np.zeros((SIZE, SIZE), np.int64)
    products[_UPPER] = products.T[_UPPER] = upper.sum(axis=0)
    return Moments(sum(told.rows), sum(told.squares), sums.sum(axis=0), products)


def _narrow(given: Array) -> bytes:
    """All first bytes of eight, then all second ones: the high ones are alike, and are compressed to nothing."""
    return given.astype("<i8").ravel().view(np.uint8).reshape(-1, 8).T.tobytes()


def _whole(data: bytes) -> Array:
    return np.frombuffer(data, np.uint8).reshape(8, -1).T.copy().view("<i8").ravel().astype(np.int64)


def _floats(data: bytes) -> Array:
    found = np.frombuffer(data, "<f8")
    if not np.isfinite(found).all():
        raise ValueError("a number is not finite")
    return found
