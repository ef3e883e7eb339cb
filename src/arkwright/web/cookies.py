"""Cookies: with the port in their names, for a browser sends them to every port of a host (RFC 6265, 8.5); under TLS
with the prefix that browsers guard (RFC 6265bis, 4.1.3.2), so that no neighbour plants one.
"""

from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

SESSION, DEVICE, OUTSIDE, SAID = "arkwright", "arkwright-device", "arkwright-outside", "arkwright-said"
LONGEST = 4000  # characters


@lru_cache(64)
def name(address: str, which: str) -> str:
    """As it is called at this address of the control room: two on one machine do not take each other's."""
    port = urlsplit(address).port
    mine = f"{which}-{port}" if port else which
    return f"__Host-{mine}" if secure(address) else mine


def secure(address: str) -> bool:
    return address.startswith("https:")


def read(headers: Headers, address: str, which: str) -> str:
    """Empty where the browser sent none. Under TLS one without the prefix is not looked at."""
    return str(cookie_parser(headers.get("cookie", "")).get(name(address, which), ""))[:LONGEST]


def put(answer: Response, address: str, which: str, value: str, lasts: float) -> None:
    """`lasts`: seconds. Scripts never see it; a form on another site never sends it."""
    answer.set_cookie(
        name(address, which), value, max_age=int(lasts), httponly=True, samesite="lax", secure=secure(address)
    )


def drop(answer: Response, address: str, which: str) -> None:
    answer.delete_cookie(name(address, which), httponly=True, samesite="lax", secure=secure(address))
