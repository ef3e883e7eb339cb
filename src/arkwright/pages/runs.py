"""Runs: the list, one run with its steps and its live log, and runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from arkwright.api import catalog
from arkwright.api.jobs import jobs
from arkwright.api.runs import every_run, tracked, walked
from arkwright.api.runs.compared import Lines, compare
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Unknown
from arkwright.core.nouns import Run
from arkwright.core.rules import person
from arkwright.pages import asked, forms, talk
from arkwright.pages.render import page
from arkwright.pages.words import number
from arkwright.sites import Site
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/runs"
SHOWN = 50
WORDS = ("source", "name", "author", "state", "text", "sort", "number", "after")  # of the list's filter
SHOWN_LINES = 500  # of a log, its last
RECENT = 12  # runs that are offered to compare with


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE, begin, "work", ["POST"]),
        route(PLACE + "/compare", side_by_side, "look"),
        route(PLACE + "/jobs/{id}", job, "look"),
        route(PLACE + "/jobs/{id}/stop", stop, "work", ["POST"]),
        route(PLACE + "/{name}", one, "look"),
        route(PLACE + "/{name}/code", code, "look"),
        route(PLACE + "/{name}/log", log, "look"),
    ]


def all_of(request: Request) -> Response:
    return _all(request, None)


def _all(request: Request, refused: ArkwrightError | None) -> Response:
    at, by = context.context(request), context.actor(request)
    words, problem = asked.texts(request, *WORDS), refused
    found: tuple[every_run.Listed, ...] = ()
    after = None
    try:
        given = {word: text for word, text in words.items() if text}
        listed = every_run.listed(at.site, by, at.project, **given, limit=SHOWN)
        found, after = listed.items, listed.next
    except ArkwrightError as error:
        problem = problem or error
    return page(
        request,
        "runs.html",
        status=problem.status if problem else 200,
        problem=str(problem) if problem else None,
        section=PLACE,
        runs=found,
        asked=words,
        pages=asked.pages(request, after, f"{SHOWN} a page"),
        numbers=every_run.numbers(at.site),
        names=_names(at.site, words["name"]),
        working=[one for one in jobs.jobs(at.site, by, at.project) if not one.over],
    )


def _names(site: Site, asked: str) -> list[str]:
    """By which runs can be chosen: of the line's, of the experiments that were made last, and the one that was."""
    experiments = site.tracking.experiments().items if site.tracks else ()
    return sorted({*site.catalog.names(Run), *(one.name for one in experiments), *filter(None, [asked])})


async def begin(request: Request) -> Response:
    """Walk the line, in a job."""
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "seed")

    def work() -> Response:
        try:
            words = {"seed": asked.whole(said["seed"], "the seed")} if said["seed"] else {}
            begun = jobs.begin(at.site, by, at.project, verb="run", words=words)
        except ArkwrightError as error:
            return _all(request, error)
        return RedirectResponse(f"{PLACE}/jobs/{begun.id}", 303)

    return await run_in_threadpool(work)


def job(request: Request) -> Response:
    return _job(request, None)


def _job(request: Request, refused: ArkwrightError | None) -> Response:
    at, by = context.context(request), context.actor(request)
    found = jobs.job(at.site, by, at.project, id=request.path_params["id"])
    return page(
        request,
        "job.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        job=found,
        run=jobs.run_of(at.site, found.id),
        told=jobs.told_last(at.site, found.id),
        answer=jobs.answer(at.site, by, at.project, id=found.id) if _shown(found) else None,
    )


def _shown(job: jobs.Job) -> bool:
    """Whether the page of the job itself shows what came of it."""
    return job.verb == "reproduce" and job.state == "done"


async def stop(request: Request) -> Response:
    at, by, name = context.context(request), context.actor(request), request.path_params["id"]

    def work() -> str:
        return f"stopped: {jobs.stop_job(at.site, by, at.project, id=name).verb}"

    return await forms.decided(request, f"{PLACE}/jobs/{quote(name, safe='')}", work, _job)


def one(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    found = walked.walked(at.site, by, at.project, run=f"run:{request.path_params['name']}")
    run = found.run
    kept = None if found.job and not found.job.over else walked.log(at.site, run)
    recent = catalog.runs(at.site, by, at.project, limit=RECENT + 1).items
    return page(
        request,
        "run.html",
        section=PLACE,
        walked=found,
        run=run,
        mine=person(run.author) == person(by.name),
        told=jobs.told_last(at.site, found.job.id) if found.job and kept is None else [],
        log=kept.splitlines()[-SHOWN_LINES:] if kept is not None else None,
        lines=kept.count("\n") if kept is not None else 0,
        charts=charts(found.curves),
        lost=[context.placeless(f"{what}: {why}", at) for what, why in found.lost.items()],
        others=[other for other in recent if other.ref != run.ref][:RECENT],
        total=sum(run.seconds.values()),
        longest=max(run.seconds.values(), default=0.0),
        talk=talk.panel(request, run.ref),
    )


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over steps. `notes`: what no line shows, in words; `drawn`: whether there is a line at all."""

    what: str
    heads: list[str]
    rows: list[list[float | None]]
    notes: list[str]
    drawn: bool


def charts(curves: Sequence[tracked.Curve]) -> list[Chart]:
    """Of one run; what has one point alone is a number, and stands among those."""
    lasting = [one for one in curves if len(one.points) > 1 or one.ends]
    return [chart(Lines(what=one.what, runs=(one.points,), ends=(one.ends,)), (one.what,)) for one in lasting]


def log(request: Request) -> Response:
    """All that was kept of what a run said and printed."""
    at = context.context(request)
    run = versions.resolve(at.site.ledger, Run, f"run:{request.path_params['name']}")
    kept = walked.log(at.site, run)
    if kept is None:
        raise Unknown(f"no log of {run.ref} is kept")
    return PlainTextResponse(kept, headers={"Cache-Control": "no-store"})


def code(request: Request) -> Response:
    """The code as it ran, a file at a time."""
    at = context.context(request)
    run = versions.resolve(at.site.ledger, Run, f"run:{request.path_params['name']}")
    files = walked.files(at.site, run)
    path = request.query_params.get("file") or next(iter(files), None)
    text = walked.source(at.site, run, path) if path else ""
    links = [(name, f"{PLACE}/{run.name}@{run.version}/code?{urlencode({'file': name})}") for name in files]
    return page(request, "run_code.html", section=PLACE, run=run, links=links, file=path, text=text)


def side_by_side(request: Request) -> Response:
    """Any runs, named in the address; what is the same in all of them only where it is wished."""
    at, by = context.context(request), context.actor(request)
    names = list(dict.fromkeys(name.strip() for name in request.query_params.getlist("run") if name.strip()))
    whole = request.query_params.get("show") == "all"
    found, problem = None, None
    try:
        found = compare(at.site, by, at.project, runs=tuple(names))
    except ArkwrightError as error:
        problem = error
    facts = [fact for fact in found.facts if whole or fact.differs] if found else []
    return page(
        request,
        "compare.html",
        status=problem.status if problem else 200,
        problem=str(problem) if problem else None,
        section=PLACE,
        found=found,
        facts={about: [fact for fact in facts if fact.about == about] for about in ABOUT},
        about=ABOUT,
        names=names,
        whole=whole,
        hidden=len(found.facts) - len(facts) if found else 0,
        charts=[chart(lines, found.names) for lines in found.curves] if found else [],
        lines_of=sum(run.startswith(Run.KIND) for run in found.runs) if found else 0,
        changes=[(change, lines(change.diff)) for change in found.code] if found else [],
    )


def chart(curve: Lines, names: tuple[str, ...]) -> Chart:
    """The steps of all runs, and each run's value at each, None where it has none."""
    each = [dict(points or ()) for points in curve.runs]
    steps = sorted({step for points in each for step in points})
    rows: list[list[float | None]] = [[step, *(points.get(step) for points in each)] for step in steps]
    said = [
        (name, _unseen(points, ends))
        for name, points, ends in zip(names, curve.runs, curve.ends, strict=True)
        if points is not None
    ]
    notes = [note if len(names) == 1 else f"{name}: {note}" for name, note in said if note]
    drawn = any(len(points) > 1 for points in each)
    return Chart(curve.what, ["step", *names], rows, notes, drawn)


def _unseen(points: tuple[tuple[int, float], ...], ends: str) -> str:
    """What a line of these points does not show."""
    few = "no finite value" if not points else ""
    if len(points) == 1:
        (step, value) = points[0]
        few = f"one finite value, {number(value)} at step {step}"
    return ", ".join(filter(None, (few, ends)))


ABOUT = {
    "promise": "Promises",
    "metric": "Numbers",
    "parameter": "Parameters",
    "data": "Data",
    "run": "The runs",
    "time": "Seconds for each step",
}


def lines(diff: str) -> list[tuple[str, str]]:
    """(add, cut, place or nothing; the line) of a unified diff, without its two names."""
    tones = {"+": "add", "-": "cut", "@": "at"}
    told = [line for line in diff.splitlines() if not line.startswith(("--- ", "+++ "))]
    return [(tones.get(line[:1], ""), line) for line in told]
