"""How things are said on a page: numbers with their size, times in UTC with how long ago, references as links."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from arkwright.collaborate import markdown
from arkwright.core import counted
from arkwright.core.alarms import DATA, READABLE, UNCHANGED, Alarm, subject
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import parse
from arkwright.core.times import zoned
from arkwright.core.visible import visible
from arkwright.measures import registry
from arkwright.measures.words import sentence

NONE = "–"
NOTHING = Markup("–")
PLACES: Mapping[str, str] = {
    "dataset": "/data",
    "run": "/runs",
    "tracked": "/runs/tracked",
    "registered": "/registered",
    "model": "/models",
    "release": "/releases",
    "endpoint": "/endpoints",
    "proposal": "/requirements",
    "account": "/people",
    "comment": "/comments",
}
_PART = re.compile(r"[^\n\r\t]+")
_SPANS = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))
_JUST_BEGUN = 30  # seconds: what was given a week a moment ago ends in a week, not in 6 days
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def shown(value: Any) -> Any:
    """What people wrote, so that nothing in it turns round what stands beside it; markup is our own."""
    if type(value) is not str or value.isprintable():
        return value
    return _PART.sub(lambda part: part[0] if part[0].isprintable() else visible(part[0]), value)


def number(value: float | str | None) -> str:
    """Four digits that count, thousands apart."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if not isfinite(value):
        return str(value)
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.4g}" if 1e-4 <= abs(value) < 1e4 else f"{value:,.1f}" if abs(value) >= 1e4 else f"{value:.3g}"


def size(count: float | None) -> str:
    """Bytes, as people say them."""
    if count is None:
        return NONE
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def span(seconds: float | None) -> str:
    """How long something took."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.3g} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 86400:.3g} days"


def percent(part: float | None) -> str:
    return NONE if part is None else counted.percent(part)


def moment(value: str | float | datetime) -> datetime | None:
    """A time as records have it; None where it is none."""
    if isinstance(value, datetime):
        return zoned(value)
    try:
        found = datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None
    return zoned(found)


def when(value: str | float | datetime | None) -> Markup:
    """`<time>` in UTC, with how long ago beside it."""
    at = moment(value) if value is not None else None
    if at is None:
        return NOTHING
    at = at.astimezone(UTC)
    said = f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M}"
    return Markup('<time datetime="{}" title="{} UTC">{} UTC</time> <span class="muted small">({})</span>').format(
        at.isoformat(timespec="seconds"), f"{at:%Y-%m-%d %H:%M:%S}", said, ago(at)
    )


def clock(seconds: float) -> str:
    """A point in time for a table of many, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%d %b %H:%M:%S}"


def since(value: str | float | datetime | None) -> Markup:
    """`<time>` as how long ago, for lists; the whole time in its title."""
    at = moment(value) if value is not None else None
    if at is None:
        return NOTHING
    at = at.astimezone(UTC)
    return Markup('<time class="nowrap" datetime="{}" title="{} UTC">{}</time>').format(
        at.isoformat(timespec="seconds"), f"{at:%Y-%m-%d %H:%M:%S}", ago(at)
    )


def due(value: str | float | datetime | None) -> Markup:
    """When something comes: in how long, or now where its time has passed."""
    at = moment(value) if value is not None else None
    return Markup("now") if at and at <= datetime.now(UTC) else since(value)


def ago(at: datetime) -> str:
    passed = (datetime.now(UTC) - at).total_seconds()
    far = passed if passed > 0 else _JUST_BEGUN - passed
    for length, word in _SPANS:
        if far >= length:
            text = counted.many(int(far // length), word)
            return f"{text} ago" if passed > 0 else f"in {text}"
    return "just now" if passed >= 0 else "in a moment"


def address(reference: str) -> str | None:
    """The page of a noun, or of the noun that a finding is on: `release:late@3` -> `/releases/late@3`. None for what
    has no page.
    """
    kind, colon, rest = reference.partition("#")[0].partition(":")
    place = PLACES.get(kind) if colon else None
    if kind == "alarm" and "/" in rest:
        endpoint, _, number = rest.rpartition("/")
        if endpoint.startswith(DATA):
            return f"{address(subject(endpoint))}/watch#alarm-{quote(number)}"
        return f"/endpoints/{quote(endpoint, safe='@')}/watch#alarm-{quote(number)}"
    if place is None:
        return None
    name = rest.partition("@")[0] if kind in ("endpoint", "account") else rest
    return f"{place}/{quote(name, safe='@')}"


def first_line(text: str) -> str:
    """How a text begins, for lists, without the markup that is met most."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = line.lstrip("#> ").replace("**", "").replace("`", "").strip() or line  # a link has to have a name
    return line if len(line) <= 120 else line[:119] + "…"


def person_at(name: str) -> str:
    """The page of a person."""
    return f"/people/{quote(name, safe='@')}"


def written(text: str, below: int = 3, called: Iterable[str] | None = None) -> Markup:
    """What somebody wrote, as Markdown; `below`: the level of the heading that it stands under; `called`: whom it
    tells, where that is on record.
    """
    return Markup(markdown.html(text, below=below, called=called))  # noqa: S704 - made safe there


def ref(reference: str | None, text: str | None = None) -> Markup:
    """A noun's reference as a link to its page."""
    if not reference:
        return NOTHING
    place = address(reference)
    if place is None:
        return unlinked(reference, text)
    return Markup('<a class="ref mono" href="{}">{}</a>').format(place, shown(text or reference))


def unlinked(reference: str | None, text: str | None = None) -> Markup:
    """A noun's reference where no page is."""
    return Markup('<span class="mono">{}</span>').format(shown(text or reference)) if reference else NOTHING


def short(digest: str | None) -> Markup:
    """The first twelve of a digest; all of it in the title."""
    return Markup('<code title="{}">{}</code>').format(digest, digest[:12]) if digest else NOTHING


def about(promise: str) -> str:
    """What the measure of a promise is, in a sentence; empty where nobody knows it any more."""
    try:
        found = registry.measures().get(parse(promise).call.name)
    except ArkwrightError:
        return ""
    return found.summary if found else ""


def limit(promise: str) -> float | None:
    """The first limit that a promise sets."""
    try:
        return parse(promise).bounds[0].limit
    except ArkwrightError:
        return None


_OF_SOURCES = {READABLE: "Its source can be read", UNCHANGED: "Its source has the columns that it had"}


def plain(promise: str) -> str:
    """A promise in plain words."""
    return _OF_SOURCES.get(promise) or sentence(promise)


def why_at(alarm: Alarm) -> str:
    """The page of what explains it."""
    return f"{address(subject(alarm.about))}/alarms/{alarm.number}"
