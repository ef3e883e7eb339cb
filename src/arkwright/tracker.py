"""`arkwright.track`: numbers of one's own, logged from any script, beside everything else that is on record."""

import atexit
import getpass
import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arkwright.api.people import accounts, entering
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor
from arkwright.core.words import checked
from arkwright.govern import secrets
from arkwright.sites import Site, local
from arkwright.tracking import runs
from arkwright.tracking.session import Session
from arkwright.tracking.tracking import DEFAULT

_open: "weakref.WeakSet[Session]" = weakref.WeakSet()


@checked
def track(
    experiment: str = DEFAULT,
    folder: str | Path = ".",
    *,
    name: str = "",
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    by: str | None = None,
) -> Session:
    """Begin a run in the site of `folder`: a context manager, or ended by `.end()` or with the process.

    Where the site has accounts, $ARKWRIGHT_TOKEN proves who it is. Raises Unproven, Forbidden, Invalid.
    """
    site = local(Path(folder).resolve())
    actor = _actor(site, by)
    accounts.allow(site, actor, "work")

    def begin(db: Any) -> str:
        made = runs.begin(
            db,
            experiment=runs.experiment_called(db, experiment),
            name=name,
            user=actor.name,
            tags=(tags or {}).items(),
            leased=True,
        )
        runs.log(db, made, params=[(key, str(value)) for key, value in (params or {}).items()])
        return made

    session = Session(site.tracking, site.tracking.submit(begin).result())
    _open.add(session)
    return session


def _actor(site: Site, by: str | None) -> Actor:
    if secret := os.environ.get("ARKWRIGHT_TOKEN"):
        return entering.prove(site, secrets.TOKEN, secret).actor
    return Actor(name=by or os.environ.get("ARKWRIGHT_BY") or getpass.getuser())


@atexit.register
def _end() -> None:
    """A script that comes to its end has finished what it began."""
    for session in list(_open):
        try:
            session.end()
        except ArkwrightError as error:
            print(f"arkwright: the run {session.uid} is not whole: {error}")  # noqa: T201
