"""Batches as they were read, into typed batches and bad rows with their reasons."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import arrow
from arkwright.core.arrow_arrays import flags
from arkwright.core.rows import Field
from arkwright.data.batch import Bad, Batch, Cells, to_json
from arkwright.data.cells import limits, object_cells, text_cells, typed_cells
from arkwright.data.cells.fault import Fault, where
from arkwright.data.cells.moments import Zone

_CAST: dict[str, Any] = {"text": text_cells.cast, "typed": typed_cells.cast, "object": object_cells.cast}
MISSING = "is missing"


class Caster:
    """Holds rows against their fields. One for a whole source: a column's kind of time is settled by its first rows."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        self.schema = arrow.schema(field.column for field in self.fields)
        self._zones = {field.name: Zone() for field in self.fields}

    def cast(self, batch: Batch) -> tuple[pa.RecordBatch, list[Bad]]:
        """The rows that fit, in order, and those that do not, each with the first reason in the fields' order."""
        columns, faults = [], []
        for field, target in zip(self.fields, self.schema, strict=True):
            cells, found = self._column(batch, field, target.type)
            columns.append(cells)
            faults += [(field.name, fault) for fault in found if len(fault.rows)]
        bad, wrong = _bad(batch, faults)
        if len(wrong):
            keep = np.ones(len(batch), np.bool_)
            keep[wrong] = False
            columns = [cells.filter(flags(keep)) for cells in columns]
        rows = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        return rows, sorted([*batch.bad, *bad], key=lambda one: one.row)

    def _column(self, batch: Batch, field: Field, kind: pa.DataType) -> tuple[pa.Array, list[Fault]]:
        raw: Cells | None = batch.columns.get(field.name)
        if raw is None:  # a line of JSON may lack what may be missing
            cells, faults = pa.nulls(len(batch), kind), []
        else:
            cells, faults = _CAST[batch.kind](field, raw, self._zones[field.name])
            cells = cells.cast(kind)
        cells, more = limits.usable(cells)
        faults += more
        faults += limits.check(field, cells)
        if not field.nullable and cells.null_count:
            gaps = where(pc.is_null(cells))
            known = np.concatenate([fault.rows for fault in faults]) if faults else gaps[:0]
            faults.append(Fault(np.setdiff1d(gaps, known), MISSING, shows=False))
        return cells, faults


def _bad(batch: Batch, faults: Sequence[tuple[str, Fault]]) -> tuple[list[Bad], Any]:
    """Each bad row once, with its first reason; and their positions."""
    first: dict[int, tuple[str, Fault]] = {}
    for column, fault in faults:
        for row in fault.rows.tolist():
            first.setdefault(row, (column, fault))
    wrong = np.array(sorted(first), np.int64)
    found = []
    for row, raw in zip(wrong.tolist(), batch.plain(wrong) if len(wrong) else (), strict=True):
        column, fault = first[row]
        reason = fault.reason(column, raw.get(column))
        found.append(Bad(int(batch.numbers[row]), fault.of(column), reason, to_json(raw)))
    return found, wrong
