"""What was proposed and what became of it: the verbs `proposals` and `patch`, and what everybody else needs of them."""

from dataclasses import dataclass
from pathlib import Path

from arkwright.api.people import accounts
from arkwright.catalog.events import Wanted
from arkwright.collaborate import proposals as rules
from arkwright.core.bounds import Number
from arkwright.core.errors import ArkwrightError, Invalid, Refused, Unknown, did_you_mean
from arkwright.core.nouns import Account, Actor, Event, Proposal
from arkwright.core.record import decode
from arkwright.infra import git_checkout
from arkwright.measures.words import sentence
from arkwright.project import editing, toml
from arkwright.project.editing import Change
from arkwright.project.spec import ProjectSpec
from arkwright.sites import Site

MOST_LISTED = 500  # versions of proposals that are looked at


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

    proposal: Number
    file: str
    text: str


def proposals(
    site: Site, by: Actor, project: Path, *, proposal: Number | None = None, state: str | None = None
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


def patch(site: Site, by: Actor, project: Path, *, proposal: Number) -> Patch:
    """A proposal as a diff of `arkwright.toml` as it stands now, or as it was committed. Raises Refused where the file
    says it already by another way, or the place was changed meanwhile.
    """
    one = told(site, project, last(site, proposal))
    file, checkout = f"arkwright-proposal-{proposal}.patch", git_checkout.find(project / toml.FILE)
    if one.state == "committed" and checkout:
        was, became = checkout.change(one.proposal.commit)
        return Patch(proposal=proposal, file=file, text=editing.diff(was, became, checkout.path))
    if one.state in rules.OVER:
        what = one.why or f"proposal {proposal} is {one.state}"
        raise Refused(f"{what}; there is no patch to take")
    text, path = source(project), checkout.path if checkout else toml.FILE
    made = editing.diff(text, editing.edited(text, change_of(one.proposal)), path)
    return Patch(proposal=proposal, file=file, text=made)


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


def reviewable(site: Site, by: Actor, project: Path) -> tuple[Proposed, ...]:
    """The open proposals that this person may decide on."""
    if not (project / toml.FILE).exists():
        return ()
    try:
        spec = toml.read(project).spec
    except ArkwrightError:
        return ()  # nobody decides on anything before the file can be read
    waiting = proposals(site, by, project, state="open")
    return tuple(one for one in waiting if may_review(site, by, spec, one.proposal)[0])


def may_review(site: Site, by: Actor, spec: ProjectSpec, proposal: Proposal) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As which roles this person may review it, and as which anybody may; nobody reviews their own."""
    wanted = signing(spec, proposal)
    mine = () if rules.is_author(proposal, by.name) else rules.held(by, wanted, accounts=accounts.has_accounts(site))
    return mine, (rules.OWNER, *wanted)


def signing(spec: ProjectSpec, proposal: Proposal) -> tuple[str, ...]:
    """The signing roles of the gate that it is about: its own, or the endpoint's. A dataset has none."""
    gate = proposal.name
    if proposal.section == "endpoint":
        gate = spec.endpoint[gate].gate if gate in spec.endpoint else ""
    found = spec.gate.get(gate) if proposal.section != "data" else None
    return found.signed_by if found else ()


def source(project: Path) -> str:
    """`arkwright.toml` to the letter. Raises Unknown where there is none, Invalid where it cannot be loaded."""
    toml.read(project)
    with (project / toml.FILE).open(encoding="utf-8", newline="") as file:
        return file.read()


def commits(project: Path) -> bool:
    """Whether what is accepted is committed: the file is git's."""
    return git_checkout.find(project / toml.FILE) is not None


def change_of(proposal: Proposal) -> Change:
    return Change(section=proposal.section, name=proposal.name, before=proposal.before, after=proposal.after)


def last(site: Site, number: int) -> Event:
    """The last version of a proposal. Raises Unknown."""
    found = site.ledger.last(Proposal.KIND, f"{number}@")
    if found is None:
        raise Unknown(f"there is no proposal {number}; arkwright proposals lists them")
    return found
