"""The verb `review`: somebody else accepts or refuses a proposal; in a git checkout an accepted one is committed."""

from dataclasses import replace
from pathlib import Path

from arkwright.api.people import accounts
from arkwright.api.promising.fitting import fits
from arkwright.api.promising.propose import follow
from arkwright.api.promising.proposed import Proposed, change_of, commits, last, signing, source, told
from arkwright.collaborate import proposals as rules
from arkwright.core import versions
from arkwright.core.bounds import Number
from arkwright.core.errors import ArkwrightError, Invalid, Refused
from arkwright.core.nouns import Account, Actor, Event, Proposal
from arkwright.core.record import decode
from arkwright.core.visible import visible
from arkwright.infra import git_checkout
from arkwright.infra.git_checkout import Person
from arkwright.infra.lock import alone
from arkwright.measures.words import sentence
from arkwright.project import editing, toml
from arkwright.sites import Site

LOCK = "toml.lock"  # in the site: one review at a time writes the file


def review(
    site: Site,
    by: Actor,
    project: Path,
    *,
    proposal: Number,
    accept: bool,
    reason: str,
    digest: str | None = None,
) -> Proposed:
    """Accept or refuse exactly what is proposed; its own author may take it back by refusing it.

    An owner reviews, and whoever signs at the gate that it is about. `digest`: of what was looked at. Where
    `arkwright.toml` is tracked by git, accepting commits it; `why` says where that could not be done, and accepting it
    once more tries again. Raises Refused for the author, for what changed or was decided meanwhile, Forbidden.
    """
    accounts.allow(site, by, "talk")
    if not reason.strip():
        raise Invalid('a review needs a reason: --reason "…"')
    with alone(site.folder / LOCK):
        event = last(site, proposal)
        noun = decode(Proposal, event.body)
        if digest is not None and digest != noun.digest:
            raise Refused(f"proposal {proposal} is not what you looked at; read it again before you decide")
        if not accept and rules.is_author(noun, by.name):
            return _decided(site, by, project, noun, state="withdrawn", role="author", reason=reason)
        spec = toml.read(project).spec
        with_accounts = accounts.has_accounts(site)
        role = rules.role_for(noun, by, signing(spec, noun), accounts=with_accounts)
        if not accept:
            return _decided(site, by, project, noun, state="refused", role=role, reason=reason)
        if noun.state == "accepted":
            return _again(site, by, project, event)
        _must_stand(site, by, project, event)
        _decided(site, by, project, noun, state="accepted", role=role, reason=reason)
        return _commit(site, by, project, last(site, proposal))


def _again(site: Site, by: Actor, project: Path, event: Event) -> Proposed:
    """What somebody accepted, and git does not have yet. Raises Refused where it is not git that it waits for."""
    one = told(site, project, event)
    if one.state != "void" and not commits(project):
        raise Refused(
            f"proposal {one.proposal.id} was accepted by {one.proposal.reviewer} already; its patch is to be taken"
        )
    return _commit(site, by, project, event)


def _must_stand(site: Site, by: Actor, project: Path, event: Event) -> None:
    """Raises Refused for what is not open any more, or no longer fits the project as it is now."""
    one = told(site, project, event)
    noun = one.proposal
    if one.state != "open":
        raise Refused(one.why or f"proposal {noun.id} is {one.state} already")
    if noun.after is not None:
        fits(site, by, project, noun.section, noun.name, noun.after)
    editing.edited(source(project), change_of(noun))


def _decided(site: Site, by: Actor, project: Path, noun: Proposal, *, state: str, role: str, reason: str) -> Proposed:
    if noun.state != "open":
        raise Refused(f"proposal {noun.id} is {noun.state} already")
    after = replace(noun, state=state, reviewer=by.name, role=role, answer=reason.strip(), proven=by.proven)
    return told(site, project, follow(site, by, noun, after))


def _commit(site: Site, by: Actor, project: Path, event: Event) -> Proposed:
    """What was accepted, in the file and in git, where the project is a checkout. Raises Refused where the reviewer
    lost the role before they accepted it.
    """
    one = told(site, project, event)
    noun = one.proposal
    if one.state == "void":
        raise Refused(one.why)
    checkout = git_checkout.find(project / toml.FILE)
    if checkout is None:
        return one
    change = change_of(noun)

    def edit(text: str) -> str:
        return text if editing.made(text, change) else editing.edited(text, change)

    author, committer = (_person(site, name) for name in (noun.by, noun.reviewer))
    try:
        made = checkout.commit(edit, _message(noun, committer), author=author, committer=committer)
    except ArkwrightError as error:
        return replace(one, why=f"accepted, but not committed: {error}")
    if made is None:
        return told(site, project, event)
    committed = replace(noun, state="committed", commit=made, proven=by.proven)
    return told(site, project, follow(site, by, noun, committed))


def _message(noun: Proposal, reviewer: Person) -> str:
    """What git keeps. What people wrote is set in, so that none of it reads as a trailer."""
    what = {
        (True, True): f"promise {noun.after} instead of {noun.before}",
        (False, True): f"promise {noun.after}",
        (True, False): f"promise {noun.before} no more",
    }[noun.before is not None, noun.after is not None]
    words = [
        f"{head}: {sentence(text)}" for head, text in (("Until now", noun.before), ("From now on", noun.after)) if text
    ]
    said = [f"Why, says {noun.by}:", *_set_in(noun.reason), f"Accepted by {noun.reviewer} as {noun.role}:"]
    said += _set_in(noun.answer)
    trailers = [f"Proposal: {noun.id}@{noun.version - 1} sha256:{noun.digest}", f"Reviewed-by: {reviewer}"]
    parts = ([f"{noun.section}.{noun.name}: {what}"], words, said, trailers)
    return "\n\n".join("\n".join(visible(line).replace("\n", " ") for line in part) for part in parts) + "\n"


def _set_in(text: str) -> list[str]:
    return [f"    {line}" for line in text.split("\n")]


def _person(site: Site, name: str) -> Person:
    """With the address of the account; a name that is none gets one that leads nowhere (RFC 2606)."""
    found = versions.latest(site.ledger, Account, name)
    email = found.email if found else ""
    return Person(name, email or (name if "@" in name else f"{name}@arkwright.invalid"))
