"""My own account: what I may do, my sessions, and the tokens with which programs act for me."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from arkwright.api.people import accounts, sessions
from arkwright.api.talking import letters
from arkwright.core.errors import ArkwrightError
from arkwright.govern.roles import RIGHTS, ROLES, lesser
from arkwright.govern.secrets import SESSION, TOKEN
from arkwright.notify.mail import CHOICES
from arkwright.pages import forms
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/account"
LINK, UNLINK = f"{PLACE}/link", f"{PLACE}/unlink"
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Mac OS", "macOS"))
SPANS = {"1d": "a day", "7d": "a week", "30d": "30 days", "90d": "90 days", "365d": "a year"}


def routes() -> list[Route]:
    return [
        route(PLACE, account, "self"),
        route(PLACE + "/tokens", make, "self", ["POST"]),
        route(PLACE + "/end", end, "self", ["POST"]),
        route(PLACE + "/mail", by_mail, "self", ["POST"]),
    ]


def account(request: Request) -> Response:
    return shown(request, None)


def shown(request: Request, refused: ArkwrightError | None) -> Response:
    """The page, with what the rules have against what was wanted."""
    at, by, known = context.context(request), context.actor(request), context.known(request)
    assert known
    held = sessions.sessions(at.site, by, at.project)
    own = accounts.account(at.site, by.name)
    return page(
        request,
        "account.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        own=own,
        rights=[text for right, text in RIGHTS.items() if right in by.rights],
        roles=[role for role in ROLES if role != "none" and lesser(role, own.role) == role],
        here=known.key.partition("/")[2],
        sessions=[replace(one, note=_plain(one.note)) for one in held if one.kind == SESSION],
        tokens=[one for one in held if one.kind == TOKEN],
        spans=SPANS,
        mail=letters.chosen(at.site, by),
        choices=CHOICES,
        ways=accounts.ways(at.site, by.name),
    )


async def make(request: Request) -> Response:
    """A token. It is shown once, on the answer itself, and stands nowhere else."""
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "role", "expires", "note")
    signs = await forms.several(request, "signs")

    def work() -> Response:
        words = {"role": said["role"], "expires": said["expires"], "note": said["note"]}
        made = accounts.token(at.site, by, at.project, signs=signs, **words)
        return page(request, "token.html", section=PLACE, made=made, note=said["note"])

    return await forms.shown(work, lambda error: shown(request, error))


async def by_mail(request: Request) -> Response:
    """What I am told by mail."""
    at, by = context.context(request), context.actor(request)
    wants = (await forms.fields(request, "wants"))["wants"]

    def work() -> str:
        made = letters.mail(at.site, by, at.project, wants=wants)
        return "you get no mail" if wants == "off" else f"{made.address} is written to: {CHOICES[wants]}"

    return await forms.decided(request, PLACE, work, shown)


async def end(request: Request) -> Response:
    at, known = context.context(request), context.known(request)
    assert known
    name = (await forms.fields(request, "id"))["id"]

    def work() -> str:
        sessions.end(at.site, known.actor, at.project, id=name)
        return "it has ended"

    ended = await forms.decided(request, PLACE, work, shown)
    own = known.key.partition("/")[2] == name
    return RedirectResponse("/login", 303) if own and ended.status_code == 303 else ended


def _plain(note: str) -> str:
    """`127.0.0.1, Mozilla/5.0 …` as people say it."""
    place, _, agent = note.partition(", ")
    browser = next((said for mark, said in _BROWSERS if mark in agent), agent.partition(" ")[0][:40] or "a browser")
    system = next((said for mark, said in _SYSTEMS if mark in agent), "Linux" if "Linux" in agent else "")
    return f"{browser}{f' on {system}' if system else ''}, from {place}"
