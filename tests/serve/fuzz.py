# ruff: noqa: E501, PT017 - seeds are long; what raises here is a finding
"""What bytes from strangers meet first, as functions of bytes that raise when something is wrong with us.

The tests try them on mutations of good bytes; `scripts/fuzz.py` lets atheris look for worse.
"""

import asyncio
import gzip
import io
import json
import math
import re
import struct
import zlib
from contextlib import suppress

import msgspec
import numpy as np
import pyarrow as pa

from arkwright.core.nouns import Column
from arkwright.core.rows import from_columns
from arkwright.serve.model import tensors
from arkwright.serve.model.arrow import stream as arrow_stream
from arkwright.serve.model.arrow.flatbuffer import Malformed
from arkwright.serve.model.oip_messages import InferRequest
from arkwright.serve.model.rows import RowDecoder
from arkwright.serve.native import native
from arkwright.serve.wire.front import Front
from arkwright.serve.wire.http import Connection
from arkwright.serve.wire.inflate import decoded_body
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Problem, Request, json_response

COLUMNS = (
    Column(name="a", type="int"),
    Column(name="b", type="float", nullable=True, limits=(("ge", 0.0),)),
    Column(name="c", type="str", allowed=("x", "y")),
    Column(name="d", type="datetime", nullable=True),
)
DECODER = RowDecoder(from_columns(COLUMNS), "y")


def rows(data):
    """A body is refused, or read as any other parser reads it."""
    try:
        found, alone = DECODER.decode(data)
    except Problem as problem:
        assert problem.status in (400, 422), problem
        assert len(problem.message) < 600, problem
        return
    other = json.loads(data, parse_constant=_refuse)
    assert alone == isinstance(other, dict)
    for one, mine in zip([other] if alone else other, found, strict=True):
        assert (one["a"], one.get("b"), one["c"]) == (mine.a, mine.b, mine.c)


def tensor(data):
    """A tensor in JSON has the shape that was said and the values that any other parser reads, or is refused."""
    kind = list(tensors.DATATYPES.values())[data[0] % len(tensors.DATATYPES)] if data else tensors.DATATYPES["FP32"]
    shape = [1 + data[1] % 3, 1 + data[2] % 3] if len(data) > 3 else [1]
    try:
        array = tensors.from_json("x", data[3:], kind, shape)
    except Problem as problem:
        assert problem.status == 400, problem
        return
    assert list(array.shape) == shape
    wanted = np.array(json.loads(data[3:], parse_constant=_refuse), dtype=kind.dtype).ravel()
    assert array.ravel().tolist() == wanted.tolist()


def binary(data):
    """Bytes of a tensor come back as they were, or are refused."""
    kind = list(tensors.DATATYPES.values())[data[0] % len(tensors.DATATYPES)] if data else tensors.DATATYPES["FP32"]
    shape = list(struct.unpack_from("<hi", data, 1)) if len(data) > 8 else [1]
    with suppress(Problem):
        array = tensors.from_binary("x", memoryview(data)[7:], kind, shape)
        assert math.prod(array.shape) == math.prod(shape)
        assert tensors.to_binary(array, kind) == data[7:]


def arrow(data):
    """A stream is refused, or every column has a value for each row."""
    with suppress(Malformed):
        stream = arrow_stream.read(data, 100)
        assert all(len(column.values) == stream.rows for column in stream.columns().values())


def compressed(data):
    """A body inflates within the limit, or is refused."""
    for encoding in (b"gzip", b"deflate"):
        with suppress(Problem):
            assert len(decoded_body(Request("POST", "/", {b"content-encoding": encoding}, data), 1000)) <= 1000


class Wire:
    """A transport that keeps what is written."""

    def __init__(self):
        self.written, self.closed, self.reading = b"", False, True

    def write(self, data):
        self.written += data

    def close(self):
        self.closed = True

    abort = write_eof = close

    def can_write_eof(self):
        return True

    def is_closing(self):
        return self.closed

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def get_extra_info(self, name, default=None):
        return {"peername": ("127.0.0.1", 1), "socket": self}.get(name, default)

    def fileno(self):
        return 7


async def exchange(front, pieces):
    """What one connection answers to these pieces, one after the other."""
    wire, connection = Wire(), Connection(front)
    connection.connection_made(wire)
    for piece in filter(None, pieces):
        connection.data_received(piece)
        while not (wire.reading or wire.closed):  # noqa: ASYNC110 - its turns
            await asyncio.sleep(0)
    connection.connection_lost(None)
    return wire.written


def http(data):
    """However a request is cut into pieces, and however often it came before, it gets the same answers."""
    loop = asyncio.new_event_loop()  # asyncio.run would take the signals that libFuzzer needs
    try:
        loop.run_until_complete(_http(data))
    finally:
        loop.close()


async def _http(data):
    def handler(request, reply):
        seen.append((request.method, request.path, dict(request.headers), bytes(request.body)))
        reply(json_response({"n": len(seen)}))

    front = Front(handler, Limits(headers=4000, url=1000, body=5000, chunks=50), loopback=True)
    front.date = b""
    found = []
    cuts = [[data], [data], [data[i : i + 1] for i in range(len(data))]]
    cuts += [[data[: len(data) // 2], data[len(data) // 2 :]], [data[:1], data[1:]], [data[:-1], data[-1:]]]
    for pieces in cuts:
        seen = []
        answers = await exchange(front, pieces)
        told = None if b'\r\nConnection: close\r\n\r\n{"error' in answers else answers
        found.append((re.findall(rb"HTTP/1.1 ([^\r]+)", answers), told, seen))
    front._timer.cancel()
    assert front.bodies == 0
    assert not front.connections
    for other in found[1:]:  # of several mistakes in one head, any may be told
        assert other == found[0], (other, found[0])


def infer(data):
    """The messages of the protocol are refused or read, whatever they are."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        msgspec.json.decode(data, type=InferRequest)


def numbers(data):
    """What is read natively, Python reads to the same bits."""
    count, item, text = 1 + (data[0] % 3 if data else 0), 4 if data[1:2] < b"\x80" else 8, data[2:]
    found = native and native.numbers(text, count, item)
    if found is not None:
        values = msgspec.json.decode(text, type=list[float])
        assert found == struct.pack(f"<{count}{'f' if item == 4 else 'd'}", *values), (text, found)


TARGETS = {f.__name__: f for f in (rows, tensor, binary, arrow, compressed, http, infer, numbers)}


def _refuse(word):
    raise AssertionError(word)


def _stream():
    table = pa.table({"a": [1, None], "s": ["x", "longer than twelve bytes"], "b": [True, False], "f": [0.5, None]})
    table = table.append_column("d", table["s"].dictionary_encode()).append_column(
        "v", table["s"].cast(pa.string_view())
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


_ROW = b'{"a": 1, "b": 0.5, "c": "x", "d": "2024-01-31T12:00:00"}'
_POST = b"POST /a HTTP/1.1\r\nHost: localhost\r\n"
_INFER = b'{"id": "1", "inputs": [{"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'
SEEDS = {
    "rows": [_ROW, b"[%b, %b]" % (_ROW, _ROW), b'[{"a":-1,"c":"y","b":null}]'],
    "tensor": [
        b"\x0b\0\x01[1, 2.5e3]",
        b"\x0b\x01\x01[[1, 2], [3, 4]]",
        b"\0\0\x01[true, false]",
        b'\x0c\0\0["\\u00e9"]',
    ],
    "binary": [b"\x0b\x01\0\x02\0\0\0" + bytes(8), b"\x0c\x01\0\x01\0\0\0\x02\0\0\0ab", b"\0\x01\0\x02\0\0\0\1\0"],
    "arrow": [_stream()],
    "compressed": [gzip.compress(_ROW), zlib.compress(bytes(5000))],
    "http": [
        _POST
        + b"Content-Length: 2\r\n\r\n{}"
        + _POST
        + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nA: b\r\n\r\n",
        b"GET http://localhost/a?b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\r\nHEAD / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        _POST
        + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        _POST
        + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
    "infer": [_INFER],
    "numbers": [b"\0\0[-1.5e3]", b"\1\xff[ 0.1234567890123456789 ,1]", b"\2\0[1e-30,-0.0,18446744073709551616]"],
}
