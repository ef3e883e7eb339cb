"""Where an endpoint answers: this process."""

from collections.abc import Callable, Mapping
from pathlib import Path

Serve = Callable[[Mapping[str, Path], str, int, Callable[[str], None]], None]


class LocalHost:
    """Serves in this process until it is stopped. The site gives it the server: rooms do not know one another."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def serve(self, folders: Mapping[str, Path], host: str, port: int, ready: Callable[[str], None]) -> None:
        self._serve(folders, host, port, ready)
