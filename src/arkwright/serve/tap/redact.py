"""What is kept of a request where columns are redacted: only what is known to be allowed.

Keeping the columns that are allowed is safer than taking out the others: a key spelt with escapes, given twice, or
misspelt by a caller is not among them. A request that was refused is not kept at all, since nobody knows what is in it,
and its message may quote a value.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET, Raw, UnsetType

from arkwright.serve.tap.segment import INFER, Record

Redact = Callable[[Record], None]


class _Shape(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str


class _Shapes(msgspec.Struct):
    inputs: list[_Shape]


_shapes = msgspec.json.Decoder(_Shapes)


def redaction(keep: Sequence[str]) -> Redact:
    """A function that takes out of a record all but these columns of a row; of tensors it leaves the shapes."""
    row = msgspec.defstruct("Kept", [(name, Raw | UnsetType, UNSET) for name in keep], gc=False)
    one, many = msgspec.json.Decoder(row), msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def redact(record: Record) -> None:
        if record.status != 200:
            record.body = record.answer = b""
            return
        try:
            if record.flags & INFER:
                record.body = msgspec.json.encode(_shapes.decode(record.body[: record.head or None]))
                record.head = 0
            elif record.body.lstrip()[:1] == b"{":
                record.body = msgspec.json.encode(one.decode(record.body))
            else:
                record.body = msgspec.json.encode(many.decode(record.body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MemoryError):
            record.body, record.head = b"", 0

    return redact
