"""One POST to one address: no redirect is followed, no proxy is asked, nothing of the answer is kept but its status."""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from arkwright.core.errors import ArkwrightError
from arkwright.notify import address
from arkwright.notify.address import Network, Place
from arkwright.notify.failed import Failed
from arkwright.notify.limited import limited

WHOLE_S, SILENT_S = 15.0, 5.0  # seconds for all of it; without a byte
LONGEST_WAIT = 3600.0  # seconds that a receiver may ask for


def post(place: Place, body: bytes, headers: Mapping[str, str], allow: Sequence[Network]) -> int:
    """Hand it over; the status, which is 2xx. Raises Failed."""
    try:
        found = address.resolve(place, allow)
        with _connected(place, found) as line:
            always = {"Host": place.authority, "User-Agent": "arkwright", "Connection": "close"}
            line.request("POST", place.path, body, {**always, **headers})
            with closing(line.getresponse()) as answer:
                status, later = answer.status, answer.headers.get("Retry-After", "")
    except Failed:
        raise
    except ArkwrightError as error:
        raise Failed(str(error)) from None
    except ssl.SSLError as error:
        raise Failed(f"{place.authority} could not prove who it is: {error.reason or error}"[:200]) from None
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{place.authority} cannot be reached: {_why(error)}") from None
    if 200 <= status < 300:
        return status
    moved = "; redirects are not followed" if 300 <= status < 400 else ""
    after = min(float(later), LONGEST_WAIT) if later.isdecimal() and len(later) < 9 else 0.0
    raise Failed(f"{place.authority} answered {status}{moved}", after=after, gone=status == 410)


@contextmanager
def _connected(place: Place, found: str) -> Iterator[http.client.HTTPConnection]:
    """A line to this address, cut when its time is over, however busy it looks. Raises TimeoutError then."""
    raw = socket.create_connection((found, place.port), timeout=SILENT_S)
    with closing(raw), limited(raw, WHOLE_S) as cut:
        line = http.client.HTTPConnection(place.host, place.port)
        with closing(_secured(raw, place)) as line.sock:
            yield line
        if cut.is_set():
            raise TimeoutError


def _secured(raw: socket.socket, place: Place) -> socket.socket:
    if place.scheme == "http":
        return raw
    return ssl.create_default_context().wrap_socket(raw, server_hostname=place.host)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, http.client.HTTPException):
        return "what it answers is no HTTP"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()[:120]
