"""What a supervisor and its workers say to each other: JSON, a line each, on a socket pair."""

from pathlib import Path
from typing import Any

import msgspec

from arkwright.core.ports import Share, Traffic
from arkwright.serve.limits import Limits


class Start(msgspec.Struct):
    """How a worker begins: on its command line. `listening` and `control` are inherited file descriptors."""

    listening: int
    control: int
    loopback: bool
    limits: Limits
    cpu: int | None
    mirror: str  # the socket of the process where the shadows are
    shadow: bool  # whether this is that process


class Serve(msgspec.Struct):
    """Supervisor to worker: serve this from now on."""

    turn: int
    traffic: dict[str, list[Share]]


class Done(msgspec.Struct):
    """Worker to supervisor: so it is; endpoint -> why not, for those that stayed as they were."""

    turn: int
    failed: dict[str, str]


def line(message: Any) -> bytes:
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


def read(data: bytes, kind: type[Any]) -> Any:
    return msgspec.json.decode(data, type=kind, dec_hook=_path)


def traffic(given: Traffic) -> dict[str, list[Share]]:
    return {name: list(shares) for name, shares in given.items()}


def _path(kind: type, value: Any) -> Any:
    assert kind is Path
    return Path(value)
