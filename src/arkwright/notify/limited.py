"""A limit for all that is said over a line: a receiver that says a word now and then is not listened to for ever."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress


@contextmanager
def limited(raw: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """Cut this line when its time is over, however busy it looks; the event says that it was, for what was cut off may
    read as an end. What goes wrong with a line that was cut is a TimeoutError.
    """
    with closing(raw.dup()) as second:
        cut = threading.Event()
        over = threading.Timer(seconds, _cut, (second, cut))
        over.daemon = True
        over.start()
        try:
            yield cut
        except (OSError, http.client.HTTPException):
            if cut.is_set():
                raise TimeoutError from None
            raise
        finally:
            over.cancel()


def _cut(line: socket.socket, cut: threading.Event) -> None:
    cut.set()
    with suppress(OSError):  # it is over already
        line.shutdown(socket.SHUT_RDWR)
