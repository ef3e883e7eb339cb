"""Templates into answers. Everything is escaped; a page may load nothing but our own files and run no inline script."""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from arkwright.api.talking import inbox
from arkwright.core.counted import many
from arkwright.core.rules import alarmed
from arkwright.core.telling import kind, named
from arkwright.pages import words
from arkwright.pages.draw.graph import graph
from arkwright.pages.draw.interval import interval
from arkwright.pages.draw.lines import bars, histogram, spark
from arkwright.pages.draw.tradeoff import tradeoff
from arkwright.web import context, cookies

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_WRONG = ("problem", "detail", "wrong")  # what an error said
_DRAWN = {"interval": interval, "spark": spark, "histogram": histogram, "bars": bars, "graph": graph}


@cache
def _environment(*, linked: bool = True) -> Environment:
    """`linked`: whether a reference leads to its page; in a file of its own it would lead nowhere."""
    folder = Path(__file__).parent / "templates"
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=words.shown,
    )
    said = (words.number, words.size, words.span, words.percent, many, words.when, words.since, words.due, words.ref)
    more = (words.plain, words.short, words.about, words.written, words.first_line, words.clock, words.why_at)
    made.filters |= {function.__name__: function for function in (*said, *more)}
    made.globals |= _DRAWN | {"tradeoff": tradeoff, "address": words.address, "person_at": words.person_at}
    made.globals["limit"] = words.limit
    made.filters |= {"kind": kind, "named": named, "alarmed": alarmed}
    if not linked:
        made.filters["ref"] = words.unlinked
    return made


def page(request: Request, template: str, *, status: int = 200, **said: Any) -> Response:
    """A page in the words of its template; `me` is who looks, `may` tells what they may do, `typed` what they sent to
    this form, if it was refused just now.
    """
    at, known = context.context(request), context.known(request)
    me = known.account if known else None
    common = {
        "problem": None,
        "me": me,
        "unread": inbox.unread(at.site, known.actor) if known else 0,
        "may": lambda right: known is not None and right in known.actor.rights,
        "typed": lambda action: getattr(request.state, "typed", {}) if _verb(action) == _verb(request.url.path) else {},
        "at": at,
        "path": request.url.path,
        "query": request.query_params,
        "section": "",
        "places": _places(request.app),
        "behind": at.site.catalog.behind,
        "done": unquote(cookies.read(request.headers, at.address, cookies.SAID)),
    }
    wrong = {word: context.placeless(text, at) for word in _WRONG if isinstance(text := said.get(word), str)}
    text = _environment().get_template(template).render(**(common | said | wrong))
    answer = HTMLResponse(text, status, {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})
    if common["done"]:
        cookies.drop(answer, at.address, cookies.SAID)  # said once
    return answer


def _verb(path: str) -> str:
    """What a form's address does; the noun before it may be spelt in several ways, such as with no version."""
    return path.rpartition("/")[2]


def alone(template: str, **said: Any) -> str:
    """A file that is read without a control room."""
    return _environment(linked=False).get_template(template).render(**said)


def _places(app: Starlette) -> frozenset[str]:
    """The paths that are there: the menu leads to no others."""
    if not hasattr(app.state, "places"):
        app.state.places = frozenset(getattr(route, "path", "") for route in app.routes)
    found: frozenset[str] = app.state.places
    return found
