"""Whoever speaks plain HTTP to the port of TLS is told so in one line, where the handshake would only break.

OpenSSL knows a request when it sees one: `GET`, `HEAD`, `POST`, `PUT`. What begins otherwise is broken off as ever.
"""

import ssl
from pathlib import Path
from typing import Any


class Context(ssl.SSLContext):
    """For the control room at this address."""

    address = ""

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *given: Any, **named: Any) -> ssl.SSLObject:
        made = super().wrap_bio(incoming, outgoing, *given, **named)
        assert isinstance(made, _Line)
        made.incoming, made.outgoing, made.says = incoming, outgoing, f"this is https: open {self.address}/ instead\n"
        return made


class _Line(ssl.SSLObject):
    """One connection. Who was told is read on and not listened to, until they hang up or the handshake is too late: an
    answer is lost to whoever is cut off while they still send.
    """

    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    says: str
    told = False

    def do_handshake(self) -> None:
        if not self.told:
            try:
                return super().do_handshake()
            except ssl.SSLError as error:
                if error.reason != "HTTP_REQUEST":
                    raise
                self._tell()
        self.incoming.read()
        raise ssl.SSLWantReadError

    def _tell(self) -> None:
        self.told = True
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {len(self.says.encode())}\r\n"
        self.outgoing.write(f"{head}connection: close\r\n\r\n{self.says}".encode())


Context.sslobject_class = _Line


def context(cert: Path, key: Path, address: str) -> Context:
    made = Context(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert, key)
    made.address = address
    return made
