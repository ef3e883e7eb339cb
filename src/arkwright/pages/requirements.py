"""Requirements: what must hold, in plain words; who wants it otherwise; and who decides that."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from itertools import groupby
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import look
from arkwright.api.promising import fitting, propose, proposed, review
from arkwright.api.promising.requirements import Required, requirements
from arkwright.collaborate.proposals import is_author
from arkwright.core.counted import many
from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Dataset, Endpoint
from arkwright.core.rules import broken
from arkwright.measures.words import sentence
from arkwright.pages import alarming, forms
from arkwright.pages.render import page
from arkwright.project import toml
from arkwright.project.editing import spelling
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/requirements"
ASKED = ("where", "instead", "measure", "about", "op", "limit", "promise", "reason")
OPERATORS = {">=": "at least", "<=": "at most", "==": "exactly", ">": "more than", "<": "less than"}
SAID = {
    "data": ("Data", "measured on every version of the dataset"),
    "gate": ("Gate", "measured on held-out rows before a model may be deployed"),
    "endpoint": ("Endpoint", "to be watched while it answers"),
}
ENDED = ("applied", "committed", "refused", "withdrawn", "void")
SHOWN = 30  # proposals that are over


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE, begin, "talk", ["POST"]),
        route(PLACE + "/check", check, "look"),
        route(PLACE + "/{number}", one, "look"),
        route(PLACE + "/{number}", edit, "talk", ["POST"]),
        route(PLACE + "/{number}/review", decide, "talk", ["POST"]),
        route(PLACE + "/{number}/patch", patch, "look"),
    ]


def all_of(request: Request) -> Response:
    asked = {name: request.query_params.get(name, "") for name in ASKED}
    return _all(request, asked, None)


def _all(request: Request, asked: dict[str, str], refused: ArkwrightError | None) -> Response:
    at, by = context.context(request), context.actor(request)
    status, problem = (refused.status, str(refused)) if refused else (200, None)
    places: tuple[tuple[str, list[Required]], ...] = ()
    try:
        promised = _watched(request, requirements(at.site, by, at.project))
        places = tuple((key, list(group)) for key, group in groupby(promised, lambda r: f"{r.section}.{r.name}"))
    except ArkwrightError as error:
        problem = problem or str(error)
    listed = proposed.proposals(at.site, by, at.project)
    waiting = [p for p in listed if p.state not in ENDED]
    return page(
        request,
        "requirements.html",
        status=status,
        problem=problem,
        section=PLACE,
        facts=(many(sum(len(group) for _, group in places), "promise"), f"{len(waiting)} waiting"),
        said=SAID,
        places_=places,
        waiting=waiting,
        over=[p for p in listed if p.state in ENDED][:SHOWN],
        asked=asked,
        checked=_checked(request, asked) if any(asked[name] for name in ("measure", "promise", "instead")) else None,
        **_choices(request),
    )


def _watched(request: Request, promised: Iterable[Required]) -> Iterator[Required]:
    """With what is broken at endpoints just now."""
    raised = {(one.about, spelling(one.promise)): one for one in alarming.standing(request)}
    for one in promised:
        alarm = raised.get((one.name, spelling(one.promise))) if one.section == Endpoint.KIND else None
        yield replace(one, subject=alarm.release, finding=broken(alarm)) if alarm else one


def _choices(request: Request) -> dict[str, object]:
    """What the form offers: every table, every measure, the operators, the columns on record."""
    at, by = context.context(request), context.actor(request)
    try:
        spec = toml.read(at.project).spec
    except ArkwrightError:
        return {"tables": (), "measures": (), "operators": OPERATORS, "columns": ()}
    columns = {c.name for name in spec.data if (noun := at.site.catalog.latest(Dataset, name)) for c in noun.columns}
    return {
        "tables": [f"{section}.{name}" for section in SAID for name in getattr(spec, section)],
        "measures": look.measures(at.site, by, at.project),
        "operators": OPERATORS,
        "columns": sorted(columns),
    }


def check(request: Request) -> Response:
    """What the form would propose, in plain words; or what is wrong with it. Asked while people type."""
    asked = {name: request.query_params.get(name, "").strip() for name in ASKED}
    return page(request, "requirement_checked.html", checked=_checked(request, asked))


def _checked(request: Request, asked: dict[str, str]) -> dict[str, str | None]:
    """The promise, its words, what its measure says; or what is wrong."""
    at, by = context.context(request), context.actor(request)
    found: dict[str, str | None] = {"promise": None, "words": None, "wrong": None, "measure": None, "call": None}
    if asked["measure"]:
        try:
            measure = look.measures(at.site, by, at.project, name=asked["measure"])[0]
            found |= {"measure": measure.summary, "call": measure.call}
        except ArkwrightError as error:
            found["wrong"] = str(error)
    try:
        promise = composed(asked)
        if promise:
            section, name = fitting.place(asked["where"])
            fitting.fits(at.site, by, at.project, section, name, promise, sure=False)
            found |= {"promise": promise, "words": sentence(promise)}
        elif asked["instead"] and not asked["measure"]:
            found |= {"promise": asked["instead"], "words": f"No more: {sentence(asked['instead'])}"}
    except ArkwrightError as error:
        found["wrong"] = str(error)
    return found


def composed(asked: dict[str, str]) -> str:
    """The promise that the form means: as it was typed, else of the measure, what it is about, and the limit."""
    if asked["promise"]:
        return asked["promise"]
    if not asked["measure"] or not asked["limit"]:
        return ""
    if asked["op"] not in OPERATORS:
        raise Invalid(f"{asked['op'][:20]!r} compares nothing; choose at least, at most or another")
    about = f"({asked['about']})" if asked["about"] else ""
    return f"{asked['measure']}{about} {asked['op']} {_limit(asked['limit'])}"


def _limit(text: str) -> str:
    """A number as people write it: 70 % is 0.7, and 300,000 has a comma. Raises Invalid."""
    share = text.rstrip().endswith("%")
    plain = text.replace("%", "").replace(",", "").replace("\u202f", "").replace(" ", "")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Invalid(f"{text[:40]!r} is no number; write it like 0.7 or 70 %")
    return format(number / 100 if share else number, "f") if abs(number.adjusted()) < 20 else plain


async def begin(request: Request) -> Response:
    asked = await forms.fields(request, *ASKED)

    def work() -> str:
        made = _propose(request, asked, None)
        return f"proposal {made.proposal.id} is made; somebody else accepts or refuses it"

    return await forms.decided(request, PLACE, work, lambda asking, error: _all(asking, asked, error))


async def edit(request: Request) -> Response:
    """Its author says it otherwise."""
    number = forms.count(request.path_params["number"])
    asked = await forms.fields(request, *ASKED)

    def work() -> str:
        made = _propose(request, asked, number)
        return f"proposal {made.proposal.id} is changed"

    return await forms.decided(request, f"{PLACE}/{number}", work, _one)


def _propose(request: Request, asked: dict[str, str], number: int | None) -> proposed.Proposed:
    at, by = context.context(request), context.actor(request)
    return propose.propose(
        at.site,
        by,
        at.project,
        where=asked["where"],
        promise=composed(asked) or None,
        instead=asked["instead"] or None,
        reason=asked["reason"],
        proposal=number,
    )


def one(request: Request) -> Response:
    return _one(request, None)


def _one(request: Request, refused: ArkwrightError | None) -> Response:
    at, by, number = context.context(request), context.actor(request), forms.count(request.path_params["number"])
    (shown,) = proposed.proposals(at.site, by, at.project, proposal=number)
    diff = ""
    mine: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    try:
        mine, wanted = proposed.may_review(at.site, by, toml.read(at.project).spec, shown.proposal)
        diff = proposed.patch(at.site, by, at.project, proposal=number).text
    except ArkwrightError:
        pass  # it is over, or the file cannot be read; the page says which
    return page(
        request,
        "requirement.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        one=shown,
        lines=diff.splitlines(),
        roles=mine if shown.state == "open" or (shown.state == "accepted" and proposed.commits(at.project)) else (),
        wanted=wanted,
        is_mine=is_author(shown.proposal, by.name),
    )


async def decide(request: Request) -> Response:
    at, by, number = context.context(request), context.actor(request), forms.count(request.path_params["number"])
    said = await forms.fields(request, "role", "reason", "digest", "decision")
    acting = forms.in_role(by, said["role"])

    def work() -> str:
        if said["decision"] not in ("accept", "refuse"):
            raise Invalid("accept it or refuse it")
        made = review.review(
            at.site,
            acting,
            at.project,
            proposal=number,
            accept=said["decision"] == "accept",
            reason=said["reason"],
            digest=said["digest"],
        )
        return f"proposal {number} is {made.state}" + (f"; {made.why}" if made.why else "")

    return await forms.decided(request, f"{PLACE}/{number}", work, _one)


def patch(request: Request) -> Response:
    """The diff, to be saved."""
    at, by, number = context.context(request), context.actor(request), forms.count(request.path_params["number"])
    made = proposed.patch(at.site, by, at.project, proposal=number)
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.file)}", "Cache-Control": "no-store"}
    return Response(made.text, headers=headers, media_type="text/x-diff")
