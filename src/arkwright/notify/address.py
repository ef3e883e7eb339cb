"""Where a message may go. An address is looked at, resolved once, and that very address is connected to: a name that
means something else a moment later changes nothing. Nothing is sent to machines that the site's owner did not name.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from arkwright.core.errors import Invalid, Refused

LONGEST_URL, LONGEST_NAME = 2000, 253
PUBLIC_PORTS = (443, 8443)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[..., Sequence[tuple[Any, ...]]]
EVERYWHERE: tuple[Network, ...] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
# forms in which an IPv6 address carries an IPv4 one, relays to such, and what IPv6 once had for private networks
_CARRIERS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fec0::/10",
        "192.88.99.0/24",
    )
)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<place>[^/?]*)(?P<path>.*)")
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A URL in its parts, each of them checked. `host` is a name or an address without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the header Host says it."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == _default(self.scheme) else f"{shown}:{self.port}"

    @property
    def shown(self) -> str:
        """As it may be shown: the path of a chat's address is a secret."""
        return f"{self.scheme}://{self.authority}/…"


def parse(url: str) -> Place:
    """A URL that can be written to. Raises Invalid: one reading, so that no second one can differ."""
    if len(url) > LONGEST_URL or not re.fullmatch(r"[!-~]+", url) or set(url) & set('\\"<>^`{|}'):
        raise Invalid(
            f"an address has at most {LONGEST_URL} plain characters; write others with %, and names in punycode"
        )
    found = _URL.fullmatch(url)
    scheme = found["scheme"].lower() if found else ""
    if not found or scheme not in ("http", "https"):
        raise Invalid("an address begins with https://")
    if "@" in found["place"]:
        raise Invalid("an address with a user or a password in it is not taken; what is sent is signed instead")
    if "#" in url:
        raise Invalid("an address with a # in it is not taken: that part is never sent")
    place = _PLACE.fullmatch(found["place"])
    port = int(place["port"] or _default(scheme)) if place else 0
    if not place or not 0 < port < 1 << 16:
        raise Invalid(f"{found['place'][:80]!r} is no name or address of a machine")
    path = found["path"]
    return Place(scheme, _host(place["host"]), port, path if path.startswith("/") else f"/{path}")


def networks(allow: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in allow)


def resolve(place: Place, allow: Sequence[Network], lookup: Lookup = socket.getaddrinfo) -> str:
    """The one address to connect to. Raises Refused for what is neither public nor allowed, Invalid for a name that
    cannot be found.
    """
    found = _addresses(place, lookup)
    inside = [any(one in network for network in allow) for one in found]
    for one, allowed in zip(found, inside, strict=True):
        if not allowed and not _public(one):
            shown = place.host if place.host == str(one) else f"{place.host} ({one})"
            how = "the site's owner may allow it in site.toml: [webhooks] allow, which counts at once"
            raise Refused(f"{shown} is not public; {how}")
    if not all(inside):
        if place.scheme != "https":
            raise Refused(f"{place.host} is outside, so it is told by https:// only")
        if place.port not in PUBLIC_PORTS:
            ports = " or ".join(map(str, PUBLIC_PORTS))
            raise Refused(f"{place.host} is outside, so it is told at port {ports} only")
    return str(found[0])


def _addresses(place: Place, lookup: Lookup) -> list[Address]:
    try:
        return [ipaddress.ip_address(place.host)]
    except ValueError:
        pass
    try:
        answers = lookup(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Invalid(f"the name {place.host} cannot be found") from None
    found = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    if not found:
        raise Invalid(f"the name {place.host} cannot be found")
    return found


def _public(address: Address) -> bool:
    barred = address.is_multicast or address.is_reserved or any(address in carrier for carrier in _CARRIERS)
    return address.is_global and not barred


def _host(text: str) -> str:
    """A name, or an address in its one plain form."""
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise Invalid(f"{text[:80]!r} is no IPv6 address") from None
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):  # some would read 127.1, 0x7f000001 and 2130706433 as an address too
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise Invalid(f"{text[:80]!r} is no address; write four numbers from 0 to 255") from None
    if len(name) > LONGEST_NAME or not all(0 < len(label) < 64 for label in labels):
        raise Invalid(f"{text[:80]!r} is no name of a machine")
    return name


def _default(scheme: str) -> int:
    return 443 if scheme == "https" else 80
