"""Discussion: what people say about a noun, on its page and on pages of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from arkwright.api.talking import talk
from arkwright.collaborate.markdown import mentions
from arkwright.collaborate.threads import Remark, Thread
from arkwright.core.errors import ArkwrightError, Unknown, did_you_mean
from arkwright.core.nouns import Account
from arkwright.core.rules import person
from arkwright.pages import forms
from arkwright.pages.render import page
from arkwright.pages.words import address
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/discussion"
SHOWN, LISTED = 5, 20  # threads on a noun's page; in the list of all
WHOLE, LAST = 50, 10  # comments of a thread on its own page at once, beside the first; on a noun's page
SHOWS = {"": "Everything", "questions": "Open questions", "mine": "Where I spoke", "watched": "What I watch"}


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE, begin, "talk", ["POST"]),
        route(PLACE + "/new", new, "talk"),
        route(PLACE + "/{thread}", one, "look"),
        route(PLACE + "/{thread}", reply, "talk", ["POST"]),
        route("/comments/{comment}", comment, "look"),
        route("/comments/{comment}/amend", amend, "talk", ["POST"]),
        route("/comments/{comment}/mark", mark, "talk", ["POST"]),
        route("/follow", follow, "talk", ["POST"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Of a long thread the first comment and some others; `left` are not there, such as `earlier` and `later`."""

    remarks: tuple[Remark, ...]
    left: int = 0
    earlier: int | None = None
    later: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What is said about a noun. `more`: there are earlier threads; `names`: who can be mentioned."""

    about: str
    threads: tuple[tuple[Thread, Part], ...]
    more: bool
    watching: bool
    names: list[str]


def panel(request: Request, about: str, *also: str) -> Panel:
    """The newest threads about a noun, and about others that are shown on its page."""
    at, by = context.context(request), context.actor(request)
    said = [talk.threads(at.site, by, at.project, about=ref, limit=SHOWN) for ref in (about, *also)]
    found = sorted((thread for part in said for thread in part.items), key=lambda thread: -thread.id)
    watching = about in at.site.catalog.talk.watched(by.name)
    more = len(found) > SHOWN or any(part.next for part in said)
    threads = tuple((thread, _part(thread, LAST)) for thread in found[:SHOWN])
    return Panel(about=about, threads=threads, more=more, watching=watching, names=names(request))


def _part(thread: Thread, most: int, around: int | None = None) -> Part:
    """The last ones, or those around a comment."""
    first, *rest = thread.remarks
    ids = [one.id for one in rest]
    place = ids.index(around) if around in ids else len(ids)
    begin = max(0, min(place - most // 2, len(ids) - most))
    end = begin + most
    return Part(
        remarks=(first, *rest[begin:end]),
        left=len(ids) - len(ids[begin:end]),
        earlier=ids[max(0, begin - most + most // 2)] if begin else None,
        later=ids[min(end + most // 2, len(ids) - 1)] if end < len(ids) else None,
    )


def names(request: Request) -> list[str]:
    """Who can be mentioned."""
    return context.context(request).site.catalog.names(Account)


def all_of(request: Request) -> Response:
    """Every thread, in pages: all of them, open questions, where I spoke, what I watch, or about one noun."""
    at, by, asked = context.context(request), context.actor(request), request.query_params
    shows, about = asked.get("show", ""), asked.get("about") or None
    before = forms.count(asked["before"]) if asked.get("before") else None
    found = talk.threads(
        at.site,
        by,
        at.project,
        about=about,
        questions=shows == "questions",
        mine=shows == "mine",
        watched=shows == "watched",
        limit=LISTED,
        before=before,
    )
    kept = {"show": shows} | ({"about": about} if about else {})
    older = f"{PLACE}?{urlencode(kept | {'before': found.next})}" if found.next else None
    return page(
        request, "threads.html", section=PLACE, threads=found.items, older=older, shows=SHOWS, shown=shows, about=about
    )


def one(request: Request) -> Response:
    return _one(request, None)


def _one(request: Request, refused: ArkwrightError | None, draft: str = "") -> Response:
    at, by = context.context(request), context.actor(request)
    number = forms.count(request.path_params["thread"])
    (thread,) = talk.threads(at.site, by, at.project, thread=number).items
    around = request.query_params.get("around")
    return page(
        request,
        "thread.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        thread=thread,
        part=_part(thread, WHOLE, forms.count(around) if around else None),
        names=names(request),
        draft=draft,
        watching=thread.about in at.site.catalog.talk.watched(by.name),
    )


def new(request: Request) -> Response:
    return _new(request, None, request.query_params.get("about", ""))


def _new(request: Request, refused: ArkwrightError | None, about: str, draft: str = "") -> Response:
    """A page to begin a thread; with what was refused just now and the text that was written."""
    return page(
        request,
        "say.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        about=about[:300],
        names=names(request),
        draft=draft,
    )


async def begin(request: Request) -> Response:
    """A new thread. Where it was begun on the noun's page, back there."""
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "about", "text", "question", "call", "here")
    text = _called(said["text"], said["call"])

    def work() -> str:
        _must_be_here(request, said["call"])
        about, asks = said["about"], bool(said["question"])
        made = talk.discuss(at.site, by, at.project, about=about, text=text, question=asks)
        return _place(at, made.about, made.thread, made.id) if said["here"] else f"{PLACE}/{made.thread}"

    return await _sent(work, lambda error: _new(request, error, said["about"], text))


async def reply(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "text", "call", "here")
    text = _called(said["text"], said["call"])

    def work() -> str:
        thread = forms.count(request.path_params["thread"])
        _must_be_here(request, said["call"])
        made = talk.discuss(at.site, by, at.project, thread=thread, text=text)
        return _place(at, made.about if said["here"] else "", made.thread, made.id)

    return await _sent(work, lambda error: _one(request, error, text))


def comment(request: Request) -> Response:
    """Where a comment stands."""
    at, number = context.context(request), forms.count(request.path_params["comment"])
    inside = at.site.catalog.talk.thread_of(number)
    if inside is None:
        raise Unknown(f"there is no comment {number}")
    return RedirectResponse(_place(at, "", inside, number), 303)


async def amend(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "text", "delete", "here")

    def work() -> str:
        number = forms.count(request.path_params["comment"])
        words = {"delete": True} if said["delete"] else {"text": said["text"]}
        made = talk.amend(at.site, by, at.project, comment=number, **words)
        return _place(at, made.about if said["here"] else "", made.thread, made.id)

    return await _sent(work, _again(request, said["text"]))


async def mark(request: Request) -> Response:
    """Accept, mark as answered, find helpful; or take it back."""
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "mark", "undo", "here")

    def work() -> str:
        number = forms.count(request.path_params["comment"])
        kind, undo = said["mark"] or "accepted", bool(said["undo"])
        thread = talk.answer(at.site, by, at.project, comment=number, mark=kind, undo=undo)
        return _place(at, thread.about if said["here"] else "", thread.id, number)

    return await _sent(work, _again(request))


async def follow(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "about", "off")

    def work() -> str:
        made = talk.follow(at.site, by, at.project, about=said["about"], on=not said["off"])
        place = address(made.about) or PLACE
        done = f"You {'hear' if made.on else 'no longer hear'} of what happens to {made.about}"
        return f"{place}?{urlencode({'done': done})}"

    return await _sent(work, None)


def _again(request: Request, draft: str = "") -> Callable[[ArkwrightError], Response]:
    """The thread in which a comment stands, with what was refused."""

    def shown(error: ArkwrightError) -> Response:
        inside = context.context(request).site.catalog.talk.thread_of(forms.count(request.path_params["comment"]))
        if inside is None:
            raise error
        request.path_params["thread"] = str(inside)
        return _one(request, error, draft)

    return shown


async def _sent(work: Callable[[], str], again: Callable[[ArkwrightError], Response] | None) -> Response:
    """Do it and go where it says; or the page again, with the words that were written still there."""
    try:
        place = await run_in_threadpool(work)
    except ArkwrightError as error:
        if again is None:
            raise
        refusal = error
        return await run_in_threadpool(lambda: again(refusal))
    return RedirectResponse(place, 303)


def _place(at: context.Context, about: str, thread: int, comment: int) -> str:
    """The comment on the noun's page if that is where it was written, else on the thread's."""
    place = f"{PLACE}/{thread}"
    if len(at.site.catalog.talk.thread(thread)) > WHOLE:
        place += f"?around={comment}"
    return f"{address(about) or place}#c{comment}"


def _called(text: str, call: str) -> str:
    """The text, with those mentioned at its end who were only named in the field beside it."""
    there = mentions(text)
    more = [name for name in _names(call) if name not in there]
    return f"{text}\n\n{' '.join(f'@{name}' for name in dict.fromkeys(more))}" if more else text


def _names(call: str) -> list[str]:
    return [name for part in call.split(",") if (name := part.strip().lstrip("@"))]


def _must_be_here(request: Request, call: str) -> None:
    """Raises Unknown for a name that was put into the field beside the text, and that nobody has."""
    known = names(request)
    here = {person(name) for name in known}
    for name in _names(call):
        if person(name) not in here:
            raise Unknown(f"nobody is called {name[:80]!r} here, so they cannot be told{did_you_mean(name, known)}")
