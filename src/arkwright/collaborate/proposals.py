"""Who may review a proposal, and what became of it. Pure."""

from collections.abc import Sequence
from typing import Any

from arkwright.core.errors import Forbidden, Refused
from arkwright.core.nouns import Account, Actor, Proposal
from arkwright.core.record import digest_of
from arkwright.core.rules import person

OWNER = "owner"
OVER = ("refused", "withdrawn", "committed", "applied", "void")


def digest(proposal: Proposal) -> str:
    """Of exactly what is proposed, and of what it was made against."""
    p = proposal
    said: list[Any] = [p.id, p.section, p.name, p.before, p.after, p.reason, p.base]
    return digest_of(said)


def same(one: Proposal, other: Proposal) -> bool:
    """Whether both want one change of the same place, whatever their reasons."""
    first, second = ((p.section, p.name, p.before, p.after, p.base) for p in (one, other))
    return first == second


def is_author(proposal: Proposal, name: str) -> bool:
    return person(proposal.by) == person(name)


def held(by: Actor, signs: Sequence[str], *, accounts: bool) -> tuple[str, ...]:
    """As which of these somebody may review: an owner, and who signs at the gate that it is about (`signs`).

    Without accounts the declared role counts.
    """
    if not accounts:
        return (by.role,) if by.role in (OWNER, *signs) else ()
    proven = [role for role in signs if role in by.signs and by.proven]
    return (*([OWNER] if by.proven and "own" in by.rights else []), *proven)


def role_for(proposal: Proposal, by: Actor, signs: Sequence[str], *, accounts: bool) -> str:
    """As which role this person reviews it. Raises Refused for its author, Forbidden for whoever holds none."""
    if is_author(proposal, by.name):
        raise Refused(f"{by.name} made proposal {proposal.id}, and the author's review never counts")
    may = held(by, signs, accounts=accounts)
    if not may or (by.role is not None and by.role not in may):
        wanted = " or ".join(dict.fromkeys((OWNER, *signs)))
        raise Forbidden(f"[{proposal.section}.{proposal.name}] is reviewed by {wanted}; {by.name} is none of them here")
    return by.role or may[0]


def counts(proposal: Proposal, seq: int, people: Sequence[tuple[int, Account]]) -> bool:
    """Whether the review in the ledger's event `seq` was by somebody who held that role at that moment."""
    then = [account for at, account in people if at < seq and person(account.name) == person(proposal.reviewer)]
    if not any(at < seq for at, _ in people):
        return True  # there were no accounts yet
    if not then or not proposal.proven or then[-1].role == "none":
        return False
    return then[-1].role == OWNER if proposal.role == OWNER else proposal.role in then[-1].signs


def state(proposal: Proposal, *, stands: bool, made: bool, counted: bool) -> tuple[str, str]:
    """What became of it, and why it is void. `stands`: the place is as it was; `made`: the file says it already."""
    place = f"[{proposal.section}.{proposal.name}]"
    if proposal.state == "accepted" and not counted:
        return "void", f"{proposal.reviewer} held the role {proposal.role} no more when it was accepted"
    if proposal.state == "accepted" and made:
        return "applied", ""
    if proposal.state in ("open", "accepted") and not stands:
        return "void", f"{place} was changed at this place since it was proposed; look at it and propose it again"
    return proposal.state, ""
