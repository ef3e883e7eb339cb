"""FlatBuffers read with every offset checked: the head of each Arrow message, from strangers.

Written here since a library that trusts its bytes reads beyond them. Numbers are little-endian.
"""

import struct
from dataclasses import dataclass


class Malformed(Exception):
    """These bytes are not what they claim to be; the message says which part."""


class Unfit(Malformed):
    """They are, and it is nothing that a row can hold."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table at `at`; its fields are known by their number in the schema, and may be absent."""

    data: memoryview
    at: int

    def number(self, field: int, form: str, default: int = 0) -> int:
        """A scalar; `form` is struct's letter."""
        at = self._place(field)
        return _unpack(form, self.data, at) if at else default

    def table(self, field: int) -> "Table | None":
        at = self._place(field)
        return Table(self.data, at + _unpack("I", self.data, at)) if at else None

    def text(self, field: int) -> str:
        """A string; empty when it is absent."""
        start, count = self.vector(field, 1)
        try:
            return str(self.data[start : start + count], "utf-8")
        except UnicodeDecodeError:
            raise Malformed("a name is not UTF-8") from None

    def vector(self, field: int, size: int) -> tuple[int, int]:
        """Where the elements of a vector begin, and how many of `size` bytes there are."""
        at = self._place(field)
        if not at:
            return 0, 0
        at += _unpack("I", self.data, at)
        count = _unpack("I", self.data, at)
        if at + 4 + count * size > len(self.data):
            raise Malformed("a list is longer than its message")
        return at + 4, count

    def tables(self, field: int, most: int) -> "list[Table]":
        start, count = self.vector(field, 4)
        if count > most:
            raise Malformed(f"a list has {count} elements, at most {most}")
        places = range(start, start + 4 * count, 4)
        return [Table(self.data, at + _unpack("I", self.data, at)) for at in places]

    def _place(self, field: int) -> int:
        """Where a field is; 0 when it is absent."""
        table = self.at - _unpack("i", self.data, self.at)
        entry = 4 + 2 * field
        if entry + 2 > _unpack("H", self.data, table):
            return 0
        offset = _unpack("H", self.data, table + entry)
        return self.at + offset if offset else 0


def root(data: memoryview) -> Table:
    """The table that a buffer begins with."""
    return Table(data, _unpack("I", data, 0))


def _unpack(form: str, data: memoryview, at: int) -> int:
    if not 0 <= at <= len(data):  # a negative place would count from the end
        raise Malformed("an offset leads out of its message")
    try:
        (value,) = struct.unpack_from("<" + form, data, at)
    except struct.error:
        raise Malformed("an offset leads out of its message") from None
    return int(value)
