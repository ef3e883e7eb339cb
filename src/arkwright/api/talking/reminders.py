"""Reminders: what waits for whom, since when; on record once a day while it waits, which tells everybody."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arkwright.api.decide import at_a_glance
from arkwright.api.people import accounts
from arkwright.api.promising.proposed import may_review, proposals
from arkwright.core.alongside import Alongside
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Account, Actor, Release, Reminder
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import encode
from arkwright.core.rules import may_sign
from arkwright.govern import roles
from arkwright.project import toml
from arkwright.sites import Site

log = logging.getLogger("arkwright.reminders")
PATIENCE = timedelta(days=1)
EVERY = 3600.0  # seconds between two looks
_MOST = 10_000


def waiting(site: Site, project: Path, now: datetime) -> Iterator[Reminder]:
    """What waits at this moment for somebody who has an account and could do it, the shortest wait too."""
    held = [account for account in site.catalog.newest(Account, limit=_MOST) if account.role != "none"]
    yield from _signatures(site, held, now)
    yield from _reviews(site, project, held, now)


def remind(site: Site, project: Path, now: datetime) -> tuple[Reminder, ...]:
    """Put on record what has waited for a day, once for each day and thing, whoever else does so too; what was put.

    On a site without accounts nobody is known who could be told.
    """
    if not accounts.has_accounts(site):
        return ()
    site.catalog.follow()  # nobody is reminded of what is done
    told = []
    for one in waiting(site, project, now):
        if now - datetime.fromisoformat(one.since) < PATIENCE:
            continue
        try:
            entry = Entry(Reminder.KIND, f"{one.about}/{now.astimezone(UTC):%Y-%m-%d}", encode(one))
            site.ledger.append(roles.MACHINE, [entry])
        except Taken:
            continue  # said today
        told.append(one)
    return tuple(told)


class Reminding(Alongside):
    """Reminds while it is entered, beside the control room."""

    def __init__(self, site: Site, project: Path) -> None:
        super().__init__("reminders")
        self._site, self._project = site, project

    def _run(self) -> None:
        while True:
            try:
                remind(self._site, self._project, datetime.now(UTC))
            except ArkwrightError as error:
                log.error("nobody is reminded: %s; trying again", error)  # noqa: TRY400
            except Exception:
                log.exception("nobody is reminded; trying again")
            if self._stopped.wait(EVERY):
                return


def _signatures(site: Site, held: list[Account], now: datetime) -> Iterator[Reminder]:
    newest = site.catalog.newest(Release, limit=_MOST)
    for release, judged in zip(newest, at_a_glance(site, newest), strict=True):
        if not judged.promises_kept or judged.refusals:
            continue
        said = site.catalog.decisions(release.digest)
        able = {
            account.name: [
                role
                for role in dict.fromkeys(judged.unsigned)
                if role in account.signs and may_sign(release, account.name, role, said) is None
            ]
            for account in held
        }
        since = site.catalog.made_at(Release.KIND, release.name, release.version)
        if since:
            yield from _reminder(release.ref, able, since, now)


def _reviews(site: Site, project: Path, held: list[Account], now: datetime) -> Iterator[Reminder]:
    waits = proposals(site, Actor(name=roles.MACHINE), project, state="open")
    if not waits:
        return
    spec = toml.read(project).spec
    for one in waits:
        able = {account.name: list(may_review(site, _actor(account), spec, one.proposal)[0]) for account in held}
        yield from _reminder(f"proposal:{one.proposal.id}", able, one.at, now)


def _actor(account: Account) -> Actor:
    """As who this account would act, once proven."""
    return Actor(name=account.name, proven=True, signs=account.signs, rights=roles.rights(account.role))


def _reminder(about: str, able: dict[str, list[str]], since: str, now: datetime) -> Iterator[Reminder]:
    people = tuple(name for name, as_whom in able.items() if as_whom)
    if people:
        days = max(0, (now - datetime.fromisoformat(since)).days)
        named = tuple(dict.fromkeys(role for as_whom in able.values() for role in as_whom))
        yield Reminder(about=about, people=people, roles=named, since=since, days=days)
