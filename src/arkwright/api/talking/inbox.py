"""Verbs about what needs me: signatures, questions, what failed, what I was told; and what of it I have seen."""

from dataclasses import dataclass, field
from pathlib import Path

from arkwright.api.decide import at_a_glance
from arkwright.api.people import accounts
from arkwright.api.promising.proposed import Proposed, reviewable
from arkwright.catalog.pages import Size
from arkwright.collaborate.threads import Thread, fold
from arkwright.core.bounds import SPOTS, Number, Spot
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor, Event, Release, Run
from arkwright.core.record import decode, encode
from arkwright.core.rules import Judgement, may_sign, person
from arkwright.core.telling import tell_you
from arkwright.sites import Site

SEEN = "seen"  # the vault's kind for how far somebody has read
MOST_APART = 500  # notices seen one by one, before the oldest of them is the mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something happened: `why` is mentioned, commented, accepted, decided, moved, released, reviewed or reminded.

    `by`, `says`, `about` and `then`, which begins with its own space or stop, are a sentence. `comment`: its number.
    """

    seq: int
    why: str
    about: str
    by: str
    at: str
    unread: bool
    says: str = ""
    then: str = ""
    comment: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """A release that waits for this person: in the roles that may sign, or, their own, with what is missing.

    `since`: when it was made.
    """

    release: str
    digest: str
    since: str | None = None
    roles: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What needs this person. `next`: what to give as `before` for earlier notices."""

    signatures: tuple[Wants, ...]
    reviews: tuple[Proposed, ...]  # proposals of others that this person may decide on
    failed: tuple[Wants, ...]
    failed_runs: tuple[Run, ...]
    questions: tuple[Thread, ...]
    notices: tuple[Notice, ...]
    unread: int
    next: str | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    upto: int = 0
    apart: tuple[int, ...] = field(default=())


def inbox(site: Site, by: Actor, project: Path, *, limit: Size = 50, before: Number | None = None) -> Inbox:
    """What needs me: signatures and reviews that I can give, gates and runs of mine that failed, open questions on what
    I watch, and what I was told, the newest first.
    """
    catalog = site.catalog
    seen = _seen(site, by)
    found = catalog.talk.notices(by.name, limit, before)
    told = tuple(
        _notice(event, why, unread=seq > seen.upto and seq not in seen.apart)
        for seq, why, kind, key in found
        if (event := site.ledger.get(kind, key))
    )
    newest = catalog.newest(Release, limit=10_000)
    judged = list(zip(newest, at_a_glance(site, newest), strict=True))
    asked = catalog.talk.threads(about=None, open_only=True, limit=20, before=None, who=by.name)
    last = [run for name in catalog.names(Run) for run in _mine(site, by, name)]
    return Inbox(
        signatures=tuple(w for release, now in judged for w in _signature(site, by, release, now)),
        reviews=tuple(reviewable(site, by, project)),
        failed=tuple(
            Wants(release=release.ref, digest=release.digest, missing=now.missing)
            for release, now in judged
            if person(release.author) == person(by.name) and (not now.promises_kept or now.refusals)
        ),
        failed_runs=tuple(run for run in last if run.state == "failed"),
        questions=tuple(fold((said.at, said.noun) for said in catalog.talk.thread(number)) for number in asked),
        notices=told,
        unread=sum(notice.unread for notice in told),
        next=str(found[-1][0]) if len(found) == limit else None,
    )


def _notice(event: Event, why: str, *, unread: bool) -> Notice:
    told = tell_you(event, why)
    words = {"by": told.by, "says": told.says, "about": told.about, "then": told.then}
    return Notice(seq=event.seq, why=why, at=event.at, unread=unread, comment=told.comment, **words)


def seen(site: Site, by: Actor, project: Path, *, notices: tuple[Number, ...] = (), upto: Spot | None = None) -> Inbox:
    """Mark these notices as read, or all of them up to an event. What remains. Raises Invalid."""
    accounts.allow(site, by, "talk")
    if not notices and upto is None:
        raise Invalid("say which notices were read, or up to which event")
    if upto is not None:
        SPOTS.check("upto", upto)
    while True:
        old = _seen(site, by)
        mark = max(old.upto, upto or 0)
        apart = sorted({n for n in (*old.apart, *notices) if n > mark})
        if len(apart) > MOST_APART:
            mark, apart = apart[-MOST_APART - 1], apart[-MOST_APART:]
        key, new = person(by.name), encode(_Seen(mark, tuple(apart)))
        body = site.vault.get(SEEN, key)
        if site.vault.swap(SEEN, key, body, new) if body is not None else site.vault.add(SEEN, key, new):
            return inbox(site, by, project)


def unread(site: Site, by: Actor, most: int = 100) -> int:
    """How many notices were not read, of the newest `most`: for a number beside a name, without anything else."""
    mark = _seen(site, by)
    found = site.catalog.talk.notices(by.name, most, after=mark.upto)
    return sum(seq not in mark.apart for seq, *_ in found)


def _seen(site: Site, by: Actor) -> _Seen:
    body = site.vault.get(SEEN, person(by.name))
    return decode(_Seen, body) if body else _Seen()


def _signature(site: Site, by: Actor, release: Release, now: Judgement) -> tuple[Wants, ...]:
    if not now.promises_kept or not now.unsigned:
        return ()
    said = site.catalog.decisions(release.digest)
    wanted = dict.fromkeys(now.unsigned)
    roles = tuple(r for r in wanted if r in _roles(site, by, now) and not may_sign(release, by.name, r, said))
    since = site.catalog.made_at(Release.KIND, release.name, release.version)
    return (Wants(release=release.ref, digest=release.digest, since=since, roles=roles),) if roles else ()


def _roles(site: Site, by: Actor, now: Judgement) -> tuple[str, ...]:
    """In which roles somebody may sign: the account's; on a site without accounts the declared one, else any."""
    if accounts.has_accounts(site):
        return by.signs
    return (by.role,) if by.role else now.unsigned


def _mine(site: Site, by: Actor, name: str) -> tuple[Run, ...]:
    """The person's last run of this name."""
    from_me = site.catalog.last_run(name, by.name)
    return (from_me,) if from_me else ()
