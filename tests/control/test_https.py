"""What is said to plain HTTP at the port of TLS, byte for byte; over a real line in test_listening."""

import ssl

import pytest
from tests.control.test_listening import certificate

from arkwright.control.https import context

TOLD = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 44\r\nconnection: close\r\n\r\n"
    b"this is https: open https://a.test/ instead\n"
)


@pytest.fixture
def line(tmp_path):
    """(what comes, what goes, the server's side)."""
    comes, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    return comes, goes, context(*certificate(tmp_path), "https://a.test").wrap_bio(comes, goes, server_side=True)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"PUT"])
def test_a_request_is_told_once_and_the_rest_of_it_read_on(line, method):
    comes, goes, door = line
    for piece, told in ((method, b""), (b" / HTTP/1.1\r\n", TOLD), (b"Host: a.test\r\n\r\n" + b"x" * 99_999, b"")):
        comes.write(piece)
        with pytest.raises(ssl.SSLWantReadError):
            door.do_handshake()
        assert goes.read() == told
    assert comes.pending == 0


@pytest.mark.parametrize("sent", [b"BREW /pot HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05" + b"x" * 5])
def test_what_is_neither_is_broken_off(line, sent):
    comes, goes, door = line
    comes.write(sent)
    with pytest.raises(ssl.SSLError) as wrong:
        door.do_handshake()
    assert not isinstance(wrong.value, ssl.SSLWantReadError)
    assert b"HTTP" not in goes.read()
