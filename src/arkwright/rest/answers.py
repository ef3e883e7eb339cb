"""Answers: JSON with an entity tag, lists a page at a time, tables as Arrow or Parquet."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from starlette.concurrency import iterate_in_threadpool
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from arkwright.core import shapes
from arkwright.core.errors import NotOffered
from arkwright.core.nouns import Endpoint
from arkwright.core.record import digest_bytes

JSON, ARROW, PARQUET = "application/json", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
_CHUNK = 1 << 16  # bytes
_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization, Cookie"}


def chosen(request: Request, offered: Sequence[str]) -> str:
    """The content type for the answer, by the header Accept (RFC 9110, 12.5.1). Raises NotOffered."""
    wanted = [_quality(part) for part in request.headers.get("accept", "*/*").split(",") if part.strip()]
    best, found = 0.0, ""
    for kind in offered:
        fits = [(len(media.replace("*", "")), q) for media, q in wanted if _covers(media, kind)]
        quality = max(fits)[1] if fits else 0.0  # the most specific one counts
        if quality > best:
            best, found = quality, kind
    if not found:
        raise NotOffered(f"this answers {' or '.join(offered)}")
    return found


def _quality(part: str) -> tuple[str, float]:
    media, *parameters = (text.strip().lower() for text in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return media, float(parameter[2:])
            except ValueError:
                return media, 0.0
    return media, 1.0


def _covers(media: str, kind: str) -> bool:
    return media in ("*/*", kind) or (media.endswith("/*") and kind.startswith(media[:-1]))


def looked(request: Request, value: Any, headers: dict[str, str] | None = None) -> Response:
    """JSON with its tag; 304 for whoever has it already."""
    body = msgspec.json.encode(shapes.encode(value))
    tag = f'"{digest_bytes(body)[:32]}"'
    headers = {**_PRIVATE, "ETag": tag, **(headers or {})}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(None, 304, headers)
    return Response(body, 200, headers, media_type=JSON)


def paged(request: Request, items: Sequence[Any], after: int, limit: int) -> Response:
    """One page of a list; the header Link leads to the next one (RFC 8288)."""
    page, behind = items[after : after + limit], after + limit
    return looked(request, page, _link(request, behind) if behind < len(items) else {})


def followed(request: Request, events: Sequence[Any], most: int) -> Response:
    """A page of what has numbers of its own: the next one begins behind the last."""
    return looked(request, events, _link(request, events[-1].seq) if len(events) == most else {})


def _link(request: Request, after: int) -> dict[str, str]:
    query = [(name, text) for name, text in request.query_params.multi_items() if name != "after"]
    path = URL(scope=request.scope).path
    return {"Link": f'<{path}?{urlencode([*query, ("after", after)])}>; rel="next"'}


def acted(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """What came of an act. The tag of an endpoint is its version, for If-Match."""
    tag = {"ETag": f'"{value.version}"'} if isinstance(value, Endpoint) else {}
    body = msgspec.json.encode(shapes.encode(value))
    return Response(body, status, {"Cache-Control": "no-store", **tag, **(headers or {})}, media_type=JSON)


def file(path: Path, kind: str, held: ExitStack) -> Response:
    """A Parquet file as it is, or as an Arrow stream, a piece at a time; `held` is let go at the end."""
    pieces = _arrow(path) if kind == ARROW else _bytes(path)

    def sent() -> Iterator[bytes]:
        with held:
            yield from pieces

    return StreamingResponse(iterate_in_threadpool(sent()), 200, _PRIVATE, media_type=kind)


def _bytes(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while piece := opened.read(_CHUNK):
            yield piece


class _Pieces:
    """A file that gives away what was written into it."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        whole, self._written = b"".join(self._written), []
        return whole


def _arrow(path: Path) -> Iterator[bytes]:
    with pq.ParquetFile(path) as opened:
        pieces = _Pieces()
        with pa.ipc.new_stream(pa.PythonFile(pieces, mode="w"), opened.schema_arrow) as writer:
            for batch in opened.iter_batches():
                writer.write_batch(batch)
                yield pieces.taken()
        yield pieces.taken()
