"""Data: datasets and their versions, promises over time, what the columns hold, rows in quarantine, lineage."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import datasets, look
from arkwright.api.lineage import lineage
from arkwright.api.watch.data_over_time import data_over_time
from arkwright.catalog.pages import Page
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Dataset
from arkwright.data.quarantine import Kept
from arkwright.pages import alarming, asked, lost, talk, watch_charts
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/data"
SHOWN = 50  # rows of a quarantine


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE + "/{name}", one, "look"),
        route(PLACE + "/{name}/profile", profile, "look"),
        route(PLACE + "/{name}/quarantine", quarantine, "look"),
    ]


def all_of(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    found, alarms = datasets.datasets(at.site, by, at.project), alarming.counted(alarming.standing(request))
    return page(request, "data.html", section=PLACE, datasets=found, alarms=alarms)


def one(request: Request) -> Response:
    at, by, reference = context.context(request), context.actor(request), f"dataset:{request.path_params['name']}"
    turned = request.query_params.get("before", "")
    before = asked.whole(turned, "before") if turned else None
    found = datasets.dataset(at.site, by, at.project, reference=reference, before=before)
    noun = found.data.noun
    watch = data_over_time(at.site, by, at.project, name=noun.name)
    older = found.versions[-1][1].version if len(found.versions) == datasets.SHOWN else None
    return page(
        request,
        "dataset.html",
        section=PLACE,
        found=found,
        noun=noun,
        watch=watch,
        watched=watch_charts.data_shown(watch),
        lineage=lineage(at.site, by, at.project, reference=noun.ref),
        talk=talk.panel(request, noun.ref),
        pages=asked.pages(request, str(older) if older and older > 1 else None, "versions", "before"),
    )


def profile(request: Request) -> Response:
    """What the columns hold; it takes the longer the larger the data, so the dataset's own page fetches it aside."""
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    noun = versions.resolve(at.site.ledger, Dataset, f"dataset:{name}")
    found, why = lost.part(request, lambda: look.profile(at.site, by, at.project, dataset=noun.ref))
    return page(request, "profile.html", section=PLACE, noun=noun, profile=found, lost=why)


def quarantine(request: Request) -> Response:
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    noun = versions.resolve(at.site.ledger, Dataset, f"dataset:{name}")
    words, problem = asked.texts(request, "text", "after"), None
    found: Page[Kept] = Page(items=())
    try:
        given = {word: text for word, text in words.items() if text}
        found = datasets.quarantine(at.site, by, at.project, dataset=noun.ref, limit=SHOWN, **given)
    except ArkwrightError as error:
        problem = error
    return page(
        request,
        "quarantine.html",
        status=problem.status if problem else 200,
        problem=str(problem) if problem else None,
        section=PLACE,
        noun=noun,
        rows=found.items,
        asked=words,
        place=request.url.path,
        pages=asked.pages(request, found.next, f"{SHOWN} a page"),
    )
