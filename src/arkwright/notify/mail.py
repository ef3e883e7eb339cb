"""Letters by SMTP, over TLS. What people wrote becomes text and nothing else: a line end in it makes no header."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime
from typing import Any

from arkwright.core.errors import Invalid
from arkwright.core.mailbox import is_address
from arkwright.core.settings import Mail
from arkwright.core.visible import visible
from arkwright.notify.failed import Failed
from arkwright.notify.limited import limited

WANTS = "mail"  # the vault's kind for what somebody wants to get by mail
CHOICES = {
    "off": "nothing",
    "mentions": "when you are mentioned",
    "inbox": "whatever comes into your inbox, and releases that wait for your signature",
}
SILENT_S = 15.0  # seconds without a word of the server
LOOKS_S = 600.0  # in which it may look at a letter (RFC 5321, 4.5.3.2.6): whoever hangs up before sends it twice
WHOLE_S = LOOKS_S + 120.0  # for all that is said about one letter
HUNG_S = 3600.0  # after which a letter that it hung on is sent again: nobody else's goes out while it hangs
LONGEST_SUBJECT = 150
_CLOSING, _LOG_IN_FIRST = 421, 530  # RFC 5321, RFC 4954
_ITS_OWN = b"4.3."  # how its words begin where the mail system is in trouble, not a mailbox (RFC 3463)


class _Unsaid(Exception):
    """Nobody knows whether the letter was taken."""

    def __init__(self, error: smtplib.SMTPServerDisconnected, *, cut: bool) -> None:
        super().__init__(str(error))
        self.hung = cut or isinstance(error.__context__, TimeoutError)


class _Line(smtplib.SMTP):
    """Talks to a server that may look at a letter for long, and is to be quick otherwise, over a socket that is given;
    `cut`: whether that was cut.
    """

    def __init__(self, given: socket.socket, cut: threading.Event, host: str, port: int) -> None:
        self._given, self._cut = given, cut
        super().__init__(host, port, timeout=SILENT_S)

    def _get_socket(self, *_: Any) -> socket.socket:
        return self._given

    def data(self, msg: Any) -> tuple[int, bytes]:
        assert self.sock
        self.sock.settimeout(LOOKS_S)
        try:
            return super().data(msg)
        except smtplib.SMTPServerDisconnected as error:
            raise _Unsaid(error, cut=self._cut.is_set()) from None
        finally:
            if self.sock:
                self.sock.settimeout(SILENT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`id`: the same however often it is sent."""

    id: str
    to: str
    subject: str
    text: str


def send(server: Mail, password: str | None, letter: Letter) -> None:
    """Hand one letter in. Raises Failed, for good where this address or this letter is refused."""
    message = written(server, letter)
    with _told(server), _connected(server) as line:
        if server.user:
            try:
                line.login(server.user, password or "")
            except UnicodeError:
                said = f"for {server.server} user and password have to be plain letters; see $ARKWRIGHT_MAIL_PASSWORD"
                raise Failed(said) from None
        line.send_message(message, server.sender, [letter.to])


def written(server: Mail, letter: Letter) -> EmailMessage:
    """As it goes over the line. Raises Failed for an address that cannot be one."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = Address("Arkwright", addr_spec=server.sender)
        if not is_address(letter.to):
            raise ValueError  # noqa: TRY301 - as the library's own
        message["To"] = Address(addr_spec=letter.to)
    except (ValueError, MessageError, IndexError):
        raise Failed(f"{letter.to[:80]!r} cannot be written to", never=True) from None
    message["Subject"] = " ".join(visible(letter.subject).split())[:LONGEST_SUBJECT]
    message["Date"] = localtime()
    message["Message-ID"] = f"<{letter.id}@{server.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's holiday answers it
    message.set_content(visible(letter.text))
    return message


@contextmanager
def _connected(server: Mail) -> Iterator[smtplib.SMTP]:
    """A line to the server, encrypted as `tls` says, its name proven."""
    host, _, port = server.server.rpartition(":")
    host, secure = host.strip("[]"), ssl.create_default_context()
    raw = socket.create_connection((host, int(port)), timeout=SILENT_S)
    with closing(raw), limited(raw, WHOLE_S) as cut:
        given = secure.wrap_socket(raw, server_hostname=host) if server.tls == "tls" else raw
        with closing(_Line(given, cut, host, int(port))) as line:
            if server.tls == "starttls":
                line.starttls(context=secure)
            yield line
            with suppress(smtplib.SMTPException, OSError):  # it was taken already
                line.quit()


@contextmanager
def _told(server: Mail) -> Iterator[None]:
    """The library's errors in our words, without what was sent."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        raise _no_to_one(server, "address", *next(iter(error.recipients.values()))) from None
    except smtplib.SMTPDataError as error:
        raise _no_to_one(server, "letter", error.smtp_code, error.smtp_error) from None
    except _Unsaid as error:
        said = f"{server.server} does not say whether it took the letter: {str(error)[:80]}"
        raise Failed(said, alone=True, after=HUNG_S if error.hung else 0.0) from None
    except smtplib.SMTPAuthenticationError as error:
        raise Failed(
            f"{server.server} did not take user and password ({error.smtp_code}); see $ARKWRIGHT_MAIL_PASSWORD"
        ) from None
    except smtplib.SMTPResponseException as error:
        raise _no(server, error.smtp_code) from None
    except smtplib.SMTPException as error:
        raise Failed(f"{server.server}: {str(error)[:120]}") from None
    except TimeoutError:
        raise Failed(f"{server.server} cannot be reached: it took too long") from None
    except ssl.SSLError as error:
        raise Failed(f"{server.server} could not prove who it is: {error.reason or 'no certificate fits'}") from None
    except OSError as error:
        raise Failed(f"{server.server} cannot be reached: {str(error.strerror or error).lower()[:120]}") from None


def _no_to_one(server: Mail, what: str, code: int, said: bytes | str) -> Failed:
    """It may be about this reader or this letter alone; what the server says of itself keeps all letters waiting."""
    if code in (_CLOSING, _LOG_IN_FIRST) or (isinstance(said, bytes) and said.startswith(_ITS_OWN)):
        return _no(server, code)
    return Failed(f"{server.server} refused the {what} ({code})", never=code >= 500, alone=True)


def _no(server: Mail, code: int) -> Failed:
    if code == _LOG_IN_FIRST:
        return Failed(f"{server.server} wants user and password (530); see user in [mail]")
    return Failed(f"{server.server} answered {code}")


def known(wants: str) -> str:
    """Raises Invalid."""
    if wants not in CHOICES:
        raise Invalid(f"{wants[:40]!r} is no choice; there is {', '.join(CHOICES)}")
    return wants
