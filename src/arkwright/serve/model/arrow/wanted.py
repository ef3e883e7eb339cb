"""Whether a caller wants its answer as an Arrow stream (RFC 9110, 12.5.1)."""

from collections.abc import Mapping

from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.wire.messages import JSON

_WIDE = (b"application/*", b"*/*")


def asks_for_arrow(headers: Mapping[bytes, bytes]) -> bool:
    """Named by itself, with a weight above 0 and no less than that of JSON."""
    accept = headers.get(b"accept", b"").lower()
    if ARROW not in accept:  # nearly always
        return False
    weights = _weights(accept)
    return weights.get(ARROW, 0.0) > 0 and weights[ARROW] >= _of_json(weights)


def takes_json(headers: Mapping[bytes, bytes]) -> bool:
    """Whether JSON is acceptable to it at all."""
    accept = headers.get(b"accept", b"").lower()
    return not accept or _of_json(_weights(accept)) > 0


def _of_json(weights: Mapping[bytes, float]) -> float:
    """The narrowest range that it is in has the say."""
    return next((weights[kind] for kind in (JSON, *_WIDE) if kind in weights), 0.0)


def _weights(accept: bytes) -> dict[bytes, float]:
    """Of each media range; what is no number is 1."""
    found = {}
    for part in accept.split(b","):
        kind, *parameters = (piece.strip() for piece in part.split(b";"))
        given = [piece[2:] for piece in parameters if piece.startswith(b"q=")]
        found[kind] = _number(given[0]) if given else 1.0
    return found


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
