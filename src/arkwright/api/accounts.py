"""Verbs about who may enter: invite, join, log in and out, tokens, roles."""

from dataclasses import dataclass, replace
from pathlib import Path

from arkwright.core import versions
from arkwright.core.errors import Invalid, Refused, Unknown, Unproven
from arkwright.core.nouns import Account, Actor
from arkwright.core.ports import Taken
from arkwright.core.record import valid_name
from arkwright.govern import passwords, roles, secrets
from arkwright.sites import Site

DAY = 24 * 60 * 60.0
INVITED, LOGGED_IN = 7 * DAY, 7 * DAY


@dataclass(frozen=True, slots=True)
class Known:
    """Who acts, once proven: the account, cut down to what was proven of it, and the actor for the verbs."""

    account: Account
    actor: Actor
    via: str  # session | token
    key: str  # of the session or the token


def has_accounts(site: Site) -> bool:
    """Whether anybody has to log in here. Until the first owner joined, whoever holds the machine is trusted."""
    return site.ledger.last(Account.KIND, "") is not None


def account(site: Site, name: str) -> Account:
    """Raises Unknown."""
    found = versions.latest(site.ledger, Account, name)
    if found is None:
        raise Unknown(f"there is no account called {name[:80]!r}")
    return found


def invite(
    site: Site, by: Actor, project: Path, *, name: str, role: str = "viewer", signs: tuple[str, ...] = ()
) -> str:
    """Make an account that nobody can enter yet; the secret with which its owner joins, once, within a week."""
    if name != name.lower():
        raise Invalid(f"{name[:80]!r} cannot name an account: in small letters, please")
    fresh = Account(name=valid_name(name, "account"), version=1, role=roles.known(role), signs=signs, reason="invited")
    try:
        versions.move(site.ledger, by.name, fresh)
    except Taken:
        raise Refused(f"there is an account called {name} already") from None
    return secrets.issue(site.vault, secrets.INVITE, name, INVITED)


def join(site: Site, by: Actor, project: Path, *, invitation: str, password: str) -> str:
    """Take up an invitation with a password of one's own; a session's secret. Raises Unproven."""
    found = secrets.redeem(site.vault, secrets.INVITE, invitation)
    if found is None:
        raise Unproven("this invitation was used, is too old, or was never made; ask for another")
    key, invited = found
    kept = passwords.hashed(password, invited.account)
    if not site.vault.remove(secrets.INVITE, key):
        raise Unproven("this invitation was used just now")
    site.vault.put(passwords.KIND, invited.account, kept)
    return _session(site, invited.account)


def log_in(site: Site, by: Actor, project: Path, *, name: str, password: str) -> str:
    """A session's secret. Raises Unproven in the same words and the same time, whichever of the two is wrong."""
    right = passwords.fits(site.vault.get(passwords.KIND, name), password)
    found = versions.latest(site.ledger, Account, name) if right else None
    if found is None or found.role == "none":
        raise Unproven("the name or the password is wrong")
    return _session(site, name)


def log_out(site: Site, known: Known) -> None:
    """End this session."""
    site.vault.remove(known.via, known.key)


def prove(site: Site, kind: str, secret: str) -> Known:
    """Who holds this session or token, with the rights of both. Raises Unproven."""
    found = secrets.redeem(site.vault, kind, secret)
    if found is None:
        raise Unproven("this token is wrong, was revoked, or is too old" if kind == secrets.TOKEN else "log in again")
    key, held = found
    kept = account(site, held.account)
    if held.role is not None:
        kept = replace(kept, role=roles.lesser(kept.role, held.role))
    if held.signs is not None:
        kept = replace(kept, signs=tuple(role for role in kept.signs if role in held.signs))
    if kept.role == "none":
        raise Unproven(f"{kept.name} was shut out")
    return Known(kept, Actor(name=kept.name, proven=True), kind, key)


def _session(site: Site, name: str) -> str:
    return secrets.issue(site.vault, secrets.SESSION, name, LOGGED_IN)
