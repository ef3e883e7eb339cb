"""One release at work behind an endpoint."""

from arkwright.serve.answers import Reader, reader
from arkwright.serve.batch import Batcher, Together
from arkwright.serve.loaded import Loaded
from arkwright.serve.oip_batch import Ordinary, offers


class Lane:
    """A loaded release with its queue. `rows` and `ordinary` say how requests of a kind are worked on together."""

    __slots__ = ("batcher", "loaded", "ordinary", "read", "rows")

    def __init__(self, loaded: Loaded, *, most: int = 2048, longest: float = 5.0) -> None:
        """`most` and `longest`: how many requests may wait for it, and how many seconds."""
        self.loaded = loaded
        self.read: Reader = reader(loaded.signature, loaded.graph)
        self.batcher = Batcher(loaded.graph, loaded.endpoint, most=most, longest=longest)
        self.rows = Together(loaded.prepare, self.read) if loaded.fast and loaded.graph.batches else None
        self.ordinary = Ordinary(loaded) if offers(loaded.graph) else None
