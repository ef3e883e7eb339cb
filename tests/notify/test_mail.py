"""Letters, through a real SMTP server with and without TLS."""

import asyncio
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from hypothesis import given
from hypothesis import strategies as st
from tests.notify.test_post import certificate

from arkwright.core.settings import Mail
from arkwright.notify import mail
from arkwright.notify.failed import Failed
from arkwright.notify.mail import Letter, send, written

__all__ = ["certificate"]
LETTER = Letter(id="53-ab.cd", to="ben@example.org", subject="ben mentioned you", text="über\n.\nalles")


class Here(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Box:
    """What a server took; codes for addresses that it refuses."""

    def __init__(self):
        self.taken, self.refuses = [], {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuses:
            return f"{self.refuses[address]} no"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return "250 OK"


def authenticates(server, session, envelope, mechanism, given):
    return AuthResult(success=given.password == b"rare", handled=False)


@pytest.fixture
def serve():
    """Start a server; (what it took, its host:port)."""
    running = []

    def start(**how):
        box = Box()
        server = Here(box, hostname="127.0.0.1", port=0, **how)
        server.start()
        running.append(server)
        return box, f"127.0.0.1:{server.port}"

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def tls(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_letter_over_starttls_with_a_password(serve, tls):
    box, server = serve(tls_context=tls, require_starttls=True, authenticator=authenticates, auth_required=True)
    settings = Mail(server=server, sender="arkwright@example.org", user="arkwright")
    send(settings, "rare", LETTER)
    ((sender, to, message),) = box.taken
    assert (sender, to) == ("arkwright@example.org", ["ben@example.org"])
    assert message["Subject"] == "ben mentioned you"
    assert message["From"] == "Arkwright <arkwright@example.org>"
    assert message["Message-ID"] == "<53-ab.cd@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs((message["Date"].datetime - datetime.now(UTC)).total_seconds()) < 600
    assert message.get_content().splitlines() == ["über", ".", "alles"]
    with pytest.raises(Failed, match=r"did not take user and password \(535\); see \$ARKWRIGHT_MAIL_PASSWORD") as told:
        send(settings, "wrong", LETTER)
    assert "wrong" not in str(told.value)
    assert not told.value.never
    with pytest.raises(Failed, match=r"user and password have to be plain letters; see \$ARKWRIGHT_MAIL_PASSWORD"):
        send(settings, "rär", LETTER)


def test_a_letter_over_tls_from_the_start(serve, tls, monkeypatch):
    box, server = serve(ssl_context=tls)
    send(Mail(server=server, sender="a@example.org", tls="tls"), None, LETTER)
    assert len(box.taken) == 1
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Failed, match="could not prove who it is"):
        send(Mail(server=server, sender="a@example.org", tls="tls"), None, LETTER)
    assert len(box.taken) == 1


def test_starttls_is_never_left_out(serve):
    box, server = serve()
    with pytest.raises(Failed, match="STARTTLS extension not supported"):
        send(Mail(server=server, sender="a@example.org"), None, LETTER)
    assert box.taken == []
    send(Mail(server=server, sender="a@example.org", tls="none"), None, LETTER)
    assert len(box.taken) == 1


def test_an_address_that_is_refused(serve):
    box, server = serve()
    settings = Mail(server=server, sender="a@example.org", tls="none")
    for code, never in ((550, True), (450, False)):
        box.refuses["ben@example.org"] = code
        with pytest.raises(Failed, match=f"refused the address \\({code}\\)") as told:
            send(settings, None, LETTER)
        assert (told.value.never, told.value.alone) == (never, True)
    assert box.taken == []


@pytest.mark.parametrize(
    ("code", "said", "why"),
    [
        (530, "5.7.0 Authentication required", r"wants user and password \(530\); see user in \[mail\]"),
        (421, "4.3.2 Closing", r"answered 421"),
        (452, "4.3.1 Insufficient system storage", r"answered 452"),
    ],
)
def test_what_a_server_says_of_itself_gives_up_no_letter_and_lets_all_wait(serve, code, said, why):
    box, server = serve()
    box.refuses["ben@example.org"] = f"{code} {said};"
    with pytest.raises(Failed, match=why) as told:
        send(Mail(server=server, sender="a@example.org", tls="none"), None, LETTER)
    assert (told.value.never, told.value.alone) == (False, False)


def test_a_letter_that_is_refused_after_it_was_sent_is_judged_by_itself(serve):
    box, server = serve()
    settings = Mail(server=server, sender="a@example.org", tls="none")
    for said, expected in (
        ("554 5.7.1 looks like spam", (True, True)),
        ("451 4.7.1 later", (False, True)),
        ("452 4.3.1 no room", (False, False)),
    ):

        async def data(server, session, envelope, said=said):
            return said

        box.handle_DATA = data
        with pytest.raises(Failed, match=r"refused the letter|answered 452") as told:
            send(settings, None, LETTER)
        assert (told.value.never, told.value.alone) == expected


def test_a_server_has_long_to_look_at_a_letter_and_who_gets_no_answer_waits_by_themselves(serve, monkeypatch):
    """Whoever hangs up before it answers sends the letter twice (RFC 1047)."""
    box, server = serve()
    settings = Mail(server=server, sender="a@example.org", tls="none")

    async def data(server, session, envelope):
        box.taken.append(envelope.rcpt_tos)
        await asyncio.sleep(0.2)
        return "250 OK"

    box.handle_DATA = data
    monkeypatch.setattr(mail, "SILENT_S", 0.1)
    send(settings, None, LETTER)
    assert len(box.taken) == 1
    monkeypatch.setattr(mail, "LOOKS_S", 0.1)
    with pytest.raises(Failed, match=r"does not say whether it took the letter: .*timed out") as told:
        send(settings, None, LETTER)
    assert (told.value.never, told.value.alone, told.value.after) == (False, True, 3600.0)


GREETING, GOOD, GO_ON, ON_AND_ON = b"220 x\r\n", b"250 x\r\n", b"354 x\r\n", b"250-x\r\n"


@pytest.mark.parametrize(
    ("said", "why", "alone"),
    [
        ([], "cannot be reached: it took too long", False),
        ([GREETING], "cannot be reached: it took too long", False),
        ([GREETING, GOOD, GOOD, GOOD, GO_ON], "does not say whether it took the letter", True),
    ],
)
def test_a_server_that_talks_on_and_on_is_not_listened_to_for_ever(monkeypatch, said, why, alone):
    monkeypatch.setattr(mail, "WHOLE_S", 0.2)

    def talk():
        line, _ = listener.accept()
        with closing(line), suppress(OSError):
            for one in said:
                line.sendall(one)
                line.recv(9999)
            while True:
                line.sendall(ON_AND_ON)
                time.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        talking = threading.Thread(target=talk)
        talking.start()
        with pytest.raises(Failed, match=why) as told:
            send(
                Mail(server=f"127.0.0.1:{listener.getsockname()[1]}", sender="a@example.org", tls="none"), None, LETTER
            )
        talking.join()
    assert (told.value.never, told.value.alone, told.value.after) == (False, alone, 3600.0 if alone else 0.0)


def test_a_server_that_wants_a_password_is_told_so(serve, tls):
    _, server = serve(tls_context=tls, require_starttls=True, authenticator=authenticates, auth_required=True)
    with pytest.raises(Failed, match=r"wants user and password \(530\); see user in \[mail\]"):
        send(Mail(server=server, sender="a@example.org"), None, LETTER)


def test_nobody_there(serve):
    with pytest.raises(Failed, match="cannot be reached: connection refused"):
        send(Mail(server="127.0.0.1:1", sender="a@example.org", tls="none"), None, LETTER)


@pytest.mark.parametrize(
    "to",
    [
        "a@b\r\nBcc: c@d",
        "a@b, c@d",
        "a,b@c",
        "<a@b>",
        "",
        "@",
        "a",
        "ä@example.org",
        "a b@c",
        "a@b\n",
        "a@b;c@d",
        "(x)a@b",
    ],
)
def test_what_is_no_single_address_is_given_up(to):
    with pytest.raises(Failed, match="cannot be written to") as told:
        written(Mail(server="h:1", sender="a@example.org"), Letter(id="1", to=to, subject="", text=""))
    assert told.value.never


HEADERS = {"Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}


@given(st.text(max_size=300), st.text(max_size=2000))
def test_no_text_makes_a_header(subject, text):
    letter = Letter(id="1", to="ben@example.org", subject=subject, text=text)
    found = message_from_bytes(written(Mail(server="h:1", sender="a@example.org"), letter).as_bytes(), policy=default)
    assert set(found.keys()) <= HEADERS | {"Content-Transfer-Encoding"}
    assert found.get_all("To") == ["ben@example.org"]
    assert not found.is_multipart()
    assert len(found["Subject"] or "") <= mail.LONGEST_SUBJECT


def test_headers_are_not_injected():
    evil = "x\r\nBcc: victim@example.org\r\n\r\nbody"
    made = written(Mail(server="h:1", sender="a@example.org"), Letter(id="1", to="b@c.d", subject=evil, text=evil))
    found = message_from_bytes(made.as_bytes(), policy=default)
    assert found["Bcc"] is None
    assert "Bcc: victim" in found["Subject"]
