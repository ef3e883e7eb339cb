"""Raw rows as callers send them: strict JSON into typed structs, mistakes told with their JSON path."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from arkwright.core import rows as core
from arkwright.core.errors import did_you_mean
from arkwright.core.rows import Field
from arkwright.serve.model.lists import most_objects, pieces
from arkwright.serve.model.tensors import said, unknown_field
from arkwright.serve.wire.messages import Problem
from arkwright.serve.wire.nesting import too_deep

_LONGEST_INT = 2**63
LARGE = 2**18  # bytes; more are read in pieces, so that whoever reads on a thread lets the others go on in between
MOST_ROWS = 2**20


class RowDecoder:
    """Decodes one row or a list of rows of one row class.

    JSON keys that occur twice count once, the last one (RFC 8259 leaves it open).
    """

    def __init__(self, fields: Sequence[Field], target: str) -> None:
        self.fields = tuple(fields)
        self._target = target
        self._names = [field.name for field in self.fields]
        self.struct = core.struct("Row", self.fields)
        self._one = msgspec.json.Decoder(self.struct)
        self._many = msgspec.json.Decoder(list[self.struct])  # type: ignore[name-defined]
        self._ints = tuple(field.name for field in self.fields if field.type == "int")
        self._times = tuple(field.name for field in self.fields if field.type == "datetime")

    def decode(self, body: bytes) -> tuple[list[Any], bool]:
        """The rows and whether it was one object alone. Raises Problem: 400 is no JSON, 422 is not such a row."""
        alone = body[:1] == b"{" or body.lstrip()[:1] == b"{"
        try:
            rows = [self._one.decode(body)] if alone else self._list(body)
        except msgspec.ValidationError as error:
            raise self._wrong(error, body) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise Problem(400, f"the body is not JSON: {said(error)}") from None
        if not rows:
            raise Problem(422, "$: the list is empty; send at least one row")
        for name in self._ints:
            for i, row in enumerate(rows):
                value = getattr(row, name)
                if value is not None and not -_LONGEST_INT <= value < _LONGEST_INT:
                    raise Problem(422, f"{_path(name, i, alone)}: the integer does not fit in 64 bits")
        for name in self._times:
            for i, row in enumerate(rows):
                value = getattr(row, name)
                if value is not None and value.tzinfo is not None and not _has_utc(value):
                    raise Problem(422, f"{_path(name, i, alone)}: in UTC the time is not in the years 1 to 9999")
        return rows, alone

    def _list(self, body: bytes) -> list[Any]:
        if len(body) <= LARGE:
            found: list[Any] = self._many.decode(body)
            return found
        if most_objects(body) > MOST_ROWS:
            raise Problem(413, f"a request may have {MOST_ROWS} rows; send several")
        found = []
        for some in pieces(body, self._many.decode):
            found += some
        return found

    def _wrong(self, error: msgspec.ValidationError, body: bytes) -> Problem:
        deep = too_deep(body)
        return Problem(400, deep) if deep else Problem(422, self._told(said(error)))

    def _told(self, text: str) -> str:
        unknown = unknown_field(text)
        if not unknown:
            return (
                text
                if text.startswith("$")
                else f"$: {text.replace('expected array', 'expected a row or a list of rows')}"
            )
        path, name = unknown
        near = did_you_mean(name, self._names)
        if name == self._target:
            near = "; it is what the model predicts, so leave it out"
        return f"{path}: unknown field {name!r}{near}"


def _path(name: str, i: int, alone: bool) -> str:  # noqa: FBT001
    return f"$.{name}" if alone else f"$[{i}].{name}"


def _has_utc(value: datetime) -> bool:
    try:
        value.astimezone(UTC)
    except OverflowError:
        return False
    return True
