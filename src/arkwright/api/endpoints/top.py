"""The verb `top`: the live traffic of a server, seen from outside."""

from collections.abc import Iterator
from pathlib import Path

from arkwright.core.nouns import Actor
from arkwright.serve.telemetry.reading import Traffic, watch
from arkwright.sites import Site


def top(
    site: Site, by: Actor, project: Path, *, url: str = "http://127.0.0.1:8000", every: float = 1.0
) -> Iterator[Traffic]:
    """What the server at `url` did in each window of `every` seconds, without end. The server tells everything: neither
    the site nor the project is looked at. Raises Unknown when nothing answers there, Invalid for no URL.
    """
    yield from watch(url, every)
