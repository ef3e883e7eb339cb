"""Who comes in: by an invitation, with a password, in a session; and who it is that holds one."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from arkwright.api.people.accounts import DAY, LINKED, PRINTED, account, can_enter, owner_can_enter, ways
from arkwright.core import versions
from arkwright.core.errors import Refused, Unproven
from arkwright.core.nouns import Account, Actor
from arkwright.core.record import decode
from arkwright.govern import passwords, roles, secrets
from arkwright.govern.secrets import Pass
from arkwright.sites import Site

LOGGED_IN = 7 * DAY
_OF_NO_USE = "this invitation was used, is too old, or was never made; if you used it, log in, else ask for another"
_OVER = "this token is wrong, was revoked, or is too old; make another: arkwright token"


@dataclass(frozen=True, slots=True)
class Known:
    """Who acts, once proven: the account, cut down to what was proven of it, and the actor for the verbs."""

    account: Account
    actor: Actor
    via: str  # session | token
    key: str  # of the session or the token


def join(site: Site, by: Actor, project: Path, *, invitation: str, password: str, note: str = "") -> str:
    """Take up an invitation with a password of one's own; a session's secret. `note`: from where. Raises Unproven."""
    key, held = opened(site, invitation)
    name = held.account
    kept = passwords.hashed(password, name)
    bind(site, key, passwords.KIND)
    if not site.vault.add(passwords.KIND, name, kept):
        raise Unproven("this invitation was used just now")
    if "provider" in ways(site, name) or not is_open(site, name, held.note):
        site.vault.remove(passwords.KIND, name)
        raise Unproven(f"somebody else entered just now; {ask(site, 'for another invitation')}")
    secrets.revoke_all(site.vault, secrets.INVITE, name)
    return session(site, name, note)


def opened(site: Site, invitation: str) -> tuple[str, Pass]:
    """(its key, what it stands for) of an invitation that may be taken up: nobody entered as that account yet, and it
    is open. Raises Unproven.
    """
    key, held = invited(site, invitation)
    if can_enter(site, held.account) or not is_open(site, held.account, held.note):
        raise Unproven(_OF_NO_USE)
    return key, held


def bind(site: Site, key: str, way: str) -> None:
    """Of many who hold an invitation, one goes on: by the password, or as one person of the provider. It is not removed
    before they are in, so that whoever is cut off goes on later. Raises Unproven.
    """
    bound = secrets.bind(site.vault, secrets.INVITE, key, way)
    if bound is None:
        raise Unproven(_OF_NO_USE)
    if bound != way:
        raise Unproven("this invitation was begun in another way; go on in that one, or ask for another")


def settle(site: Site, name: str, other: str) -> None:
    """Whoever comes in first goes on, and the `other` way's record ends, where two people took up two invitations to
    this account at once, each in a way of their own, and both were cut off, so that both ways are open.
    """
    begun = {decode(Pass, body).way for _, body in site.vault.find(secrets.INVITE, f"{name}/")}
    if len(begun - {""}) > 1:
        site.vault.remove(other, name)
        secrets.revoke_all(site.vault, secrets.INVITE, name)


def ask(site: Site, what: str) -> str:
    """What is next for whom somebody else was faster than: to ask an owner for this, once there is one."""
    return f"ask an owner {what}" if owner_can_enter(site) else "try again"


def is_open(site: Site, name: str, note: str) -> bool:
    """Whether an invitation to this account, with this note, counts: nobody shut the account out, and for one that was
    printed no other owner can enter.
    """
    return account(site, name).role != "none" and not (note == PRINTED and owner_can_enter(site, but=name))


def invited(site: Site, invitation: str) -> tuple[str, Pass]:
    """(its key, what an invitation stands for), of use or not. Raises Unproven."""
    found = secrets.redeem(site.vault, secrets.INVITE, invitation)
    if found is None:
        raise Unproven(_OF_NO_USE)
    return found


def log_in(site: Site, by: Actor, project: Path, *, name: str, password: str, note: str = "") -> str:
    """A session's secret; an owner's on a full disk too, where room was put aside.

    Raises Unproven in the same words and the same time, whichever of the two is wrong.
    """
    name = name.strip().lower()[:64]
    kept = site.vault.get(passwords.KIND, name)
    right = passwords.fits(kept, password)
    found = versions.latest(site.ledger, Account, name) if right else None
    if found is None or found.role == "none":
        raise Unproven("the name or the password is wrong")
    settle(site, name, LINKED)
    work = partial(session, site, name, note)
    secret = site.reserve.helping(work) if found.role == "owner" else work()
    if site.vault.get(passwords.KIND, name) != kept:  # changed meanwhile, which ended the sessions that there were
        log_out(site, prove(site, secrets.SESSION, secret))
        raise Unproven("the name or the password is wrong")
    return secret


def change_password(site: Site, by: Actor, project: Path, *, old: str, new: str, note: str = "") -> str:
    """Another password; every session of the account ends, and the new one's secret is given. Tokens stay.

    They end before too: whoever is cut off in between could not do it again with the old password.
    """
    kept = site.vault.get(passwords.KIND, by.name)
    if not passwords.fits(kept, old) or kept is None:
        raise Unproven("the old password is wrong")
    fresh = passwords.hashed(new, by.name)
    _end_all(site, by.name)
    if not site.vault.swap(passwords.KIND, by.name, kept, fresh):
        raise Refused("the password was changed just now by somebody else")
    _end_all(site, by.name)
    return session(site, by.name, note)


def _end_all(site: Site, name: str) -> None:
    for kind in (secrets.SESSION, secrets.DEVICE):
        secrets.revoke_all(site.vault, kind, name)


def log_out(site: Site, known: Known) -> None:
    """End this session."""
    site.vault.remove(known.via, known.key)


def prove(site: Site, kind: str, secret: str) -> Known:
    """Who holds this session or token, with the rights of both. Raises Unproven."""
    found = secrets.redeem(site.vault, kind, secret)
    if found is None:
        raise Unproven(_OVER if kind == secrets.TOKEN else "log in again")
    key, held = found
    kept = account(site, held.account)
    if held.role is not None:
        kept = replace(kept, role=roles.lesser(kept.role, held.role))
    if held.signs is not None:
        kept = replace(kept, signs=tuple(role for role in kept.signs if role in held.signs))
    if kept.role == "none":
        raise Unproven(f"{kept.name} was shut out; ask an owner")
    rights = roles.rights(kept.role, token=kind == secrets.TOKEN)
    return Known(kept, Actor(name=kept.name, proven=True, signs=kept.signs, rights=rights), kind, key)


def prove_password(site: Site, name: str, password: str) -> Actor:
    """Who knows this password, for as long as one word of the command line takes. Raises Unproven."""
    known = prove(site, secrets.SESSION, log_in(site, Actor(name=""), site.folder, name=name, password=password))
    log_out(site, known)
    return known.actor


def session(site: Site, name: str, note: str) -> str:
    """A new session's secret, for whoever has proven to be this account. `note`: from where."""
    site.vault.sweep()
    return secrets.issue(site.vault, secrets.SESSION, name, LOGGED_IN, note=note[:200])
