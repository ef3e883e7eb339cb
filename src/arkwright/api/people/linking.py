"""Link an account that has a password with a person of the provider, so that either way in leads to it; and unlink.

Only whoever is logged in here, came back from there in the same session, and knows the password links the two. An
address that both sides have is never enough. What a provider calls verified is its own affair: some let people write
any address, companies give the address of who left to who comes, and whoever registers somebody's address at a provider
first would lie in wait for them here (Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security 2022). The
subject is the one name that a provider never gives to somebody else (OpenID Connect Core 1.0, 5.7).
"""

import time
from dataclasses import replace
from pathlib import Path

from arkwright.api.people import accounts
from arkwright.api.people.accounts import LINK, LINKED
from arkwright.api.people.entering import Known
from arkwright.api.people.outside import FRESH, linked, part, point
from arkwright.core import versions
from arkwright.core.errors import Invalid, Refused, Unproven
from arkwright.core.nouns import Account, Actor
from arkwright.core.ports import Taken
from arkwright.core.record import decode, digest_of, encode
from arkwright.govern import passwords, secrets
from arkwright.govern.oidc import Person
from arkwright.sites import Site

OFFERED = "oidc-offered"  # the vault's kind: a session -> the person as whom it came back


def may_begin(site: Site, name: str) -> None:
    """Raises Refused where somebody is linked."""
    if "provider" in accounts.ways(site, name):
        raise Refused(f"{name} is linked already; unlink it first")


def offer(site: Site, known: Known, person: Person) -> None:
    """Note who came back to this session, until the password says that they are the same. Raises Refused."""
    may_begin(site, known.account.name)
    _unused(site, known.account.name, person)
    site.vault.put(OFFERED, known.key, encode(person), expires=time.time() + FRESH)


def offered(site: Site, known: Known) -> Person:
    """Who came back to this session. Raises Refused where nobody did, or too long ago."""
    body = site.vault.get(OFFERED, known.key)
    if body is None:
        raise Refused("nobody came back from the provider to this session, or too long ago; begin once more")
    return decode(Person, body)


def link(site: Site, known: Known, *, password: str) -> Account:
    """From now on the person who came back enters as this account too. On record before it counts.

    Raises Unproven for a wrong password, Refused where nobody came back or either of the two is linked already.
    """
    name, person = known.account.name, offered(site, known)
    _know(site, name, password)
    may_begin(site, name)
    key = _unused(site, name, person)
    after = _noted(site, known.actor, name, f"linked with {person.issuer}: both ways in lead here")
    if point(site, key, name):
        site.vault.put(LINKED, name, key)
        if site.vault.get(LINK, key) == name:
            site.vault.remove(OFFERED, known.key)
            return after
        site.vault.remove(LINKED, name)
    _noted(site, known.actor, name, "not linked after all: that person entered elsewhere just now")
    raise Refused("that person of the provider has another account by now")


def unlink_own(site: Site, known: Known, *, password: str) -> Account:
    """Only the password leads here from now on; every session ends but this one. Raises Unproven, Refused."""
    name = known.account.name
    if "password" not in accounts.ways(site, name):
        raise Refused(f"{name} has no password, so nobody could enter any more")
    _know(site, name, password)
    return _unlinked(site, known.actor, name, "unlinked from the provider", keep=known.key)


def unlink(site: Site, by: Actor, project: Path, *, name: str, reason: str) -> Account:
    """Nobody enters this account through the provider any more, and its sessions end; who has no password is invited
    again. Raises Refused where there is no link, and for an owner without a password.
    """
    accounts.allow(site, by, "own")
    found = accounts.account(site, name)
    if not reason.strip():
        raise Invalid('to unlink needs a reason: --reason "…"')
    if found.role == "owner" and accounts.ways(site, name) == ("provider",):
        raise Refused(f"{name} is an owner without a password, who could not enter any more; change the role first")
    return _unlinked(site, by, name, f"unlinked from the provider: {reason}")


def _unlinked(site: Site, by: Actor, name: str, reason: str, keep: str = "") -> Account:
    """LINKED goes last: whoever is cut off before does it again. Sessions end before LINK goes, and those begun since
    end after: no page offers to unlink where half of the link is gone.
    """
    key = site.vault.get(LINKED, name)
    if key is None:
        raise Refused(f"{name} is not linked with anybody of the provider")
    after = _noted(site, by, name, reason)
    _end_all(site, name, keep)
    part(site, key, name)
    _end_all(site, name, keep)
    if site.vault.get(LINKED, name) == key:  # else somebody was linked by now
        site.vault.remove(LINKED, name)
    return after


def _end_all(site: Site, name: str, keep: str) -> None:
    for kind in (secrets.SESSION, secrets.DEVICE, secrets.INVITE):
        secrets.revoke_all(site.vault, kind, name, keep=keep)


def _unused(site: Site, name: str, person: Person) -> str:
    """The person's key in the vault. Raises Refused where they are another account."""
    key = digest_of([person.issuer, person.subject])
    other = linked(site, key)
    if other not in (None, name):
        raise Refused(f"that person of the provider has an account here already, {other}")
    return key


def _know(site: Site, name: str, password: str) -> None:
    if not passwords.fits(site.vault.get(passwords.KIND, name), password):
        raise Unproven("the password is wrong")


def _noted(site: Site, by: Actor, name: str, reason: str) -> Account:
    """On record as the account's next version, which may do what the one before may."""
    before = accounts.account(site, name)
    try:
        return versions.move(site.ledger, by.name, replace(before, version=before.version + 1, reason=reason[:200]))
    except Taken:
        raise Refused(f"somebody else changed {name} just now; look at it and try again") from None
