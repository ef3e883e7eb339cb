"""Verbs that look at what is on record: runs, the ledger in pages, what was live when."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from arkwright.catalog.events import Wanted, stamp
from arkwright.catalog.pages import Page, Size
from arkwright.core import versions
from arkwright.core.bounds import Between, Number, Spot
from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.nouns import Account, Actor, Decision, Endpoint, Event, Finding, Model, Release, Run
from arkwright.core.record import decode, split_reference
from arkwright.core.rules import counts, judge_gate
from arkwright.sites import Site

EVENTS = Between(1, 10_000)  # in one list
SKEW = timedelta(minutes=1)  # by which somebody's clock may be ahead of ours
STATES = ("started", "finished", "failed")


def runs(
    site: Site,
    by: Actor,
    project: Path,
    *,
    name: str | None = None,
    author: str | None = None,
    state: str | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    sort: str = "-started",
    limit: Size = 50,
    after: str | None = None,
) -> Page[Run]:
    """Runs in pages, the newest first. `sort`: started, seconds or name, with - in front the other way round; `text`:
    in the name, the author or the error; times are UTC where no zone is said. Raises Invalid.
    """
    if state is not None and state not in STATES:
        raise Invalid(f"{state[:40]!r} is no state of a run{did_you_mean(state, STATES)}")
    wanted = Wanted(who=author, since=since, until=until)
    return site.catalog.runs(name=name, state=state, text=text, wanted=wanted, sort=sort, limit=limit, after=after)


def ledger(
    site: Site,
    by: Actor,
    project: Path,
    *,
    kinds: tuple[str, ...] = (),
    who: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    about: str | None = None,
    text: str | None = None,
    before: Number | None = None,
    after: Spot | None = None,
    last: Annotated[int, EVENTS] = 20,
) -> tuple[Event, ...]:
    """Events, oldest first: the last ones, those before an event, or those after one. Each is read from the ledger,
    its seal checked. The page before these: `before` the first of them. `text`: words, as `search` takes them.
    """
    EVENTS.check("last", last)
    if before is not None and after is not None:
        raise Invalid("go back with `before` or on with `after`, not both")
    known = site.catalog.kinds() if kinds else []
    for kind in kinds:
        if known and kind not in known:
            raise Unknown(f"no event is of the kind {kind[:40]!r}{did_you_mean(kind, known)}")
    wanted = Wanted(kinds=kinds, who=who, since=since, until=until, about=about, text=text)
    found = site.catalog.keys(wanted, last, before, after)
    events = [event for _, kind, key in found if (event := site.ledger.get(kind, key))]
    return tuple(sorted(events, key=lambda event: event.seq))


def export(site: Site, by: Actor, project: Path) -> Iterator[Event]:
    """Every event, in order, its seal checked. Raises Corrupt naming the first that is not what was written."""
    yield from site.ledger.find()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Every seal holds. `head`: what to note elsewhere."""

    events: int
    head: str


def verify(site: Site, by: Actor, project: Path, *, against: str | None = None) -> Verified:
    """Check every seal; `against`: a head noted earlier, which must still be part of the chain. Raises Corrupt."""
    with closing(Site(site.folder, site.engines).ledger) as own:  # of its own: nobody else waits until it is done
        return Verified(events=own.verify(against), head=own.head())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """A release that answered: which share of the requests, and what its gate knew at that time."""

    release: str
    digest: str
    share: float  # 0: a shadow
    author: str
    findings: tuple[Finding, ...]
    signatures: tuple[Decision, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What an endpoint answered with at a time. `until`: when it was moved on; None while it still answers so.

    Of a stopped endpoint no release: `endpoint.stopped` says by whom, its `reason` why.
    """

    endpoint: Endpoint
    asked: str
    since: str
    until: str | None
    by: str
    releases: tuple[Answering, ...]


def live(site: Site, by: Actor, project: Path, *, endpoint: str, at: datetime | None = None) -> Live:
    """What was live at a time (default: now). Raises Unknown for no endpoint, or before its first release; Invalid for
    what has not happened yet. Of a clock that is up to a minute ahead of this one, now is meant.
    """
    name, _ = split_reference(endpoint, Endpoint.KIND)
    names = site.catalog.names(Endpoint)
    if name not in names:
        raise Unknown(f"no endpoint is called {name!r}{did_you_mean(name, names)}")
    moment = _happened(at)
    found, until = site.catalog.moves(name, moment)
    if not found:
        raise Unknown(f"nothing was live at {name} then; its first release came at {until}")
    since, who, noun = found[0]
    shares = [] if noun.stopped else [*noun.shares.items(), *((ref, 0.0) for ref in noun.shadows)]
    answering = tuple(_answering(site, ref, share, moment) for ref, share in shares)
    return Live(endpoint=noun, asked=stamp(moment), since=since, until=until, by=who, releases=answering)


def _happened(at: datetime | None) -> datetime:
    now = datetime.now(UTC)
    moment = now if at is None else at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if moment > now + SKEW:
        raise Invalid(
            f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC has not happened yet, and nobody knows what will be live; "
            f"here it is {now:%Y-%m-%d %H:%M:%S} UTC"
        )
    return min(moment, now)


def _answering(site: Site, ref: str, share: float, at: datetime) -> Answering:
    """As the gate stood: with the findings and the decisions that were on record by then."""
    release = versions.resolve(site.ledger, Release, ref)
    model = versions.resolve(site.ledger, Model, release.model).digest
    measured = site.catalog.findings_then(model, at)
    found = [decode(Finding, event.body) for key in measured if (event := site.ledger.get(*key))]
    then = stamp(at, end=True)
    made = [e for e in site.ledger.find(Decision.KIND, f"{release.digest}/") if e.at <= then]
    people = [(e.seq, decode(Account, e.body)) for e in site.ledger.find(Account.KIND) if e.at <= then] if made else []
    said = [noun for e in made if counts(noun := decode(Decision, e.body), e.seq, people)]
    judged = judge_gate(release, model, found, said)
    return Answering(
        release=ref,
        digest=release.digest,
        share=share,
        author=release.author,
        findings=judged.findings,
        signatures=judged.signatures,
        missing=judged.missing,
    )
