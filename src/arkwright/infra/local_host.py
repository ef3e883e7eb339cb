"""Where an endpoint answers: this process."""

from collections.abc import Callable, Mapping

from arkwright.core.ports import Served

Serve = Callable[[Mapping[str, Served], str, int, Callable[[str], None]], None]


class LocalHost:
    """Serves in this process until it is stopped. The site gives it the server: rooms do not know one another."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def serve(self, endpoints: Mapping[str, Served], host: str, port: int, ready: Callable[[str], None]) -> None:
        self._serve(endpoints, host, port, ready)
