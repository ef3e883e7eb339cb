"""Why an alarm was raised: what explains it, before and now, as pictures and as tables, with the way to the rows."""

from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.watch.alarms import Alarmed, of
from arkwright.api.watch.causes import causes
from arkwright.api.watch.told import Causes, Rows
from arkwright.core import alarms, versions
from arkwright.core.errors import Unknown
from arkwright.core.nouns import Dataset, Endpoint
from arkwright.measures.causes import Explained, Part, percent
from arkwright.pages.draw.before_now import before_now
from arkwright.pages.render import page
from arkwright.pages.words import number
from arkwright.web import context
from arkwright.web.guard import LONGEST_URL
from arkwright.web.routes import route

PLACE, DATA = "/endpoints", "/data"


def routes() -> list[Route]:
    return [
        route(PLACE + "/{name}/alarms/{number}", one, "look"),
        route(DATA + "/{name}/alarms/{number}", of_data, "look"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A part of a column: `rows`, the page that lists its rows; empty where nothing finds them."""

    part: Part
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column, or the minutes, that explain: `unit` of what was measured in each, with what `against` says."""

    title: str
    lines: list[Line]
    of: str
    unit: str
    against: str
    drawn: list[tuple[str, Markup]]  # (what it shows, the picture)


def shown(found: Causes) -> list[Column]:
    name = found.about.partition(":")[2].partition("@")[0]
    return [_column(name, whole, places) for whole, places in found.columns if whole.parts]


def _column(endpoint: str, whole: Explained, places: tuple[Rows, ...]) -> Column:
    title = whole.parts[0].column or "When"
    there = [(one, rows) for one, rows in zip(whole.parts, places, strict=True) if one.before != 0 or one.now != 0]
    lines = [Line(part=part, rows=_listed(endpoint, part, rows)) for part, rows in there]
    parts = [part for part, _ in there]
    shares = before_now([(p.label, p.before, p.now, p.named) for p in parts], f"share of the {whole.of}", percent)
    drawn = [(f"Share of the {whole.of}", shares)]
    unit = whole.unit if any(part.value is not None for part in parts) else ""
    if unit:
        values = [(p.label, p.was, p.value, p.named) for p in parts]
        drawn.append((unit, before_now(values, f"{unit} of {title}", number)))
    return Column(title=title, lines=lines, of=whole.of, unit=unit, against=whole.against, drawn=drawn)


def _listed(endpoint: str, part: Part, rows: Rows) -> str:
    """A part of a column that the log does not have by itself has no rows of its own."""
    if not rows.where and (part.column or not part.span):
        return ""
    words = [("since", rows.since), ("until", rows.until), ("release", rows.release)]
    link = f"{PLACE}/{endpoint}/predictions?{urlencode([*words, *(('where', one) for one in rows.where)])}"
    return link if len(link) <= LONGEST_URL else ""


def one(request: Request) -> Response:
    """One alarm of an endpoint, and why."""
    at = context.context(request)
    name = versions.resolve(at.site.ledger, Endpoint, f"endpoint:{request.path_params['name']}").name
    return _page(request, name, PLACE, name)


def of_data(request: Request) -> Response:
    """One alarm of a dataset, and why."""
    name = request.path_params["name"].partition("@")[0]
    return _page(request, f"{alarms.DATA}{name}", DATA, name)


def _page(request: Request, about: str, section: str, name: str) -> Response:
    at, by = context.context(request), context.actor(request)
    ref = f"alarm:{about}/{request.path_params['number']}"
    alarmed: Alarmed | None = next((a for _, a in of(at.site, [about]) if a.alarm.ref == ref), None)
    if alarmed is None:
        raise Unknown(f"there is no {ref[:80]}")
    found = causes(at.site, by, at.project, alarm=ref)
    return page(
        request,
        "alarm.html",
        section=section,
        name=name,
        recorded=section == PLACE or versions.latest(at.site.ledger, Dataset, name) is not None,
        one=alarmed,
        found=found,
        columns=shown(found),
    )
