"""Where somebody was going before they had to log in: a path of this room, and nothing that leads out of it."""

import re
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from arkwright.web.context import Context

HOME, LONGEST = "/", 1000  # characters
# a browser drops tabs and newlines and takes "\" for "/"; two at the start would name a host
_OURS = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def ours(text: str) -> str:
    """The path, with query and fragment, if it is one of this room; else Home."""
    return text if len(text) <= LONGEST and _OURS.fullmatch(text) else HOME


def asked(scope: Scope) -> str:
    """The address of this request."""
    path, query = scope.get("raw_path") or quote(scope["path"]).encode(), scope.get("query_string", b"")
    return ours((path + b"?" * bool(query) + query).decode("latin-1"))


def before(headers: Headers, at: Context) -> str:
    """The page on which a form or a script asked, as the browser tells it: Home where it does not."""
    try:
        place = urlsplit(headers.get("hx-current-url") or headers.get("referer", ""))
    except ValueError:
        return HOME
    if place.scheme not in ("http", "https") or place.netloc != headers.get("host") or place.hostname not in at.hosts:
        return HOME
    path = ours(place._replace(scheme="", netloc="").geturl() or HOME)
    return HOME if path.startswith(("/login", "/join/")) else path


def login(place: str) -> str:
    """The address of the log-in that leads there. A fragment stays out of it where a browser keeps it itself."""
    return "/login" if place == HOME else f"/login?next={quote(place, safe='/@:')}"
