"""The verb `propose`: people say what must hold, as a change of one promise with its reason."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from arkwright.api.people import accounts
from arkwright.api.promising.fitting import fits, place
from arkwright.api.promising.proposed import Proposed, last, source, told
from arkwright.collaborate import proposals as rules
from arkwright.collaborate.limits import WINDOW, checked, in_time
from arkwright.core.bounds import Number
from arkwright.core.errors import Forbidden, Invalid, Refused, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Event, Proposal
from arkwright.core.ports import Entry, Taken
from arkwright.core.promises import implies, parse
from arkwright.core.record import decode, encode
from arkwright.project import editing
from arkwright.project.editing import Change
from arkwright.sites import Site

LONGEST_REASON = 2000


def propose(
    site: Site,
    by: Actor,
    project: Path,
    *,
    where: str,
    promise: str | None = None,
    instead: str | None = None,
    reason: str,
    proposal: Number | None = None,
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
    """Raises Refused where somebody wants the same already: people would decide on it twice."""
    while True:
        known = {noun.id: noun for event in site.ledger.find(Proposal.KIND) for noun in [decode(Proposal, event.body)]}
        for one in known.values():
            if one.state == "open" and rules.same(one, fresh):
                raise Refused(f"{one.by} proposed exactly this already, as proposal {one.id}, which waits for a review")
        noun = replace(fresh, id=max(known, default=0) + 1)
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
    if after is not None and section == "gate":
        _must_add(name, after, [one for one in there if one != before])
    return Change(section=section, name=name, before=before, after=after)


def _must_add(gate: str, after: str, beside: list[str]) -> None:
    """A gate is passed by what keeps all of its promises, so a weaker one beside a harder one changes nothing. Of a
    dataset or an endpoint two limits may be two alarms. Raises Refused.
    """
    harder = next((one for one in beside if implies(parse(one), parse(after))), None)
    if harder:
        raise Refused(
            f"[gate.{gate}] promises {harder!r}, which keeps {after!r} too; to make it weaker, propose it instead of "
            "that one"
        )


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
