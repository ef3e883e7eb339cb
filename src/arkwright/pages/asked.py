"""What people ask of a list: the words of its filter in the address, and the way to the pages before and behind."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request

from arkwright.core import times
from arkwright.core.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The way back to the first page, and on; None where there is none."""

    before: str | None
    after: str | None
    says: str
    back: str = "First page"
    on: str = "Next page"


def texts(request: Request, *names: str) -> dict[str, str]:
    """These words of the address, empty where one was left out."""
    return {name: request.query_params.get(name, "").strip() for name in names}


def pages(request: Request, after: str | None, says: str, word: str = "after") -> Pages:
    """With the filter as it stands; a list by places knows the first page and the next."""
    kept = [(name, text) for name, text in request.query_params.multi_items() if name not in (word, "done") and text]
    path = request.url.path
    first = f"{path}?{urlencode(kept)}" if kept else path
    turned = bool(request.query_params.get(word))
    on = f"{path}?{urlencode([*kept, (word, after)])}" if after else None
    return Pages(before=first if turned else None, after=on, says=says)


def whole(text: str, what: str) -> int:
    """Raises Invalid."""
    if not (text.lstrip("-").isascii() and text.lstrip("-").isdecimal() and len(text) <= 10):
        raise Invalid(f"{what} is a whole number, not {text[:40]!r}")
    return int(text)


def moment(text: str, what: str) -> datetime | None:
    """None for an empty one. Raises Invalid."""
    try:
        return times.moment(text or None)
    except Invalid as error:
        raise Invalid(f"{what}: {error}") from None
