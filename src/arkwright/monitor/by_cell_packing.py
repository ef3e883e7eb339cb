"""How well a release answered in each cell of each column, as bytes. The cells themselves follow from the columns."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
import numpy as np

from arkwright.measures.cells import MOST, cells
from arkwright.measures.evaluation import Array
from arkwright.measures.losses import OFF
from arkwright.measures.sketch import Sketch
from arkwright.measures.worse import ERRORS
from arkwright.monitor.by_cell import ByCell
from arkwright.monitor.loss_model import LossModel


class PackedByCell(msgspec.Struct):
    """`bins`: of each column, how many cells it was cut in. Numbers are eight bytes each, the least one first."""

    bins: dict[str, Annotated[int, msgspec.Meta(ge=2, le=MOST)]]
    judged: dict[str, bytes] = {}
    erred: dict[str, bytes] = {}
    expected: dict[str, bytes] = {}


def pack_by_cell(made: ByCell) -> PackedByCell:
    return PackedByCell(
        {name: one.bins for name, one in made.cells.items()},
        {name: one.astype("<i8").tobytes() for name, one in made.judged.items()},
        {name: one.astype("<f8").tobytes() for name, one in made.erred.items()},
        {name: one.astype("<f8").tobytes() for name, one in made.expected.items()},
    )


def unpack_by_cell(
    told: PackedByCell, columns: Mapping[str, Sketch], scores: tuple[int, int], model: LossModel | None
) -> ByCell:
    """`scores`: classes and bins of their probabilities. Raises ValueError for what does not fit the columns."""
    known = {name: cells(name, columns[name], bins) for name, bins in told.bins.items() if name in columns}
    k = model.base.shape[1] if model else 0
    shapes = (2, 0, scores[0], 2, scores[1]), (0, 1 + max(ERRORS.values()), 3), (0, 2, OFF - 1 + k)
    kinds = ("<i8", "<f8", "<f8")
    judged, erred, expected = (
        {name: _read(given, kind, [len(known[name]) if one == 0 else one for one in shape])
         for name, given in of.items() if name in known}
        for of, kind, shape in zip((told.judged, told.erred, told.expected), kinds, shapes, strict=True)
    )  # fmt: skip
    return ByCell(known, judged, erred, expected)


def _read(given: bytes, kind: str, shape: list[int]) -> Array:
    found = np.frombuffer(given, kind).reshape(shape)
    if np.isnan(found).any() or (kind == "<i8" and (found < 0).any()):
        raise ValueError("a count is missing or negative")
    return found
