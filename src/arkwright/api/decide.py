"""Verbs by which people decide: sign, refuse, and the question why something may not be deployed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from arkwright.api.people.accounts import allow, has_accounts
from arkwright.core import versions
from arkwright.core.errors import Forbidden, Invalid, Refused
from arkwright.core.nouns import Actor, Decision, Model, Release
from arkwright.core.ports import Taken
from arkwright.core.rules import Judgement, judge_gate, may_sign, person
from arkwright.sites import Site


def judgement(site: Site, release: Release) -> Judgement:
    """What the gate says of a release now, from the ledger alone."""
    model = versions.resolve(site.ledger, Model, release.model)
    found = versions.findings(site.ledger, model.digest)
    return judge_gate(release, model.digest, found, versions.decisions(site.ledger, release.digest))


def at_a_glance(site: Site, releases: Sequence[Release]) -> list[Judgement]:
    """The same of many, from the catalog: to be looked at. Whoever decides is judged by the ledger."""
    found = site.catalog.evidence(releases)
    return [judge_gate(release, *known) for release, known in zip(releases, found, strict=True)]


class Why(NamedTuple):
    """A release, and what its gate says of it."""

    release: Release
    judgement: Judgement


def why(site: Site, by: Actor, project: Path, *, release: str) -> Why:
    """Why a release may or may not be deployed."""
    noun = versions.resolve(site.ledger, Release, release)
    (now,) = at_a_glance(site, [noun])
    return Why(noun, now)


def sign(site: Site, by: Actor, project: Path, *, release: str, reason: str = "") -> Decision:
    """Say Yes to exactly these bytes. Raises Refused when this person's signature may not or cannot count. Said again,
    it is the one on record.
    """
    allow(site, by, "talk")
    noun = versions.resolve(site.ledger, Release, release)
    by = _in_role(site, by, noun)
    if not by.role:
        raise Invalid(f"say in which role you sign: --role {' or '.join(noun.gate.signed_by) or 'ROLE'}")
    if said := _signed(site, noun, by):
        return said
    return _decide(site, by, noun, yes=True, reason=reason, check=lambda: _must_be_wanted(site, noun, by))


def _signed(site: Site, release: Release, by: Actor) -> Decision | None:
    """The Yes of this person in this role that counts already."""
    counting = judgement(site, release).signatures
    return next((d for d in counting if d.role == by.role and person(d.by) == person(by.name)), None)


def _must_be_wanted(site: Site, release: Release, by: Actor) -> None:
    """Raises Refused where this person's Yes in this role may not count, or changes nothing."""
    role = by.role or ""
    objection = may_sign(release, by.name, role, versions.decisions(site.ledger, release.digest))
    if objection:
        raise Refused(objection)
    now = judgement(site, release)
    if not now.promises_kept:
        lines = [line for line in now.missing if not line.startswith("no signature")]
        raise Refused(f"{release.ref} cannot be signed: {'; '.join(lines)}")
    signed = [d for d in now.signatures if d.role == role]
    mine = [d for d in signed if person(d.by) == person(by.name)]
    takes_back = any(person(no.by) == person(by.name) and no.role == role for no in now.refusals)
    if mine or (role not in now.unsigned and not takes_back):
        who = " and ".join(d.by for d in mine or signed)
        raise Refused(f"{who} has signed {release.ref} as {role} already, so nothing is missing there")


def refuse(site: Site, by: Actor, project: Path, *, release: str, reason: str) -> Decision:
    """Say No, with a reason. It blocks the release until the same person signs it."""
    allow(site, by, "talk")
    noun = versions.resolve(site.ledger, Release, release)
    by = _in_role(site, by, noun)
    if not reason.strip():
        raise Invalid('a refusal needs a reason: --reason "…"')
    if by.role not in noun.gate.signed_by:
        wanted = ", ".join(noun.gate.signed_by) or "nobody"
        raise Refused(f"the gate {noun.gate.name} listens to {wanted}; say --role as one of them")
    return _decide(site, by, noun, yes=False, reason=reason, check=lambda: None)


def _in_role(site: Site, by: Actor, release: Release) -> Actor:
    """Where there are accounts: only as what was proven, and as the one role that fits where none is named."""
    if not has_accounts(site):
        return by
    fits = [role for role in release.gate.signed_by if role in by.signs]
    if by.role is None and len(fits) == 1:
        return replace(by, role=fits[0])
    if by.role is not None and by.role not in by.signs:
        raise Forbidden(
            f"{by.name} proved no right to sign as {by.role}; what was proven: {', '.join(by.signs) or '–'}"
        )
    return by


def _decide(site: Site, by: Actor, release: Release, *, yes: bool, reason: str, check: Callable[[], None]) -> Decision:
    """On record, if `check` holds as things stand when it is written. Raises Forbidden for a role lost meanwhile."""
    decision = Decision(
        release=release.ref,
        digest=release.digest,
        by=by.name,
        role=by.role or "",
        yes=yes,
        reason=reason,
        proven=by.proven,
    )
    while True:
        turn = versions.turn(site.ledger, release.digest)
        check()
        try:
            versions.add_decision(site.ledger, decision, turn)
        except Taken:
            continue  # somebody decided on it just now
        break
    if decision not in versions.decisions(site.ledger, release.digest):
        raise Forbidden(f"{by.name} holds the role {decision.role} no more, so this counts for nothing")
    return decision
