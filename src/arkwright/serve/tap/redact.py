"""What is kept of a request where columns are redacted: only what is known to be allowed.

Keeping the columns that are allowed is safer than taking out the others: a key spelt with escapes, given twice, or
misspelt by a caller is not among them. A request that was refused is not kept at all, since nobody knows what is in it,
and its message may quote a value.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET, Raw, UnsetType

from arkwright.core.nouns import Column
from arkwright.core.rows import from_columns
from arkwright.serve.model.arrow.rows import lists
from arkwright.serve.tap.segment import ARROW, INFER, Record
from arkwright.serve.wire.messages import Problem

Redact = Callable[[Record], None]


class _Shape(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str


class _Shapes(msgspec.Struct):
    inputs: list[_Shape]


_shapes = msgspec.json.Decoder(_Shapes)


def redaction(keep: Sequence[Column]) -> Redact:
    """A function that takes out of a record all but these columns of a row; of tensors it leaves the shapes. Rows that
    came as a stream are JSON afterwards.
    """
    row = msgspec.defstruct("Kept", [(column.name, Raw | UnsetType, UNSET) for column in keep], gc=False)
    fields = from_columns(tuple(keep))
    one, many = msgspec.json.Decoder(row), msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def redact(record: Record) -> None:
        if record.status != 200:
            record.body = record.answer = b""
            return
        try:
            if record.flags & INFER:
                record.body = msgspec.json.encode(_shapes.decode(record.body[: record.head or None]))
                record.head = 0
            elif record.flags & ARROW:
                count, found = lists(record.body, fields)
                values = zip(*found.values(), strict=True) if found else iter([()] * count)
                record.body = msgspec.json.encode([dict(zip(found, each, strict=True)) for each in values])
                record.flags &= ~ARROW
            elif record.body.lstrip()[:1] == b"{":
                record.body = msgspec.json.encode(one.decode(record.body))
            else:
                record.body = msgspec.json.encode(many.decode(record.body))
        except (msgspec.DecodeError, RecursionError, MemoryError, Problem):
            record.body, record.head = b"", 0

    return redact
