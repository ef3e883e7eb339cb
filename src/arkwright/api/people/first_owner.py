"""The first owner: let in once, by a link, under a name of their own."""

from pathlib import Path

from arkwright.api.people import accounts, entering
from arkwright.core import versions
from arkwright.core.errors import Refused
from arkwright.core.nouns import Account, Actor
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import encode
from arkwright.core.telling import CALLED, FIRST
from arkwright.govern import passwords, secrets
from arkwright.sites import Site


def invitation(site: Site, by: Actor, project: Path) -> str | None:
    """The secret that lets the first owner in, another one each time; None once somebody entered."""
    if not accounts.has_accounts(site):
        return accounts.invite(site, by, project, name=FIRST, role="owner").secret
    if accounts.somebody_entered(site):
        return None
    newest = {account.name: account for account in versions.all_of(site.ledger, Account)}
    first = next(account.name for account in newest.values() if account.role == "owner")
    return accounts.invite_again(site, first).secret


def chooses(site: Site, name: str) -> bool:
    """Whether whoever joins as this account says how it is called: the first owner, before anybody entered."""
    return name == FIRST and not accounts.somebody_entered(site)


def join(
    site: Site, by: Actor, project: Path, *, invitation: str, password: str, name: str = "", note: str = ""
) -> str:
    """Take up an invitation, the first owner as `name`; a session's secret. Raises Unproven, Invalid for a name or a
    password that cannot be, Refused for a name that somebody has.
    """
    invited = entering.invited(site, invitation)
    if name not in ("", invited) and chooses(site, invited):
        passwords.checked(password, name)
        invitation = _called(site, name)
    return entering.join(site, by, project, invitation=invitation, password=password, note=note)


def _called(site: Site, name: str) -> str:
    """An account of this name in the place of the first one, which ends; the secret with which to join as it."""
    fresh = Account(name=accounts.new_name(name), version=1, role="owner", reason="the first owner")
    before = accounts.account(site, FIRST)
    gone = Account(name=FIRST, version=before.version + 1, role="none", reason=f"{CALLED}{name}")
    entries = [Entry(Account.KIND, f"{one.name}@{one.version}", encode(one)) for one in (fresh, gone)]
    try:
        site.ledger.append(name, entries)  # both or neither
    except Taken:
        raise Refused(f"there is an account called {name} already, or somebody joined just now") from None
    secrets.revoke_all(site.vault, secrets.INVITE, FIRST)
    return accounts.invite_again(site, name).secret
