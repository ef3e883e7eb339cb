"""Bytes on a socket, without a client in between."""

import re
import socket

HOST = b"Host: localhost\r\n"
LIVE = b"GET /v2/health/live HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /predict HTTP/1.1\r\n" + HOST
ROW = b'{"distance": 1200, "carrier": "UA", "delay": 4}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def connect(live):
    return socket.create_connection(("127.0.0.1", live.port), timeout=10)


def read_all(sock):
    data = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return data
        if not part:
            return data
        data += part


def exchange(live, data):
    """Everything that comes back when this is all that is sent."""
    with connect(live) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def statuses(data):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]


def alive(live):
    status, _, answer = live.call("GET", "/v2/health/live")
    return (status, answer) == (200, {"live": True})
