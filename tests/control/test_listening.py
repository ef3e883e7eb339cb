"""Where the control room listens: what has to hold beyond this machine, and callers who are slow on purpose."""

import asyncio
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import MagicMock

import pytest
import urllib3
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.responses import StreamingResponse
from tests.rest.conftest import people
from tests.web.conftest import Door

from arkwright.api.people.audit import denied
from arkwright.cli.main import main
from arkwright.control import app, careful, listening, server
from arkwright.control.listening import Listening
from arkwright.core.errors import Invalid
from arkwright.sites import Site
from arkwright.web import armour
from arkwright.web.context import Context
from arkwright.web.routes import PUBLIC, route

LINE = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@contextmanager
def served(folder, monkeypatch=None, more=(), **words):
    """The control room as `arkwright up` serves it, in a thread."""
    said = Listening(port=0, **words)
    door = Door(folder)
    made = listening.opened(said)
    address = listening.address(said, made.getsockname()[1])
    routes = app.rest.routes
    if more:
        monkeypatch.setattr(app.rest, "routes", lambda *given: [*routes(*given), *more])
    room = app.application(Context(door.site, folder, address, listening.hosts(said)))
    running = uvicorn.Server(server.configured(room, said))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [made]})
    thread.start()
    try:
        yield door, made.getsockname()[1], address
    finally:
        running.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


def dialled(port):
    return closing(socket.create_connection(("127.0.0.1", port), timeout=30))


def answered(line, sent):
    """Its answer and whatever follows until it hangs up."""
    line.sendall(sent)
    return rest(line)


def rest(line):
    found = b""
    try:
        while piece := line.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "arkwright.example"])
@pytest.mark.parametrize(
    "words", [[], ["--public-url", "http://a.example"], ["--proxy", "10.0.0.5"], ["--public-url", "https://a.example"]]
)
def test_beyond_this_machine_not_before_somebody_entered(tmp_path, capsys, host, words):
    site = Site(tmp_path)
    assert site.ledger.head()
    assert main(["up", "--host", host, "--port", "0", "--site", str(tmp_path), *words]) == 4
    assert "no owner can enter yet" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--public-url", "http://a.example"], ["--proxy", "10.0.0.5"]])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "arkwright.example"])
def test_beyond_this_machine_not_where_passwords_could_be_read(door_folder, capsys, host, words):
    assert main(["up", "--host", host, "--port", "0", "--site", str(door_folder), *words]) == 4
    assert "passwords would be read on the way" in capsys.readouterr().err


@pytest.fixture(scope="module")
def door_folder(tmp_path_factory):
    return Door(tmp_path_factory.mktemp("entered")).folder


def test_what_makes_no_sense_is_refused(door_folder, tmp_path, capsys):
    (tmp_path / "nonsense").write_text("no certificate")
    cert, key = certificate(tmp_path)
    place = ["--port", "0", "--site", str(door_folder)]
    for words, said, code in (
        (["--tls-cert", str(cert)], "both --tls-cert and --tls-key", 2),
        (["--tls-cert", str(tmp_path / "nonsense"), "--tls-key", str(key)], "cannot be used", 2),
        (["--tls-cert", str(tmp_path / "nowhere"), "--tls-key", str(key)], "cannot be used", 2),
        (["--public-url", "ftp://a.example"], "scheme and a host", 2),
        (["--public-url", "https://a.example/path"], "scheme and a host", 2),
        (["--port", "65536"], "--port 65536 is none", 2),
        (["--proxy", "everywhere"], "no address and no network", 2),
        (["--host", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(key)], "by which name", 4),
    ):
        assert main(["up", *place, *words]) == code, words
        assert said in capsys.readouterr().err


def test_a_secret_that_cannot_be_read_is_told_before_anybody_needs_it(tmp_path, capsys):
    login = '[login]\nissuer = "https://sso.example"\nclient = "a"\nsecret_file = "/nowhere"\n'
    (tmp_path / "site.toml").write_text(login)
    assert main(["up", "--port", "0", "--site", str(tmp_path)]) == 1
    assert "login.secret_file cannot be read: no such file or directory" in capsys.readouterr().err


def test_by_which_names_and_how_it_is_called():
    said = Listening(host="0.0.0.0", public_url="https://Arkwright.example:8443")
    assert listening.hosts(said) == {"127.0.0.1", "localhost", "::1", "arkwright.example"}
    assert listening.address(said, 5) == "https://Arkwright.example:8443"
    assert listening.address(Listening(host="::1"), 5) == "http://[::1]:5"
    assert "10.1.2.3" in listening.hosts(Listening(host="10.1.2.3"))
    with pytest.raises(Invalid, match="take another --port"):
        listening.opened(Listening(host="192.0.2.1"))


def test_behind_a_proxy_it_says_on_which_port_it_listens(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(server._Server, "run", lambda _, sockets: sockets[0].close())
    for module in ("sys", "gc", "faulthandler"):  # what is of the whole process
        monkeypatch.setattr(server, module, MagicMock())
    Site(tmp_path).ledger.close()  # there is one
    words = ["up", "--port", "0", "--public-url", "https://room.example", "--site", str(tmp_path)]
    assert main(words) == 0
    assert re.search(r"is at https://room.example .*\n  it listens on 127.0.0.1:\d{4,5}\n", capsys.readouterr().out)
    assert main([*words, "--json"]) == 0
    assert re.fullmatch(r"127.0.0.1:\d{4,5}", json.loads(capsys.readouterr().out)["listens"])


def certificate(folder, host="localhost"):
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return cert, private


def test_tls_here(tmp_path):
    cert, key = certificate(tmp_path)
    with served(tmp_path / "site", cert=cert, key=key) as (_, port, address):
        assert address.startswith("https:")
        http = urllib3.PoolManager(ca_certs=str(cert), retries=False)
        answer = http.request("GET", f"https://localhost:{port}/health")
        assert (answer.status, "max-age" in answer.headers["Strict-Transport-Security"]) == (200, True)
        for method, body in (("GET", None), ("POST", b"x" * 2_000_000)):  # longer than what is read at once
            answer = http.request(method, f"http://localhost:{port}/health", body=body)
            assert (answer.status, answer.data) == (400, f"this is https: open {address}/ instead\n".encode())
        with dialled(port) as line:
            assert b"HTTP" not in answered(line, b"BREW /health\r\n\r\n")
        trusting = ssl.create_default_context(cafile=cert)
        with dialled(port) as line, trusting.wrap_socket(line, server_hostname="localhost") as safe:
            assert safe.version() in ("TLSv1.2", "TLSv1.3")


def test_whose_word_is_taken_for_whom_they_ask(tmp_path):
    forged = LINE.replace(b"/health", b"/nothing") + b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n"
    forged = forged.replace(b"GET", b"DELETE") + LINE + b"Connection: close\r\n\r\n"
    for proxies, found in (((), "127.0.0.1"), (("127.0.0.1",), "203.0.113.9"), (("10.0.0.0/8",), "127.0.0.1")):
        with served(tmp_path / str(len(proxies[0:1]) and proxies[0].replace("/", "-")), proxies=proxies) as (
            door,
            port,
            _,
        ):
            with dialled(port) as line:
                answered(line, forged)
            assert [one.address for one in door.do(denied, door.actor("owner"))] == [found]


def test_the_slow_are_not_waited_for_and_nobody_waits_for_them(tmp_path, monkeypatch):
    monkeypatch.setattr(careful, "HEADERS_S", 1.0)
    monkeypatch.setattr(armour, "IDLE", 1.0)
    with served(tmp_path) as (_, port, _):
        begun = time.monotonic()
        slow = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(60)]
        for number, line in enumerate(slow):
            line.sendall([b"", b"GET", LINE, LINE + b"\r\nGET /hea"][number % 4])
        with dialled(port) as good:
            assert answered(good, LINE + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")
        body = (
            LINE.replace(b"GET /health", b"POST /login")
            + b"Origin: http://127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            + b"Content-Length: 100\r\n\r\nname"
        )
        with dialled(port) as line:
            assert answered(line, body).startswith(b"HTTP/1.1 408")
        for line in slow:
            said = rest(line)
            line.close()
            assert not said or said.startswith(b"HTTP/1.1 200")
        assert time.monotonic() - begun < 20
        with dialled(port) as dripping:  # a byte now and then gives no more time
            for letter in LINE * 40:
                try:
                    dripping.sendall(bytes([letter]))
                except OSError:
                    break
                time.sleep(0.05)
            else:
                pytest.fail("it was waited for")


LARGE = LINE.replace(b"GET /health", b"POST /login") + b"Origin: http://127.0.0.1\r\nContent-Length: %d\r\n\r\n"


def refused(line, size):
    """The head of the answer to a body of this size, before any of it was sent."""
    line.sendall(LARGE % size)
    assert line.recv(1 << 16).startswith(b"HTTP/1.1 413")


def test_who_is_refused_before_its_body_was_read_may_send_it_and_ask_again(tmp_path):
    """A proxy passes on what comes: it would tell of a broken connection, and not of what was said."""
    with served(tmp_path) as (_, port, _), dialled(port) as line:
        refused(line, 2 << 20)
        for _ in range(32):
            line.sendall(bytes(1 << 16))
        line.sendall(LINE + b"Connection: close\r\n\r\n")
        assert rest(line).startswith(b"HTTP/1.1 200")


def test_it_is_not_waited_for_longer_than_a_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(armour, "LINGER", 0.5)
    with served(tmp_path) as (_, port, _), dialled(port) as line:
        refused(line, 1 << 40)
        begun = time.monotonic()
        while time.monotonic() < begun + 30:
            try:
                line.sendall(bytes(1 << 10))
            except OSError:
                break
            time.sleep(0.01)
        assert time.monotonic() < begun + 20


def test_an_answer_that_nobody_takes_is_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(careful, "STUCK_S", 1.0)
    ended = threading.Event()

    async def much():
        try:
            while True:
                yield b"x" * 100_000
                await asyncio.sleep(0)
        finally:
            ended.set()

    more = [route("/much", lambda _: StreamingResponse(much()), PUBLIC)]
    with served(tmp_path, monkeypatch, more) as (_, port, _), dialled(port) as line:
        line.sendall(LINE.replace(b"/health", b"/much") + b"\r\n")
        assert ended.wait(30)
        with dialled(port) as good:
            assert answered(good, LINE + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (LINE + b"X: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (LINE + b"".join(b"X%d: a\r\n" % number for number in range(3000)) + b"\r\n", 431),
        (LINE + b"X: " + b"a" * 1_000_000, 431),  # without an end
        (LINE.replace(b"/health", b"/" + b"a" * 20_000) + b"\r\n", 431),
        (LINE.replace(b"/health", b"/health?" + b"a" * 9_000) + b"\r\n", 422),
        (LINE + b"Host: evil.example\r\nConnection: close\r\n\r\n", 422),
        (LINE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (LINE + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (LINE + b"Content-Length: -1\r\n\r\n", 400),
        (LINE + b"Content-Length: +5\r\n\r\n", 400),
        (LINE + b" folded: x\r\n\r\n", 400),
        (LINE + b"A b: c\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 403),
        (b"GET http://evil.example/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 200),
        (LINE + b"Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Key: x\r\n\r\n", 200),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
    ids=range(17),
)
def test_what_is_no_good_request(running, sent, code):
    with dialled(running) as line:
        line.sendall(sent)
        assert line.recv(65_536).startswith(b"HTTP/1.1 %d" % code)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with served(tmp_path_factory.mktemp("running")) as (_, port, _):
        yield port


def test_nobody_takes_every_connection(tmp_path, monkeypatch):
    monkeypatch.setattr(careful, "MOST", 20)
    with served(tmp_path) as (_, port, _):
        lines = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(25)]
        for line in lines[:20]:
            line.sendall(LINE + b"\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        assert [rest(line) for line in lines[20:]] == [b""] * 5
        for line in lines:
            line.close()
    networks = careful.careful(("10.0.0.0/8",)).proxies
    assert [careful._within(one, networks) for one in ("10.1.1.1", "127.0.0.9", "::1", "192.0.2.1", "", "x")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order_whoever_holds_a_line(at, sign):
    people(at.site)
    command = [sys.executable, "-m", "arkwright.cli.main", "up", "--port", "0", "--project", str(at.folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    port = int(process.stdout.readline().partition("http://127.0.0.1:")[2].split()[0])
    with dialled(port) as idle, dialled(port) as half:
        idle.sendall(LINE + b"\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 200")
        half.sendall(LINE)
        process.send_signal(sign)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said
