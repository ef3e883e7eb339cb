"""HTTP/2 frames that no client sends: floods, resets, frames without end. The server lives, and good clients notice
little.
"""

import contextlib
import socket
import struct
import threading
from pathlib import Path

import grpc
import pytest

from .conftest import LONG, Serving, answered, rows

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
GROWTH = 16  # megabytes that an attack may leave behind when it comes again and again
ROUNDS = 20_000


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(*extra):
    """A block of literal fields that are not indexed (RFC 7541, 6.2.2)."""
    known = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/inference.GRPCInferenceService/ModelInfer"),
             (b":authority", b"localhost"), (b"te", b"trailers"), (b"content-type", b"application/grpc")]  # fmt: skip
    fields = [*known, *extra]
    return b"".join(b"\x00" + bytes([len(n)]) + n + bytes([len(v)]) + v for n, v in fields)


def ask(stream):
    return frame(HEADERS, END_HEADERS, stream, headers())


def streams(count):
    return range(1, 2 * count, 2)


def rapid_reset():
    """CVE-2023-44487: calls are begun and given up at once."""
    for at in range(0, ROUNDS, 100):
        yield b"".join(ask(2 * i + 1) + frame(RESET, 0, 2 * i + 1, b"\0\0\0\x08") for i in range(at, at + 100))


def reset_after_data():
    for at in range(0, ROUNDS // 4, 100):
        message = b"\0" + struct.pack(">I", 100) + b"x" * 50
        yield b"".join(
            ask(2 * i + 1) + frame(DATA, 0, 2 * i + 1, message) + frame(RESET, 0, 2 * i + 1, b"\0\0\0\x08")
            for i in range(at, at + 100)
        )


def made_you_reset():
    """CVE-2025-8671: the server is made to reset the streams itself, by window updates of nothing."""
    for at in range(0, ROUNDS // 4, 100):
        yield b"".join(ask(2 * i + 1) + frame(WINDOW, 0, 2 * i + 1, b"\0\0\0\0") for i in range(at, at + 100))


def continuation_flood():
    """CVE-2024-27316: a head that never ends."""
    yield frame(HEADERS, 0, 1, headers())
    for _ in range(ROUNDS // 10):
        yield frame(CONTINUATION, 0, 1, b"\x00\x01a\x7e" + b"b" * 126) * 10


def empty_continuations():
    yield frame(HEADERS, 0, 1, headers())
    for _ in range(ROUNDS // 100):
        yield frame(CONTINUATION, 0, 1) * 100


def empty_data():
    yield ask(1)
    for _ in range(ROUNDS // 100):
        yield frame(DATA, 0, 1) * 100


def settings_flood():
    for _ in range(ROUNDS // 100):
        yield frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 100


def ping_flood():
    for _ in range(ROUNDS // 100):
        yield frame(PING, 0, 0, b"12345678") * 100


def table_bomb():
    """A field of the dynamic table, named a thousand times in a kilobyte (HPACK bomb)."""
    stored = b"\x40\x01a\x7f\x81\x1e" + b"v" * 3968  # literal, added to the table
    for stream in streams(200):
        yield frame(HEADERS, END_HEADERS, stream, headers() + (stored if stream == 1 else b"") + b"\xbe" * 1000)


def many_unfinished():
    """More calls than may wait, each of which stays open."""
    for at in range(0, 5000, 100):
        yield b"".join(ask(2 * i + 1) for i in range(at, at + 100))


def window_overflow():
    yield ask(1) + frame(WINDOW, 0, 1, b"\x7f\xff\xff\xff") * 2 + frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2


def wrong_frames():
    yield frame(DATA, 0, 0, b"x") + frame(HEADERS, END_HEADERS, 2, headers()) + frame(77, 255, 3, b"x" * 1000)


def huge_frame():
    yield b"\xff\xff\xff" + struct.pack(">BBI", DATA, 0, 1) + b"x" * 100_000


def a_message_of_4_gb():
    yield ask(1) + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" + b"x" * 1000)


ATTACKS = [
    rapid_reset, reset_after_data, made_you_reset, continuation_flood, empty_continuations, empty_data, settings_flood,
    ping_flood, table_bomb, many_unfinished, window_overflow, wrong_frames, huge_frame, a_message_of_4_gb,
]  # fmt: skip


@pytest.fixture(scope="module")
def victim(folders):
    with Serving({"f32": folders["f32"]}) as serving, serving.stub() as stub:
        assert len(answered(stub.ModelInfer(rows(3), timeout=LONG))) == 6
        yield serving


def resident(process):
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096 / 1e6


def attack(port, pieces):
    """Sends until the server will not hear more; reads what it says, so that nobody waits for it."""
    with socket.create_connection(("127.0.0.1", port), timeout=LONG) as sock:
        reading = threading.Thread(target=_drain, args=(sock,))
        reading.start()
        with contextlib.suppress(ConnectionError, TimeoutError):
            sock.sendall(PREFACE + frame(SETTINGS))
            for piece in pieces:
                sock.sendall(piece)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        reading.join(1)
    reading.join(LONG)


def _drain(sock):
    with contextlib.suppress(OSError):
        while sock.recv(65536):
            pass


@pytest.mark.parametrize("pieces", ATTACKS, ids=lambda pieces: pieces.__name__)
def test_the_server_lives_and_good_clients_are_answered_meanwhile(victim, pieces):
    for _ in range(5):
        before = resident(victim.process)
        attackers = [threading.Thread(target=attack, args=(victim.port, pieces())) for _ in range(3)]
        with victim.stub() as stub:
            for thread in attackers:
                thread.start()
            asked = 0
            while asked < 5 or any(thread.is_alive() for thread in attackers):
                assert answered(stub.ModelInfer(rows(2, asked), timeout=LONG)).tolist() == [asked + i for i in range(4)]
                asked += 1
            for thread in attackers:
                thread.join(LONG)
        assert victim.process.poll() is None
        if resident(victim.process) - before < GROWTH:
            return
    pytest.fail("each attack leaves more behind")


def test_what_a_caller_sends_is_not_in_the_servers_log(folders):
    """gRPC's own Python layer logs metadata that is no text, whole."""
    with Serving({"f32": folders["f32"]}) as serving:
        with socket.create_connection(("127.0.0.1", serving.port), timeout=LONG) as sock:
            fields = headers((b"x-card", b"4111-secret\xff\xfe"))
            sock.sendall(PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS | END_STREAM, 1, fields))
            while sock.recv(65536)[3:4] not in (b"\x01", b""):  # until the call is answered or the connection ended
                pass
        serving.stop()
        serving.process.wait(LONG)
    assert "secret" not in serving.errors


def test_metadata_that_is_small_on_the_wire_and_large_behind_it_is_refused(victim):
    """A field that is in the client's table already takes one byte on the wire."""
    with victim.stub() as stub:
        metadata = [("a", "v" * 2000)] * 20
        with pytest.raises(grpc.RpcError, match="metadata") as caught:
            stub.ModelInfer(rows(1), metadata=metadata, timeout=LONG)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len(answered(stub.ModelInfer(rows(1), metadata=metadata[:5], timeout=LONG))) == 2
