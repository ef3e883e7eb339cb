"""Where an endpoint answers: this machine."""

from collections.abc import Callable

from arkwright.core.ports import Serving, Watch

Serve = Callable[[Watch, Serving, Callable[[str], None]], None]


class LocalHost:
    """Serves from this process until it is stopped. The site gives it the server: rooms do not know one another."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def serve(self, watch: Watch, serving: Serving, ready: Callable[[str], None]) -> None:
        self._serve(watch, serving, ready)
