"""One release at work behind an endpoint."""

from typing import Any

from arkwright.serve.model.answers import Reader, reader
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.oip_batch import Ordinary, offers
from arkwright.serve.model.together import Together
from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.poison import Page


class Lane:
    """A loaded release with its queue. `rows` and `ordinary` say how requests of a kind are worked on together."""

    __slots__ = ("batcher", "loaded", "ordinary", "read", "rows", "watched")

    def __init__(self, loaded: Loaded, *, most: int = 2048, longest: float = 5.0, page: Page | None = None) -> None:
        """`most` and `longest`: how many requests may wait for it, and how many seconds; `page`: where they stand."""
        self.loaded = loaded
        self.watched: Any = None  # how its requests are noted, where they are
        self.read: Reader = reader(loaded.signature, loaded.graph)
        of = f"{loaded.endpoint} {loaded.digest}"  # another release may bear what this one did not
        self.batcher = Batcher(loaded.graph, loaded.endpoint, most=most, longest=longest, page=page, of=of)
        self.rows = Together(loaded.prepare, self.read) if loaded.fast and loaded.graph.batches else None
        self.ordinary = Ordinary(loaded) if offers(loaded.graph) else None
