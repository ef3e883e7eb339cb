"""Verbs for when something is wrong with an endpoint now: stop it, and let it answer again."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from arkwright.api.endpoints.rollout import move, must_be_at
from arkwright.api.people.accounts import allow
from arkwright.core import versions
from arkwright.core.bounds import Spot
from arkwright.core.errors import Invalid, Refused
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.ports import Taken
from arkwright.sites import Site


def stop(site: Site, by: Actor, project: Path, *, endpoint: str, reason: str, version: Spot | None = None) -> Endpoint:
    """Have nothing answer at an endpoint, at once; whoever asks it is told by whom it was stopped, and the reason.

    Raises Invalid without a reason, Refused where it is stopped already, Outdated where it is not at `version` any
    more. Whoever moves it at the same time does not get in the way, nor does a full disk where room was put aside.
    """
    allow(site, by, "own")
    if not reason.strip():
        raise Invalid("say why it is stopped: whoever asks the endpoint is told so")
    while True:
        now = versions.resolve(site.ledger, Endpoint, endpoint)
        must_be_at(now.name, now, version)
        if now.stopped:
            raise Refused(f"{now.ref} is stopped already, by {now.stopped}: {now.reason}")
        stopped = replace(now, version=now.version + 1, reason=reason.strip(), stopped=by.name, resumed=False)
        try:
            return site.reserve.helping(partial(versions.move, site.ledger, by.name, stopped))
        except Taken:
            continue  # somebody moved it just now: that is stopped instead


def resume(
    site: Site, by: Actor, project: Path, *, endpoint: str, reason: str = "", version: Spot | None = None
) -> Endpoint:
    """Have a stopped endpoint answer again as it did before. Raises Refused where it is not stopped, or where a gate
    does not let one of its releases through any more; Outdated where it is not at `version` any more.
    """
    allow(site, by, "own")
    now = versions.resolve(site.ledger, Endpoint, endpoint)
    must_be_at(now.name, now, version)
    if not now.stopped:
        raise Refused(f"{now.ref} is not stopped")
    releases = [versions.resolve(site.ledger, Release, ref) for ref in now.shares]
    said = f"resumed{': ' if reason else ''}{reason}"
    return move(site, by, replace(now, version=now.version + 1, reason=said, stopped="", resumed=True), releases)
