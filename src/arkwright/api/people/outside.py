"""Log in through a provider: who of its people has which account here."""

import re
import time

from arkwright.api.people import accounts, entering
from arkwright.api.people.accounts import LINK, LINKED
from arkwright.core import versions
from arkwright.core.errors import Forbidden, Refused, Unproven
from arkwright.core.mailbox import is_address
from arkwright.core.nouns import Account, Event
from arkwright.core.ports import Taken
from arkwright.core.record import NAME, decode, digest_of
from arkwright.core.settings import Login
from arkwright.govern import passwords, roles, secrets
from arkwright.govern.oidc import Asked, Person
from arkwright.sites import Site

USED = "oidc-used"
CLAIMED = "oidc-claimed"  # the vault's kind: a name -> the provider's person for whom its account is being made
FRESH = 600.0  # seconds in which a log-in elsewhere has to come back
CLAIM = 7 * accounts.DAY  # in which whoever was cut off comes back


def spend(site: Site, asked: Asked) -> None:
    """What a browser asked is answered once. Raises Unproven."""
    if not site.vault.add(USED, asked.state, "", expires=time.time() + FRESH):
        raise Unproven("this was answered already; log in once more")


def enter(site: Site, person: Person, *, invitation: str = "", note: str = "") -> str:
    """A session's secret for the account of this person: the one that was linked, the one they are invited to, or a new
    one where the settings let them in. Never one that merely has the same name or address.

    Raises Unproven, Forbidden for whom nobody invited, Refused where the name is another's.
    """
    key = digest_of([person.issuer, person.subject])
    name = linked(site, key)
    if invitation and name is None:
        name = _invited(site, key, invitation)
    elif invitation:
        raise Refused(f"you have an account here already, {name}; log in without the invitation")
    name = name or _new(site, person, key)
    if accounts.account(site, name).role == "none":
        raise Unproven(f"{name} was shut out; ask an owner")
    entering.settle(site, name, passwords.KIND)
    secret = entering.session(site, name, note)
    if linked(site, key) != name:  # since just now, which ended the sessions that there were
        entering.log_out(site, entering.prove(site, secrets.SESSION, secret))
        raise Unproven(f"{name} was unlinked just now; log in once more")
    return secret


def linked(site: Site, key: str) -> str | None:
    """The account as which this person enters. Both records have to say so: where somebody was cut off between the two,
    the one that is there counts for nothing.
    """
    name = site.vault.get(LINK, key)
    return name if name is not None and site.vault.get(LINKED, name) == key else None


def point(site: Site, key: str, name: str) -> bool:
    """The first of the two records, LINK, in the place of one that counts for nothing; False where one counts."""
    before = site.vault.get(LINK, key)
    if before is None:
        return site.vault.add(LINK, key, name)
    if before != name and (site.vault.get(LINKED, before) == key or not site.vault.swap(LINK, key, before, name)):
        return False
    if before != name and site.vault.get(LINKED, before) == key:  # it counts since just now
        site.vault.swap(LINK, key, name, before)
        return False
    return True


def _complete(site: Site, key: str, name: str) -> bool:
    """The second of the two records, LINKED, in the place of one that counts for nothing; False where one counts."""
    if site.vault.add(LINKED, name, key):
        return True
    before = site.vault.get(LINKED, name)
    if before is None or before == key:
        return before == key
    if site.vault.get(LINK, before) == name or not site.vault.swap(LINKED, name, before, key):
        return False
    if site.vault.get(LINK, before) == name:  # it counts since just now
        site.vault.swap(LINKED, name, key, before)
        return False
    return True


def part(site: Site, key: str, name: str) -> None:
    """Remove LINK, where it does not lead elsewhere by now."""
    if site.vault.get(LINK, key) == name:
        site.vault.remove(LINK, key)


def forget(site: Site, name: str) -> None:
    """Whoever is linked with this account, which ended, is as free as before."""
    if key := site.vault.get(LINKED, name):
        part(site, key, name)
        site.vault.remove(LINKED, name)


def _invited(site: Site, key: str, invitation: str) -> str:
    """The invitation goes last: whoever is cut off before opens it again."""
    invited, held = entering.opened(site, invitation)
    entering.bind(site, invited, key)
    name = _link(site, held.account, key, held.note)
    secrets.revoke_all(site.vault, secrets.INVITE, name)
    return name


def _new(site: Site, person: Person, key: str) -> str:
    login = site.settings.login
    role = _allowed(login, person) if login else None
    if role is None:
        raise Forbidden("nobody of that name was invited here; ask an owner for an invitation")
    name, entered = _name(person), f"entered through {person.issuer}"[:200]
    if last := site.ledger.last(Account.KIND, f"{name}@"):
        if _was_cut_off(site, last, name, key, entered):
            return _link(site, name, key)
        raise Refused(
            f"there is an account called {name} already; if it is yours, log in with its password and link the two, "
            "else ask an owner to invite you under another name"
        )
    claims = site.vault.add(CLAIMED, name, key, expires=time.time() + CLAIM)
    if not claims and site.vault.get(CLAIMED, name) != key:
        raise Refused(f"somebody else began to enter as {name}; ask an owner to invite you under another name")
    is_good = is_address(person.email) and not accounts.has_address(site, person.email)
    fresh = Account(
        name=name,
        version=1,
        role=role,
        signs=(),
        email=person.email if is_good else "",
        reason=entered,
    )
    try:
        versions.move(site.ledger, name, fresh)
    except Taken:
        last = site.ledger.last(Account.KIND, f"{name}@")
        if not last or not _was_cut_off(site, last, name, key, entered):  # else they made it in another tab
            if claims:
                site.vault.remove(CLAIMED, name)
            raise Refused(f"there is an account called {name} already; ask an owner to invite you") from None
    return _link(site, name, key)


def _was_cut_off(site: Site, last: Event, name: str, key: str, entered: str) -> bool:
    """Whether this account was made for this very person, nobody changed it since, and nobody entered it yet."""
    made = last.by == name and last.key == f"{name}@1" and decode(Account, last.body).reason == entered
    return made and site.vault.get(CLAIMED, name) == key and not accounts.can_enter(site, name)


def _link(site: Site, name: str, key: str, note: str = "") -> str:
    """From now on this person enters as this account, which nobody entered yet. `note`: the invitation's."""
    if not point(site, key, name):
        raise Refused("you came in through another door just now; log in once more")
    mine = _complete(site, key, name)
    if mine and not (
        site.vault.get(passwords.KIND, name)  # somebody chose one meanwhile: neither knows that it is one person
        or site.vault.get(LINK, key) != name
        or not entering.is_open(site, name, note)
    ):
        return name
    if mine:
        site.vault.remove(LINKED, name)
    part(site, key, name)
    raise Unproven(
        f"somebody else entered as {name} just now; {entering.ask(site, 'to invite you under another name')}"
    )


def _allowed(login: Login, person: Person) -> str | None:
    """The role as which a stranger may come in; the highest of their groups' before the one of their address."""
    mine = [login.groups[group] for group in person.groups if group in login.groups]
    if mine:
        return max(mine, key=list(roles.ROLES).index)
    domain = person.email.rpartition("@")[2].casefold()
    return login.role if domain and domain in {one.casefold() for one in login.domains} else None


def _name(person: Person) -> str:
    wanted = person.name.partition("@")[0] or person.email.partition("@")[0]
    name = re.sub(r"[^a-z0-9_-]+", "-", wanted.lower()).strip("-")[:64]
    if not NAME.fullmatch(name) or name == roles.MACHINE:
        raise Refused("the provider says no name that an account could have; ask an owner for an invitation")
    return name
