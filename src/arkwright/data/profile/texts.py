"""The profile of a column of text or bytes, from how often each different value occurs."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.data.profile.hints import common_hints, text_hints
from arkwright.data.profile.types import ColumnProfile, Frequent
from arkwright.data.scan.texts import TextCounts
from arkwright.data.scan.values import Array, Values

TOP = 5
_LOOKED_AT = 2000  # different values, the most frequent, that hints look at
_SHOWN = 80


class TextProfile:
    """Takes a column batch by batch. `stride`: rows per sampled row."""

    def __init__(self, name: str, kind: str, stride: int) -> None:
        self._name, self._kind, self._stride = name, kind, stride
        self._rows = self._nulls = 0
        self._counts = TextCounts(pa.large_string() if kind == "str" else pa.large_binary())

    def add(self, values: Values, sample: Values) -> None:
        self._rows += len(values)
        self._nulls += values.nulls
        self._counts.add(sample)

    def finish(self) -> ColumnProfile:
        values, counts = self._counts.merge()
        best = _largest(counts, _LOOKED_AT)
        shown = [_shown(values[int(i)].as_py()) for i in best]
        hints = common_hints(self._rows, self._nulls, counts, identifier=True)
        if self._kind == "str" and len(best):
            hints += text_hints([values[int(i)].as_py() for i in best], counts[best])
        repeated = len(counts) and int(counts.max()) > 1
        ends = pc.min_max(values) if len(values) else None
        length = pc.utf8_length if self._kind == "str" else pc.binary_length
        return ColumnProfile(
            name=self._name,
            type=self._kind,
            nulls=self._nulls,
            distinct=len(values),
            smallest=_shown(ends["min"].as_py()) if ends else None,
            largest=_shown(ends["max"].as_py()) if ends else None,
            longest=pc.max(length(values)).as_py(),
            frequent=tuple(
                Frequent(value=text, rows=int(counts[i]) * self._stride)
                for text, i in zip(shown[:TOP], best[:TOP], strict=True)
            )
            if repeated
            else (),
            hints=tuple(hints),
        )


def _largest(counts: Array, how_many: int) -> Array:
    """Indices of the largest counts, largest first."""
    if len(counts) > how_many:
        some = np.argpartition(-counts, how_many)[:how_many]
        return np.asarray(some[np.argsort(-counts[some], kind="stable")])
    return np.argsort(-counts, kind="stable")


def _shown(value: str | bytes) -> str:
    text = value if isinstance(value, str) else value[:_SHOWN].hex()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
