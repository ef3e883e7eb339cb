"""A receiver on loopback that does as a test says, and a ledger with a vault."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from arkwright.infra.sqlite_ledger import SqliteLedger
from arkwright.infra.sqlite_vault import SqliteVault

PATIENCE = 30  # seconds, on a busy machine


def until(true, *, patience=PATIENCE):
    """Wait for something that another thread brings about, and that can only be asked."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


class Received:
    """What came, and what is answered: one status for each path, 200 where none is said."""

    def __init__(self):
        self.requests, self.answers, self.headers = [], {}, {}
        self.news = threading.Condition()
        self.open = threading.Event()  # whoever asks for /hang waits for it

    def add(self, path, headers, body):
        with self.news:
            self.requests.append((path, headers, body))
            self.news.notify_all()

    def at(self, path):
        return [(headers, body) for where, headers, body in self.requests if where == path]

    def wait(self, path, many=1):
        """The requests to this path, when there are so many."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.at(path)) >= many, PATIENCE), self.requests
            return self.at(path)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        got = self.server.got
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got.add(self.path, dict(self.headers), body)
        if self.path == "/hang":
            got.open.wait(PATIENCE)
        self.send_response(got.answers.get(self.path, 200))
        for name, text in got.headers.get(self.path, {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # whoever waited for an answer is gone


@contextmanager
def serving(context=None):
    server = Server(("127.0.0.1", 0), Handler)
    server.got = Received()
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.got.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    server.got.port = server.server_port
    try:
        yield server.got
    finally:
        server.got.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver():
    with serving() as got:
        yield got


@pytest.fixture
def ledger(tmp_path):
    made = SqliteLedger(tmp_path / "ledger.db")
    yield made
    made.close()


@pytest.fixture
def vault(tmp_path):
    made = SqliteVault(tmp_path / "vault.db")
    yield made
    made.close()
