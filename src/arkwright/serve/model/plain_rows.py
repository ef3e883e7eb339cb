"""Raw rows in JSON of models without code of the project's: read and told together."""

from collections.abc import Sequence
from typing import Any

from arkwright.serve.model.answers import Reader
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.tensors import Tensors
from arkwright.serve.wire.messages import Problem

Item = tuple[Sequence[Any], bool]  # of one request: its rows, and whether it was one alone


class PlainRows:
    """Requests of rows to one release."""

    def __init__(self, loaded: Loaded, reader: Reader) -> None:
        self._loaded, self.tell = loaded, reader

    def read(self, body: bytes) -> tuple[Item, int] | None:
        """The rows and their number; None when something is wrong with them."""
        try:
            rows, alone = self._loaded.rows.decode(body)
        except Problem:
            return None
        return (rows, alone), len(rows)

    def prepare(self, items: Sequence[Item]) -> Tensors:
        """The graph's inputs. Raises Problem."""
        return self._loaded.prepare([row for rows, _ in items for row in rows])

    def wrap(self, item: Item, said: Sequence[bytes]) -> bytes:
        """The body of the answer from the texts of its rows."""
        return wrapped(self._loaded, said, alone=item[1])


def wrapped(loaded: Loaded, said: Sequence[bytes], *, alone: bool) -> bytes:
    """The body of an answer from one JSON text for each row."""
    if alone:
        return b'{"prediction":%b%b' % (said[0], loaded.tail)
    parts = list(said)
    parts[0] = b'{"predictions":[%b' % parts[0]
    parts[-1] = b"%b]%b" % (parts[-1], loaded.tail)
    return b",".join(parts)  # copied once


def offers(loaded: Loaded) -> bool:
    """Whether rows of several callers may be worked on together: nothing but the graph looks at them."""
    return loaded.fast and loaded.graph.batches
