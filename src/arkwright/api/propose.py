"""Verbs by which people say what must hold: propose a change of one promise, see what was proposed, take the patch."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from arkwright.api import accounts
from arkwright.api.build import quiet
from arkwright.catalog.catalog import Wanted
from arkwright.collaborate import proposals as rules
from arkwright.collaborate.limits import WINDOW, checked, in_time
from arkwright.core.errors import ArkwrightError, Forbidden, Invalid, Refused, Unknown, did_you_mean
from arkwright.core.nouns import Account, Actor, Dataset, Event, Proposal
from arkwright.core.ports import Entry, Taken
from arkwright.core.promises import Call, Name, Promise, Value, parse
from arkwright.core.record import decode, encode
from arkwright.infra import git_checkout
from arkwright.line import line
from arkwright.measures import registry
from arkwright.measures.registry import Scope
from arkwright.measures.words import sentence
from arkwright.project import editing, toml
from arkwright.project.editing import SECTIONS, Change
from arkwright.project.spec import ProjectSpec
from arkwright.sites import Site

LONGEST_REASON, MOST_LISTED = 2000, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposal, what became of it (open, accepted, applied, committed, refused, withdrawn, void) and why it is void,
    or was not committed; in plain words what is promised `now` and what is proposed `then`.
    """

    proposal: Proposal
    state: str
    at: str  # of its last version
    now: str = ""
    then: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A unified diff of `arkwright.toml`, which `git apply` takes; `file`: how to call it."""

    proposal: int
    file: str
    text: str


def propose(
    site: Site,
    by: Actor,
    project: Path,
    *,
    where: str,
    promise: str | None = None,
    instead: str | None = None,
    reason: str,
    proposal: int | None = None,
) -> Proposed:
    """Propose a promise for `where` (gate.production), one in the place of another (`instead`), or that one goes.

    With `proposal` its author changes an open one. Nothing moves before somebody else accepts it. Raises Unknown or
    Invalid, with near misses, for what the project could not be loaded with; Refused for what stands there already.
    """
    accounts.allow(site, by, "talk")
    reason = _reason(reason)
    text = source(project)
    change = _change(text, where, promise, instead)
    if change.after is not None:
        fits(site, by, project, change.section, change.name, change.after)
    editing.edited(text, change)
    moment = datetime.now(UTC)
    in_time(site.catalog.times(by.name, (Proposal.KIND,), moment - WINDOW), moment)
    fresh = Proposal(
        id=0,
        version=1,
        section=change.section,
        name=change.name,
        before=change.before,
        after=change.after,
        reason=reason,
        by=by.name,
        base=editing.place(text, change),
        digest="",
        proven=by.proven,
    )
    made = _begin(site, fresh) if proposal is None else _edit(site, by, fresh, proposal)
    return told(site, project, made)


def proposals(
    site: Site, by: Actor, project: Path, *, proposal: int | None = None, state: str | None = None
) -> tuple[Proposed, ...]:
    """What was proposed, the newest first; one by its number, or only such as are in a state: open, accepted …"""
    if proposal is not None:
        return (told(site, project, last(site, proposal)),)
    known = (*dict.fromkeys(("open", "accepted", *rules.OVER)),)
    if state is not None and state not in known:
        raise Invalid(f"no proposal is {state[:40]!r}{did_you_mean(state[:40], known)}")
    seen: dict[int, Event] = {}
    for seq, _, key in site.catalog.keys(Wanted(kinds=(Proposal.KIND,)), MOST_LISTED):
        number = int(key.partition("@")[0])
        event = None if number in seen else site.ledger.get(Proposal.KIND, key)
        if event and event.seq == seq:
            seen[number] = event
    around = now(site, project)
    found = (told(site, project, seen[number], around) for number in sorted(seen, reverse=True))
    return tuple(one for one in found if state is None or one.state == state)


def patch(site: Site, by: Actor, project: Path, *, proposal: int) -> Patch:
    """A proposal as a diff of `arkwright.toml` as it stands now. Raises Refused where it stands there already, or the
    place was changed meanwhile.
    """
    one = told(site, project, last(site, proposal))
    if one.state in rules.OVER:
        what = one.why or f"proposal {proposal} is {one.state}"
        raise Refused(f"{what}; there is no patch to take")
    text, checkout = source(project), git_checkout.find(project / toml.FILE)
    path = checkout.path if checkout else toml.FILE
    made = editing.diff(text, editing.edited(text, change_of(one.proposal)), path)
    return Patch(proposal=proposal, file=f"arkwright-proposal-{proposal}.patch", text=made)


@dataclass(frozen=True, slots=True)
class Now:
    """What proposals are held against: the file, if it can be read, and the accounts."""

    text: str | None
    why: str
    people: list[tuple[int, Account]]


def now(site: Site, project: Path) -> Now:
    accounts_ = [(event.seq, decode(Account, event.body)) for event in site.ledger.find(Account.KIND)]
    try:
        return Now(source(project), "", accounts_)
    except ArkwrightError as error:
        return Now(None, str(error), accounts_)


def told(site: Site, project: Path, event: Event, around: Now | None = None) -> Proposed:
    """A version of a proposal, with what became of it. Where the file cannot be read, it is as it was last."""
    around = around or now(site, project)
    noun = decode(Proposal, event.body)
    change = change_of(noun)
    stands, made = True, False
    if noun.state in ("open", "accepted") and around.text is not None:
        try:
            stands, made = editing.place(around.text, change) == noun.base, editing.made(around.text, change)
        except ArkwrightError:
            stands = False  # its table is not there any more
    counted = noun.state != "accepted" or rules.counts(noun, event.seq, around.people)
    state, void = rules.state(noun, stands=stands, made=made, counted=counted)
    words = [sentence(one) if one else "" for one in (noun.before, noun.after)]
    return Proposed(proposal=noun, state=state, at=event.at, now=words[0], then=words[1], why=void or around.why)


def fits(site: Site, by: Actor, project: Path, section: str, name: str, text: str, *, sure: bool = True) -> Promise:
    """The promise, if the project can be loaded with it there. Raises Unknown or Invalid with near misses.

    Columns are those on record. Where one is not among them, `sure` rehearses the project to see whether it is by now.
    """
    spec, read = toml.read(project).spec, parse(text)
    known_names = getattr(spec, section)
    if name not in known_names:
        raise Unknown(f"arkwright.toml has no [{section}.{name[:80]}]{did_you_mean(name, known_names)}")
    if section == "gate":
        models = {e.model for e in spec.endpoint.values() if e.gate == name} or set(spec.model)
        for model in sorted(models & set(spec.model)):
            registry.bind(read.call, "model", Scope(spec.model[model].groups), spec.model[model].task)
    if section == "data":
        known = _on_record(site, spec)
        try:
            _bind_data(spec, known, name, read)
        except Unknown:
            if not sure or read.call.name not in registry.measures():
                raise
            _bind_data(spec, _rehearsed(site, by, project), name, read)
        else:
            if sure and not known[name]:
                _bind_data(spec, _rehearsed(site, by, project), name, read)
    return read  # what an endpoint promises is only read: nothing measures it yet


def place(where: str) -> tuple[str, str]:
    """`gate.production` as its two words. Raises Invalid."""
    section, dot, name = where.strip().strip("[]").partition(".")
    if not dot or section not in SECTIONS:
        raise Invalid(f"{where[:80]!r} is no place for a promise{did_you_mean(section, SECTIONS)}: say gate.production")
    return section, name


def source(project: Path) -> str:
    """`arkwright.toml` to the letter. Raises Unknown where there is none, Invalid where it cannot be loaded."""
    toml.read(project)
    with (project / toml.FILE).open(encoding="utf-8", newline="") as file:
        return file.read()


def change_of(proposal: Proposal) -> Change:
    return Change(section=proposal.section, name=proposal.name, before=proposal.before, after=proposal.after)


def last(site: Site, number: int) -> Event:
    """The last version of a proposal. Raises Unknown."""
    found = site.ledger.last(Proposal.KIND, f"{number}@")
    if found is None:
        raise Unknown(f"there is no proposal {number}; arkwright proposals lists them")
    return found


def follow(site: Site, by: Actor, before: Proposal, after: Proposal) -> Event:
    """Append the next version. Raises Refused where somebody else was first."""
    key = f"{after.id}@{before.version + 1}"
    try:
        site.ledger.append(by.name, [Entry(Proposal.KIND, key, encode(replace(after, version=before.version + 1)))])
    except Taken:
        raise Refused(
            f"proposal {after.id} was changed or decided by somebody else just now; look at it and try again"
        ) from None
    event = site.ledger.get(Proposal.KIND, key)
    assert event is not None
    return event


def _begin(site: Site, fresh: Proposal) -> Event:
    while True:
        numbers = (int(event.key.partition("@")[0]) for event in site.ledger.find(Proposal.KIND))
        noun = replace(fresh, id=max(numbers, default=0) + 1)
        noun = replace(noun, digest=rules.digest(noun))
        with suppress(Taken):
            site.ledger.append(noun.by, [Entry(Proposal.KIND, f"{noun.id}@1", encode(noun))])
            return last(site, noun.id)


def _edit(site: Site, by: Actor, fresh: Proposal, number: int) -> Event:
    before = decode(Proposal, last(site, number).body)
    if not rules.is_author(before, by.name):
        raise Forbidden(f"proposal {number} is by {before.by}; make one of your own")
    if before.state != "open":
        raise Refused(f"proposal {number} is {before.state}; make another one")
    after = replace(fresh, id=number, by=before.by)
    return follow(site, by, before, replace(after, digest=rules.digest(after)))


def _change(text: str, where: str, promise: str | None, instead: str | None) -> Change:
    """What is asked for, as the file spells it. Raises Invalid, Unknown, Refused."""
    section, name = place(where)
    there = editing.standing(text, section, name)
    before = _standing(there, where, instead) if instead else None
    after = _after(promise) if promise else None
    if before is None and after is None:
        raise Invalid("say what is to be promised, or which promise is to go (instead)")
    if after is not None and editing.spelling(after) in map(editing.spelling, there):
        raise Refused(f"[{section}.{name}] promises {after!r} already")
    return Change(section=section, name=name, before=before, after=after)


def _standing(there: list[str], where: str, instead: str) -> str:
    spelt = {editing.spelling(one): one for one in there}
    if editing.spelling(instead) not in spelt:
        raise Unknown(f"{where[:80]} does not promise {instead[:200]!r}{did_you_mean(instead, there)}")
    return spelt[editing.spelling(instead)]


def _after(promise: str) -> str:
    """As it was typed, where that is one line; else as it is spelt."""
    text = promise.strip()
    read = parse(text)
    return text if text.isprintable() else read.text


def _reason(text: str) -> str:
    text = checked(text).strip() if text.strip() else ""
    if not text:
        raise Invalid('a proposal needs a reason: --reason "…"')
    if len(text) > LONGEST_REASON:
        raise Invalid(f"a reason has at most {LONGEST_REASON:,} characters; say more in a discussion")
    return text


def _on_record(site: Site, spec: ProjectSpec) -> dict[str, tuple[str, ...]]:
    """The columns of each dataset as it was made last; none where it never was."""
    found = {name: site.catalog.latest(Dataset, name) for name in spec.data}
    return {name: tuple(c.name for c in noun.columns) if noun else () for name, noun in found.items()}


def _rehearsed(site: Site, by: Actor, project: Path) -> dict[str, tuple[str, ...]]:
    """The columns that the project's row classes and functions say there are."""
    plan = line.plan(site, by.name, project, say=quiet)
    return {step.name: tuple(c.name for c in step.columns or ()) for step in plan.data}


def _bind_data(spec: ProjectSpec, known: dict[str, tuple[str, ...]], name: str, read: Promise) -> None:
    """Where no columns are known, only reading the source can tell; the next run does."""
    columns = known[name] or tuple(_mentioned(read.call))
    others = tuple(f"{other}.{column}" for other in known if other != name for column in known[other])
    if not all(known.values()):
        others += tuple(word for word in _mentioned(read.call) if "." in word)
    registry.bind(read.call, "data", Scope(columns, spec.data[name].key, others))()


def _mentioned(value: Value) -> Iterator[str]:
    if isinstance(value, Name):
        yield value.text
    elif isinstance(value, Call):
        for one in (*value.args, *(given for _, given in value.kwargs)):
            yield from _mentioned(one)
    elif isinstance(value, tuple):
        for one in value:
            yield from _mentioned(one)
    elif isinstance(value, str):
        yield value
