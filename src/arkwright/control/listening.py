"""Where the control room listens, and what has to hold before other machines reach it."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from urllib.parse import urlsplit

from arkwright.api.people import accounts
from arkwright.core.errors import Invalid, Refused
from arkwright.sites import Site

HIGHEST = 65_535  # of all ports
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """`cert` and `key`: files for TLS here. `public_url`: how people reach it, where something before it ends TLS.
    `proxies`: addresses or networks whose word is taken for whom they ask.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    cert: Path | None = None
    key: Path | None = None
    public_url: str | None = None
    proxies: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host == "localhost" or _is(self.host, "is_loopback")


def check(site: Site, said: Listening) -> None:
    """Raises Invalid for what makes no sense, Refused for what would be open to strangers or readable on the way."""
    if (said.cert is None) != (said.key is None):
        raise Invalid("TLS needs both --tls-cert and --tls-key")
    if said.cert and said.key:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(said.cert, said.key, lambda: "")
        except (OSError, ValueError) as error:  # of which an SSLError is one
            raise Invalid(f"--tls-cert and --tls-key cannot be used: {error.strerror or error}") from None  # type: ignore[union-attr]
    _public(said.public_url)
    for text in said.proxies:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise Invalid(f"--proxy {text[:60]!r} is no address and no network; write it like 10.0.0.5") from None
    if said.alone:
        return
    if not accounts.owner_can_enter(site):
        raise Refused(
            f"{said.host} is reached by other machines, and no owner can enter yet; "
            "begin on this machine: arkwright up, then open the link that it prints"
        )
    if not said.cert and not (said.public_url or "").startswith("https:"):
        raise Refused(
            f"{said.host} is reached by other machines, and passwords would be read on the way; give --tls-cert and "
            "--tls-key, or --public-url https://… where a proxy in front ends TLS"
        )
    if said.public_url is None and _is(said.host, "is_unspecified"):
        raise Refused(f"{said.host} is every address; say by which name people call it: --public-url https://…")


def opened(said: Listening) -> socket:
    """Raises Invalid."""
    if not 0 <= said.port <= HIGHEST:
        raise Invalid(f"--port {said.port} is none; a port is 0 to {HIGHEST}, and 0 takes any that is free")
    made = socket(AF_INET6 if ":" in said.host else AF_INET, SOCK_STREAM)
    made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        made.bind((said.host, said.port))
    except OSError as error:
        made.close()
        raise Invalid(f"{said.host}:{said.port} cannot be listened on: {error.strerror}; take another --port") from None
    made.listen(256)
    return made


def address(said: Listening, port: int) -> str:
    """As people call it."""
    if said.public_url:
        return said.public_url.rstrip("/")
    return f"{'https' if said.cert else 'http'}://{here(said, port)}"


def here(said: Listening, port: int) -> str:
    """Host and port, as a proxy before it reaches it."""
    shown = f"[{said.host}]" if ":" in said.host else said.host
    return f"{shown}:{port}"


def hosts(said: Listening) -> frozenset[str]:
    """The names by which it may be called."""
    named = urlsplit(said.public_url or "").hostname
    return LOOPBACK | {name.casefold() for name in (named, said.host) if name and not _is(name, "is_unspecified")}


def _public(url: str | None) -> None:
    parts = urlsplit(url or "https://x")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise Invalid("--public-url has to be a scheme and a host, such as https://arkwright.example.org")


def _is(host: str, what: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), what))
    except ValueError:
        return False
