"""A loss model and the sums of its losses as plain data."""

from collections.abc import Mapping

import msgspec
import numpy as np

from arkwright.measures.evaluation import Array
from arkwright.measures.losses import OFF, Losses
from arkwright.monitor.binned import Binned
from arkwright.monitor.loss_model import LossModel

LARGEST = 1000.0  # of a logarithm


class Column(msgspec.Struct, array_like=True):
    """Numbers are eight bytes each, the least one first."""

    knots: bytes | None
    values: tuple[str, ...]
    adds: bytes


class Packed(msgspec.Struct):
    base: bytes
    columns: dict[str, Column]
    most: bytes
    kurtosis: float


def model(made: LossModel) -> Packed:
    columns = {
        name: Column(None if one.knots is None else _bytes(one.knots), one.values, _bytes(made.adds[name]))
        for name, one in made.columns.items()
    }
    return Packed(_bytes(made.base), columns, _bytes(made.most), made.kurtosis)


def to_model(told: Packed) -> LossModel:
    """Raises ValueError for what is no loss model."""
    base = _logarithms(told.base).reshape(2, -1)
    columns, adds = {}, {}
    for name, one in told.columns.items():
        columns[name] = Binned(None if one.knots is None else _floats(one.knots), one.values)
        adds[name] = _logarithms(one.adds).reshape(columns[name].size, *base.shape)
    most = _floats(told.most).reshape(2)
    if base.shape[1] < 3 or not (most > 0).all() or not 0 <= told.kurtosis < np.inf:
        raise ValueError("a loss model says nothing of how sure it is")
    return LossModel(base, columns, adds, most, told.kurtosis)


def sums(losses: Losses | None) -> dict[str, bytes]:
    return {name: _bytes(one) for name, one in losses.sums.items()} if losses else {}


def to_sums(told: Mapping[str, bytes], made: LossModel | None) -> Losses | None:
    """Raises ValueError for what are no sums of this model's losses."""
    if made is None or not told:
        return None
    return Losses({name: _floats(one).reshape(2, OFF - 1 + made.base.shape[1]) for name, one in told.items()})


def _bytes(given: Array) -> bytes:
    return given.astype("<f8").tobytes()


def _floats(given: bytes) -> Array:
    found = np.frombuffer(given, "<f8")
    if np.isnan(found).any():
        raise ValueError("a number is missing")
    return found


def _logarithms(given: bytes) -> Array:
    found = _floats(given)
    if (np.abs(found) > LARGEST).any():
        raise ValueError("an error is too large for a number")
    return found
