"""What every handler has at hand: the site, the project, and who asks."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from starlette.requests import Request

from arkwright.api.people.entering import Known
from arkwright.core.errors import ArkwrightError, Unproven
from arkwright.core.masked import serverless
from arkwright.core.nouns import Actor
from arkwright.sites import Site
from arkwright.web.entry import Entry


@dataclass(frozen=True, slots=True)
class Context:
    """What a control room serves. `hosts`: the names by which it may be called; `address`: as people call it."""

    site: Site
    project: Path
    address: str
    hosts: frozenset[str]
    endpoints: str | None = None  # the path of the socket on which the endpoints answer
    unready: Callable[[], Sequence[str]] = tuple  # what does not answer yet, in words
    entry: Entry = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entry", Entry(self.site))


def context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


def known(request: Request) -> Known | None:
    """Who asks, if they have proven it."""
    return cast("Known | None", request.scope.get("arkwright.known"))


def actor(request: Request) -> Actor:
    """Raises Unproven."""
    found = known(request)
    if found is None:
        raise Unproven("log in, or send a token: Authorization: Bearer …")
    return found.actor


def placeless(text: str, at: Context) -> str:
    """A message without where things are kept: neither folders, nor the server of the records and what it said."""
    text = serverless(text)
    for place, word in ((at.site.folder, "the site"), (at.project, "the project")):
        text = text.replace(f"{place}{os.sep}", "").replace(str(place), word)
    return text


def without_places(error: ArkwrightError, at: Context) -> ArkwrightError:
    """The error without the server's own folders in it: where things are kept is nobody's business."""
    text = placeless(str(error), at)
    if text == str(error):
        return error
    told = type(error)(text)
    told.__dict__.update({k: v for k, v in error.__dict__.items() if not k.startswith("_")})
    return told
