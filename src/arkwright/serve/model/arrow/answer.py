"""Predictions as an Arrow stream, for callers that send frames and want one back.

pyarrow is imported when the first such answer is asked for: a server that gives none never loads it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.wire.messages import Response

_PART = 2**16  # bytes
_loaded = False


def loaded() -> bool:
    """Whether an answer can be made at once: the import takes half a second."""
    return _loaded


def load() -> Any:
    """Pyarrow."""
    global _loaded  # noqa: PLW0603 - as what is imported, once for the process
    import pyarrow as pa

    _loaded = True
    return pa


def arrow_response(said: Sequence[bytes], *, release: str, digest: str, headers: bytes) -> Response:
    """One row for each prediction, in order; `said` holds them as JSON, whose keys become columns, in texts of one row
    or of several with commas between.

    `release` and `digest` stand in the schema's metadata.
    """
    pa = load()
    about = {"release": release, "digest": digest}
    parts = [_table(pa, text).replace_schema_metadata(about) for text in _parts(said)]
    if any(part.schema != parts[0].schema for part in parts):
        parts = [_table(pa, b",".join(said)).replace_schema_metadata(about)]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, parts[0].schema) as writer:
        for part in parts:
            writer.write_table(part)
    return Response(200, sink.getvalue().to_pybytes(), ARROW, headers)


def _parts(said: Sequence[bytes]) -> Iterator[bytes]:
    """The same in fewer and longer texts, each a JSON list without its brackets: a table is made of one in a moment."""
    some, size = [], 0
    for text in said:
        some.append(text)
        size += len(text)
        if size >= _PART:
            yield b",".join(some)
            some, size = [], 0
    if some:
        yield b",".join(some)


def _table(pa: Any, rows: bytes) -> Any:
    return pa.Table.from_pylist(orjson.loads(b"[%b]" % rows))
