"""Verbs about accounts: invite, change roles, hand out tokens; and what an account may do. Who comes in: `entering`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arkwright.api.people.signing import signing
from arkwright.core import versions
from arkwright.core.durations import seconds
from arkwright.core.errors import Forbidden, Invalid, Refused, Unknown, Unproven, did_you_mean
from arkwright.core.mailbox import is_address
from arkwright.core.nouns import Account, Actor
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import encode, valid_name
from arkwright.core.telling import replaced
from arkwright.govern import passwords, roles, secrets
from arkwright.sites import Site

DAY = 24 * 60 * 60.0
INVITED, LONGEST_TOKEN = 7 * DAY, 366 * DAY
LINK, LINKED = "oidc", "oidc-account"  # the vault's kinds: a provider's person -> the account, and back
PRINTED = "printed"  # the note of an invitation that counts only while no owner can enter
OWNERS = "owners"  # the ledger's kind for the turns in which owners stop being owners


def has_accounts(site: Site) -> bool:
    """Whether anybody has to log in here. Until the first owner joined, whoever holds the machine is trusted."""
    return site.ledger.last(Account.KIND, "") is not None


def ways(site: Site, name: str) -> tuple[str, ...]:
    """How one enters as this account: by a `password`, through the `provider`; empty: nobody can. Both records of a
    link have to be there: where somebody was cut off between the two, nobody enters by the one.
    """
    person = site.vault.get(LINKED, name)
    found = {
        "password": site.vault.get(passwords.KIND, name) is not None,
        "provider": person is not None and site.vault.get(LINK, person) == name,
    }
    return tuple(way for way, is_open in found.items() if is_open)


def can_enter(site: Site, name: str) -> bool:
    """Whether somebody took the account up: with a password, or through a provider."""
    return bool(ways(site, name))


def owner_can_enter(site: Site, *, but: str = "") -> bool:
    """Whether somebody took up an owner's account, other than this one: until then the first owner is awaited."""
    newest = {a.name: a for a in versions.all_of(site.ledger, Account)}
    return any(a.role == "owner" and a.name != but and can_enter(site, a.name) for a in newest.values())


def account(site: Site, name: str) -> Account:
    """Raises Unknown."""
    found = versions.latest(site.ledger, Account, name)
    if found is None:
        near = did_you_mean(name, versions.names(site.ledger, Account))
        raise Unknown(f"there is no account called {name[:80]!r}{near}")
    return found


def allow(site: Site, by: Actor, right: str) -> None:
    """On a site with accounts: raises Unproven for whoever has proven nothing, Forbidden where the right is missing."""
    if not has_accounts(site):
        return
    if not by.proven:
        how = "make a token (arkwright token), then export ARKWRIGHT_TOKEN=…"
        if not owner_can_enter(site):
            how = "no owner can enter yet; arkwright up prints the link with which the first one does"
        raise Unproven(f"this site has accounts, so {by.name or 'who acts'} has to prove it: {how}")
    roles.must(by, right)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A secret that is shown once: an invitation's or a token's. `id` finds it again, to end it."""

    account: str
    id: str
    secret: str
    expires: float  # seconds since 1970


def invite(
    site: Site,
    by: Actor,
    project: Path,
    *,
    name: str,
    role: str = "viewer",
    signs: Sequence[str] = (),
    email: str = "",
) -> Handed:
    """Make an account that nobody can enter yet, and the secret with which its owner joins, once, within a week.

    Of an account that nobody entered yet: another secret in the place of the lost one.
    Raises Refused where somebody entered; the first account of a site is an owner.
    """
    allow(site, by, "own")
    new_name(name)
    if not has_accounts(site) and role != "owner":
        raise Refused("the first account of a site has to be an owner: --role owner")
    fresh = Account(
        name=name,
        version=1,
        role=roles.known(role),
        signs=signing(site, project, signs),
        email=_email(site, name, email),
        reason="invited",
    )
    try:
        versions.move(site.ledger, by.name, fresh)
    except Taken:
        if can_enter(site, name) or account(site, name).role == "none":
            raise Refused(f"there is an account called {name} already") from None
    return invite_again(site, name)


def new_name(name: str) -> str:
    """Raises Invalid for what cannot name an account, or the house itself."""
    if name != name.lower():
        raise Invalid(f"{name[:80]!r} cannot name an account: in small letters, please")
    if name == roles.MACHINE:
        raise Invalid(f"{name} is who acts where nobody does; choose another name")
    return valid_name(name, "account")


def invite_again(site: Site, name: str) -> Handed:
    """Another secret for an account that nobody entered yet; the one before ends."""
    secrets.revoke_all(site.vault, secrets.INVITE, name)
    return _handed(secrets.issue(site.vault, secrets.INVITE, name, INVITED), INVITED)


def role(
    site: Site,
    by: Actor,
    project: Path,
    *,
    name: str,
    role: str | None = None,
    signs: Sequence[str] | None = None,
    email: str | None = None,
    reason: str,
) -> Account:
    """Change what an account may do; `none` shuts it out and ends its sessions and tokens.

    Raises Refused for the last owner, and when somebody else changed it meanwhile.
    """
    allow(site, by, "own")
    before = account(site, name)
    if not reason.strip():
        raise Invalid('a change of role needs a reason: --reason "…"')
    after = replace(
        before,
        version=before.version + 1,
        role=before.role if role is None else roles.known(role),
        signs=before.signs if signs is None else signing(site, project, signs, before.signs),
        email=before.email if email is None else _email(site, name, email),
        reason=reason,
    )
    _change(site, by, before, after)
    if after.role == "none":
        for kind in (secrets.SESSION, secrets.TOKEN, secrets.INVITE, secrets.DEVICE):
            secrets.revoke_all(site.vault, kind, name)
    return after


def _change(site: Site, by: Actor, before: Account, after: Account) -> None:
    """Compare-and-set. Who stops being an owner takes a numbered turn: two owners cannot demote each other at once."""
    entries = [Entry(Account.KIND, f"{after.name}@{after.version}", encode(after))]
    if before.role == "owner" != after.role:
        turn = site.ledger.last(OWNERS, "")
        if not owner_can_enter(site, but=after.name):
            raise Refused(f"{after.name} is the last owner who can enter; make somebody else one first")
        number = int(turn.key) + 1 if turn else 1
        entries.append(Entry(OWNERS, str(number), encode(after.ref)))
    try:
        site.ledger.append(by.name, entries)
    except Taken:
        raise Refused(f"somebody else changed {after.name} just now; look at it and try again") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An account, whether anybody entered it yet and by which ways, and how many sessions and tokens it has."""

    account: Account
    entered: bool
    ways: tuple[str, ...]
    sessions: int
    tokens: int

    @property
    def said(self) -> str:
        """In a word or two."""
        if self.account.role == "none":
            return "never entered" if replaced(self.account) else "shut out"
        return "joined" if self.entered else "invited"


def accounts(site: Site, by: Actor, project: Path) -> tuple[Standing, ...]:
    """Every account, in alphabetical order."""
    newest = {a.name: a for a in versions.all_of(site.ledger, Account)}
    return tuple(standing(site, newest[name]) for name in sorted(newest))


def standing(site: Site, noun: Account) -> Standing:
    def count(kind: str) -> int:
        return sum(1 for _ in site.vault.find(kind, f"{noun.name}/"))

    found = ways(site, noun.name)
    return Standing(
        account=noun, entered=bool(found), ways=found, sessions=count(secrets.SESSION), tokens=count(secrets.TOKEN)
    )


def token(
    site: Site,
    by: Actor,
    project: Path,
    *,
    role: str = "viewer",
    signs: Sequence[str] = (),
    expires: str = "30d",
    note: str = "",
) -> Handed:
    """A secret with which a program acts for the account: with this role and these signing roles, no more than its own.

    Raises Forbidden for whoever holds no more than a token; Invalid for more than a year.
    """
    allow(site, by, "self")
    if not by.proven:
        raise Refused("there are no accounts here yet, so there is nobody to act for; begin with: arkwright up")
    own, lasts = account(site, by.name), seconds(expires)
    if roles.lesser(own.role, roles.known(role)) != role or not set(signs) <= set(own.signs):
        raise Forbidden(
            f"{own.name} is a {own.role} who signs as {', '.join(own.signs) or 'nobody'}, no more than that"
        )
    if not 0 < lasts <= LONGEST_TOKEN:
        raise Invalid(f"{expires[:20]!r}: a token lasts at most a year, 365d")
    secret = secrets.issue(
        site.vault, secrets.TOKEN, own.name, lasts, role=role, signs=tuple(dict.fromkeys(signs)), note=note[:200]
    )
    return _handed(secret, lasts)


def _handed(secret: str, lasts: float) -> Handed:
    name, number, _ = secret.split(".", 2)
    return Handed(account=name, id=number, secret=secret, expires=time.time() + lasts)


def _email(site: Site, name: str, email: str) -> str:
    """Raises Invalid for what is no address, Refused for one that another account has."""
    if email and not is_address(email):
        raise Invalid(f"{email[:80]!r} is no e-mail address in plain letters, such as ben@example.org")
    if has_address(site, email, but=name):
        raise Refused(f"another account has the address {email}")
    return email


def has_address(site: Site, email: str, *, but: str = "") -> bool:
    """Whether an account, but for this one, has this e-mail address."""
    newest = {a.name: a for a in versions.all_of(site.ledger, Account)} if email else {}
    return any(a.email.casefold() == email.casefold() and a.name != but for a in newest.values())
