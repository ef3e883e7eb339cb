"""Predictions as an Arrow stream, for callers that send frames and want one back.

pyarrow is imported by the first such answer: a server that gives none never loads it.
"""

from collections.abc import Sequence

import orjson

from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.wire.messages import Response


def arrow_response(said: Sequence[bytes], *, release: str, digest: str, headers: bytes) -> Response:
    """One row for each prediction, in order; `said` holds them as JSON, whose keys become columns.

    `release` and `digest` stand in the schema's metadata.
    """
    import pyarrow as pa

    rows = orjson.loads(b"[%b]" % b",".join(said))
    table = pa.Table.from_pylist(rows).replace_schema_metadata({"release": release, "digest": digest})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(200, sink.getvalue().to_pybytes(), ARROW, headers)
