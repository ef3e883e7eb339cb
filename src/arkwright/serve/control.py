"""What a supervisor and its workers say to each other: JSON, a line each, on a socket pair."""

from pathlib import Path
from typing import Any

import msgspec

from arkwright.core.ports import Share, Traffic
from arkwright.serve.limits import Limits
from arkwright.serve.poison import Key


class Start(msgspec.Struct):
    """How a worker begins: on its command line. `listening`, `control` and `page` are inherited file descriptors."""

    listening: int
    control: int
    page: int
    loopback: bool
    limits: Limits
    cpu: int | None = None


class Serve(msgspec.Struct, tag=True):
    """Supervisor to worker: serve this from now on."""

    traffic: dict[str, list[Share]]


class Beware(msgspec.Struct, tag=True):
    """Supervisor to worker: compute `suspects` alone from now on, and `poison` never."""

    suspects: list[Key]
    poison: list[Key]


class Done(msgspec.Struct):
    """Worker to supervisor: so it is; endpoint -> why not, for those that stayed as they were."""

    failed: dict[str, str]


Order = Serve | Beware


def line(message: Any) -> bytes:
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


def read(data: bytes, kind: Any) -> Any:
    return msgspec.json.decode(data, type=kind, dec_hook=_path)


def traffic(given: Traffic) -> dict[str, list[Share]]:
    return {name: list(shares) for name, shares in given.items()}


def _path(kind: type, value: Any) -> Any:
    assert kind is Path
    return Path(value)
