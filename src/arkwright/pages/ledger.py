"""The ledger: every event, filtered, a page at a time; verified; taken away as JSON lines."""

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from arkwright.api import catalog
from arkwright.core import telling
from arkwright.core.errors import ArkwrightError, Throttled
from arkwright.core.nouns import Event
from arkwright.core.record import encode
from arkwright.pages import asked, forms
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/ledger"
SHOWN, AT_ONCE, LINES = 50, 1000, 200  # events on a page; read at once, and sent at once, for an export
WORDS = ("kind", "who", "since", "until", "about", "text", "beside")
_VERIFYING = threading.Lock()  # it reads everything: one at a time


def routes() -> list[Route]:
    return [
        route(PLACE, listed, "look"),
        route(PLACE + "/export", export, "look"),
        route(PLACE + "/verify", verify, "look", ["POST"]),
    ]


def listed(request: Request) -> Response:
    return _listed(request, None, None)


def _listed(request: Request, problem: ArkwrightError | None, verified: catalog.Verified | None) -> Response:
    at, by = context.context(request), context.actor(request)
    words = asked.texts(request, *WORDS, "before")
    events: list[Event] = []
    try:
        before = asked.whole(words["before"], "before") if words["before"] else None
        events = list(catalog.ledger(at.site, by, at.project, **_wanted(at, words), before=before, last=SHOWN + 1))
    except ArkwrightError as error:
        problem = problem or error
    shown = events[-SHOWN:][::-1]
    older = str(shown[-1].seq) if len(events) > SHOWN else None
    kept = {word: words[word] for word in WORDS if words[word]}
    return page(
        request,
        "ledger.html",
        status=problem.status if problem else 200,
        problem=str(problem) if problem else None,
        section=PLACE,
        events=[(event, telling.tell(event)) for event in shown],
        asked=words,
        kinds=telling.sought(at.site.catalog.kinds(), words["kind"]),
        pages=asked.pages(request, older, f"{SHOWN} a page, the newest first", "before"),
        verified=verified,
        head=at.site.ledger.head(),
        export=f"{PLACE}/export?{urlencode(kept)}" if kept else f"{PLACE}/export",
        filtered=bool(kept.keys() - {"beside"}),
    )


def _wanted(at: context.Context, words: dict[str, str]) -> dict[str, Any]:
    """The filter as the verb takes it; what only keeps order is there where it is asked for. Raises Invalid."""
    told = () if words["beside"] else tuple(telling.sought(at.site.catalog.kinds()))
    return {
        "kinds": (words["kind"],) if words["kind"] else told,
        "who": words["who"] or None,
        "since": asked.moment(words["since"], "from"),
        "until": asked.moment(words["until"], "before"),
        "about": words["about"] or None,
        "text": words["text"] or None,
    }


async def verify(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "against")

    def work() -> Response:
        if not _VERIFYING.acquire(blocking=False):
            return _listed(
                request, Throttled("it is being verified already; try again when that is done", after=10), None
            )
        try:
            return _listed(request, None, catalog.verify(at.site, by, at.project, against=said["against"] or None))
        except ArkwrightError as error:
            return _listed(request, error, None)
        finally:
            _VERIFYING.release()

    return await run_in_threadpool(work)


def export(request: Request) -> Response:
    """What fits, or everything, as it is read. A broken event cuts it off: nobody takes it for whole."""
    at, by = context.context(request), context.actor(request)
    words = asked.texts(request, *WORDS)
    wanted = _wanted(at, words)
    events: Iterator[Event]
    if any(words[word] for word in WORDS if word != "beside"):
        catalog.ledger(at.site, by, at.project, **wanted, last=1)  # a mistake is told now
        events = _those(request, wanted)
    else:
        events = catalog.export(at.site, by, at.project)
    headers = {"Content-Disposition": 'attachment; filename="ledger.jsonl"', "Cache-Control": "no-store"}
    lines = (encode(event).encode() + b"\n" for event in events)
    return StreamingResponse(iterate_in_threadpool(_pieces(lines)), 200, headers, media_type="application/jsonl")


def _those(request: Request, wanted: dict[str, Any]) -> Iterator[Event]:
    at, by, after = context.context(request), context.actor(request), 0
    while found := catalog.ledger(at.site, by, at.project, **wanted, after=after, last=AT_ONCE):
        yield from found
        after = found[-1].seq


def _pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Many lines at once: a hop between threads for each would cost more than the line."""
    while piece := b"".join(islice(lines, LINES)):
        yield piece
