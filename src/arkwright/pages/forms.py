"""What people sent: fields of a form, and the answer after a decision."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Invalid, Refused, Unknown
from arkwright.core.nouns import Actor, Release
from arkwright.sites import Site
from arkwright.web import context, cookies

KEPT = ("reason", "how", "share", "release")  # what people chose and wrote, and want to have still when it was refused
SAID_MOST, SAID_LASTS = 300, 60  # characters of what was done; seconds in which a page has to say it


async def fields(request: Request, *names: str) -> dict[str, str]:
    """These fields, empty where one was left out. Raises Invalid for a file in the place of a word."""
    form = await request.form()
    given = {name: form.get(name, "") for name in names}
    if not all(isinstance(value, str) for value in given.values()):
        raise Invalid(f"the form has to say in words: {', '.join(names)}")
    return {name: str(value).strip() for name, value in given.items()}


async def raw(request: Request, *names: str) -> list[str]:
    """These fields as they were typed, none left out. Raises Invalid."""
    form = await request.form()
    given = [form.get(name) for name in names]
    if not all(isinstance(one, str) for one in given):
        raise Invalid(f"the form has to say: {', '.join(names)}")
    return [str(one) for one in given]


async def several(request: Request, name: str) -> tuple[str, ...]:
    """Every value of a field that may stand more than once, such as a row of boxes to tick."""
    form = await request.form()
    return tuple(dict.fromkeys(value.strip() for value in form.getlist(name) if isinstance(value, str)))


async def prefixed(request: Request, prefix: str) -> dict[str, str]:
    """Every field whose name begins so, without it: of forms that are made from a row class."""
    form = await request.form()
    return {
        name.removeprefix(prefix): value
        for name, value in form.multi_items()
        if name.startswith(prefix) and isinstance(value, str)
    }


def may(request: Request, right: str) -> bool:
    """Whether who looks has this right: what they may not do is not offered."""
    return right in context.actor(request).rights


def listed(text: str) -> tuple[str, ...]:
    """Words with commas between them."""
    return tuple(word for part in text.split(",") if (word := part.strip()))


async def shown(work: Callable[[], Response], again: Callable[[ArkwrightError], Response]) -> Response:
    """What was made, on the answer itself; or the page again with what the rules have against it."""
    try:
        return await run_in_threadpool(work)
    except ArkwrightError as error:
        refusal = error
        return await run_in_threadpool(lambda: again(refusal))


async def decided(
    request: Request, place: str, work: Callable[[], str], again: Callable[[Request, ArkwrightError], Response] | None
) -> Response:
    """Do it and go to `place`, which says so; or the page again with what the rules have against it, and what was
    typed.
    """
    try:
        said = await run_in_threadpool(work)
    except ArkwrightError as error:
        if again is None:
            raise
        refusal = error
        form = await request.form()
        request.state.typed = {name: text for name in KEPT if isinstance(text := form.get(name), str)}
        return await run_in_threadpool(lambda: again(request, refusal))
    return went(request, place, said)


def went(request: Request, place: str, said: str) -> Response:
    """On to `place`, which says what was done."""
    answer = RedirectResponse(place, 303)
    # in a cookie and not in the address: no link may have us say what somebody else thought of
    cookies.put(answer, context.context(request).address, cookies.SAID, quote(said[:SAID_MOST]), SAID_LASTS)
    return answer


def in_role(by: Actor, role: str) -> Actor:
    """The same person as this role; the verb says whether that was proven."""
    return replace(by, role=role or None)


def same_bytes(site: Site, reference: str, digest: str) -> None:
    """Whoever decides decides on what they saw. Raises Refused when the name means other bytes by now."""
    noun = versions.resolve(site.ledger, Release, reference)
    if noun.digest != digest:
        raise Refused(f"{noun.ref} is not what you looked at; read it again before you decide")


def count(text: str) -> int:
    """A number as an address has it. Raises Unknown for what is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise Unknown(f"there is nothing with the number {text[:40]!r}")
    return int(text)


def part(text: str) -> float:
    """A share of the requests as people type it: 10, 10 % and 10% are a tenth. Raises Invalid."""
    try:
        return float(text.rstrip("% ")) / 100
    except ValueError:
        raise Invalid(f"{text[:40]!r} is no share; write percent, like 10") from None
