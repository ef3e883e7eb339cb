"""The first owner: let in once, by a link, under a name of their own."""

from contextlib import suppress
from pathlib import Path

from arkwright.api.people import accounts, entering, outside
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.nouns import Account, Actor
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import encode
from arkwright.core.telling import CALLED, FIRST, replaced
from arkwright.govern import passwords, secrets
from arkwright.sites import Site


def invitation(site: Site, by: Actor, project: Path) -> str | None:
    """The secret that lets the first owner in, another one each time; None once an owner can enter.

    Those before it go on until then: another control room on the same records may have told one just now.
    """
    if not accounts.has_accounts(site):
        with suppress(Taken):  # another control room did
            versions.move(site.ledger, by.name, Account(name=FIRST, version=1, role="owner", reason="invited"))
    if accounts.owner_can_enter(site):
        return None
    newest = {account.name: account for account in versions.all_of(site.ledger, Account)}
    first = next(account.name for account in newest.values() if account.role == "owner")
    return _secret(site, first)


def opened(site: Site, invitation: str) -> tuple[str, bool]:
    """(whose account an invitation opens, whether whoever takes it up says how it is called, as the first owner does).
    Raises Unproven where it opens none.
    """
    name = entering.invited(site, invitation)[1].account
    if name == FIRST and not accounts.owner_can_enter(site):
        return name, True
    return entering.opened(site, invitation)[1].account, False


def join(
    site: Site, by: Actor, project: Path, *, invitation: str, password: str, name: str = "", note: str = ""
) -> str:
    """Take up an invitation, the first owner as `name`; a session's secret. Raises Unproven, Invalid for a name or a
    password that cannot be, Refused for a name that somebody has.

    What is cut off in between can be tried again: the first owner's invitations go on until the password is there.
    """
    invited, chooses = opened(site, invitation)
    if not chooses:
        return entering.join(site, by, project, invitation=invitation, password=password, note=note)
    name = _called(site, name or invited, password)
    own = _secret(site, name)
    session = entering.join(site, by, project, invitation=own, password=password, note=note)
    if name != FIRST:
        with suppress(ArkwrightError):  # they are of no use any more, and whoever came in by them is free to come anew
            secrets.revoke_all(site.vault, secrets.INVITE, FIRST)
            outside.forget(site, FIRST)
    return session


def _secret(site: Site, name: str) -> str:
    return secrets.issue(site.vault, secrets.INVITE, name, accounts.INVITED, note=accounts.PRINTED)


def _called(site: Site, name: str, password: str) -> str:
    """What the first owner is called from now on: where it is another name, by an account of that name in the place of
    the first one, which ends.
    """
    before = accounts.account(site, FIRST)
    if replaced(before):
        called = before.reason.removeprefix(CALLED)
        if name not in (FIRST, called):
            raise Refused(f"the first owner is called {called} since a try before this; join under that name")
        return called
    passwords.checked(password, name)
    if name == FIRST:
        return name
    fresh = Account(name=accounts.new_name(name), version=1, role="owner", reason="the first owner")
    gone = Account(name=FIRST, version=before.version + 1, role="none", reason=f"{CALLED}{name}")
    entries = [Entry(Account.KIND, f"{one.name}@{one.version}", encode(one)) for one in (fresh, gone)]
    try:
        site.ledger.append(name, entries)  # both or neither
    except Taken:
        raise Refused(f"there is an account called {name} already, or somebody joined just now") from None
    return name
