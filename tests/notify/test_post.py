"""One POST: to the address that was looked at, in bounded time, and never where an answer leads."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.notify.conftest import serving

from arkwright.notify import address, post
from arkwright.notify.failed import Failed

HERE = address.networks(["127.0.0.1/32"])


def send(url, allow=HERE):
    return post.post(address.parse(url), b"{}", {"Content-Type": "application/json"}, allow)


def test_what_arrives(receiver):
    assert send(f"{receiver.url}/in?x=1") == 200
    ((headers, body),) = receiver.at("/in?x=1")
    assert (body, headers["Host"], headers["Content-Type"]) == (
        b"{}",
        f"127.0.0.1:{receiver.port}",
        "application/json",
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver, status):
    with serving() as inside:
        receiver.answers["/in"], receiver.headers["/in"] = status, {"Location": f"{inside.url}/secret"}
        with pytest.raises(Failed, match=f"answered {status}; redirects are not followed"):
            send(f"{receiver.url}/in")
        assert inside.requests == []


def test_what_is_walled_off_hears_nothing(receiver):
    with pytest.raises(Failed, match="is not public"):
        send(f"{receiver.url}/in", ())
    assert receiver.requests == []


def test_a_name_that_flips_between_the_look_and_the_line(receiver, monkeypatch):
    asked = []

    def lookup(host, port, **_):
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1" if len(asked) == 1 else "169.254.169.254", port))]

    monkeypatch.setattr(address.resolve, "__defaults__", (lookup,))
    assert send(f"http://flips.example:{receiver.port}/in") == 200
    assert asked == ["flips.example"]
    assert receiver.at("/in")[0][0]["Host"] == f"flips.example:{receiver.port}"


def test_answers_that_are_none(receiver):
    for status, gone in ((404, False), (410, True), (500, False)):
        receiver.answers["/in"] = status
        with pytest.raises(Failed, match=f"answered {status}") as told:
            send(f"{receiver.url}/in")
        assert told.value.gone is gone
    receiver.answers["/in"], receiver.headers["/in"] = 429, {"Retry-After": "99999"}
    with pytest.raises(Failed) as told:
        send(f"{receiver.url}/in")
    assert told.value.after == 3600.0


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listened on
        with pytest.raises(Failed, match="cannot be reached: connection refused"):
            send(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def slow(talk):
    """A server that talks as the test says, on a thread; its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listening, listening.accept()[0] as line:
            line.recv(1 << 16)
            try:
                talk(line)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"])
def test_a_receiver_that_drips_is_left(monkeypatch, first):
    monkeypatch.setattr(post, "WHOLE_S", 0.5)
    over = threading.Event()

    def drip(line):
        line.sendall(first)
        for number in range(10_000):
            line.sendall(b"a" if number % 50 or not first else b": b\r\n")
            if over.wait(0.01):
                return

    began = time.monotonic()
    with pytest.raises(Failed, match="it took too long"):
        send(slow(drip))
    over.set()
    assert time.monotonic() - began < 10


def test_a_receiver_that_is_silent_is_left(monkeypatch):
    monkeypatch.setattr(post, "SILENT_S", 0.2)
    over = threading.Event()
    with pytest.raises(Failed, match="it took too long"):
        send(slow(lambda _line: over.wait(30)))
    over.set()


def test_a_receiver_that_speaks_no_http():
    with pytest.raises(Failed, match="is no HTTP"):
        send(slow(lambda line: line.sendall(b"220 smtp.example ESMTP\r\n")))
    with pytest.raises(Failed, match="is no HTTP"):
        send(slow(lambda line: line.sendall(b"HTTP/1.1 200 OK\r\n" + b"a" * (1 << 17))))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A server's own, for hooks.example and 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    names = [x509.DNSName("hooks.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def test_https_proves_who_answers(certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as got:
        with pytest.raises(Failed, match="could not prove who it is"):
            send(f"{got.url}/in")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert send(f"{got.url}/in") == 200
        lookup = lambda host, port, **_: [(0, 0, 0, "", ("127.0.0.1", port))]  # noqa: E731
        monkeypatch.setattr(address.resolve, "__defaults__", (lookup,))
        assert send(f"https://hooks.example:{got.port}/in") == 200  # the address of one, the name of the other
        with pytest.raises(Failed, match="could not prove who it is"):
            send(f"https://other.example:{got.port}/in")
        assert len(got.requests) == 2
