"""Who gets what by mail: people's own choice, and the letters of an event."""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from arkwright.api.decide import judgement
from arkwright.api.people import accounts
from arkwright.core import versions
from arkwright.core.errors import Refused
from arkwright.core.nouns import Account, Actor, Event, Release
from arkwright.core.record import decode, digest_of
from arkwright.core.rules import may_sign, person
from arkwright.core.settings import Mail
from arkwright.notify import forms
from arkwright.notify import mail as mails
from arkwright.notify.mail import Letter
from arkwright.notify.parts import Part
from arkwright.notify.words import Link, told
from arkwright.sites import Site

PASSWORD = "ARKWRIGHT_MAIL_PASSWORD"  # noqa: S105 - the name of the variable
_END = "\n\n-- \nYou wanted to be told by mail. To end it: your account in the control room, or arkwright mail off\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailed:
    """What somebody gets by mail, and where."""

    wants: str
    address: str


def chosen(site: Site, by: Actor) -> str | None:
    """What somebody gets by mail now; None where the site sends none, or does not know where to."""
    if site.outside.mail is None or not accounts.account(site, by.name).email:
        return None
    return site.vault.get(mails.WANTS, person(by.name)) or "off"


def mail(site: Site, by: Actor, project: Path, *, wants: str = "inbox") -> Mailed:
    """Choose what to be told by mail: `off`, `mentions`, or all that comes into the `inbox`.

    Raises Refused for whoever has no account with an address, and where the site sends no mail.
    """
    accounts.allow(site, by, "talk")
    if not accounts.has_accounts(site):
        raise Refused("there are no accounts here yet, so nobody has an address; begin with: arkwright up")
    address = accounts.account(site, by.name).email
    if mails.known(wants) == "off":
        site.vault.remove(mails.WANTS, person(by.name))
        return Mailed(wants=wants, address=address)
    if not address:
        raise Refused(f"{by.name}'s account has no address; an owner invites with one: --email")
    if site.outside.mail is None:
        raise Refused("this site sends no mail; its owner can have it do so: [mail] in site.toml")
    site.vault.put(mails.WANTS, person(by.name), wants)
    return Mailed(wants=wants, address=address)


@dataclass(frozen=True)
class Postman:
    """Everybody who wants mail, as the outbox knows them."""

    site: Site
    server: Mail
    link: Link
    id = "mail"
    begins = True

    def parts(self, event: Event) -> Sequence[Part]:
        send, password = mails.send, os.environ.get(PASSWORD)
        return tuple(Part(who, partial(send, self.server, password, one)) for who, one in self._letters(event))

    def _letters(self, event: Event) -> Iterator[tuple[str, Letter]]:
        """Each with whose it is: an address may change while a letter waits."""
        wanted = dict(self.site.vault.find(mails.WANTS))
        if not wanted:
            return
        reasons = {who: why for who, why in self._reasons(event, wanted).items() if _wants(wanted.get(who), why)}
        newest = {person(a.name): a for a in versions.all_of(self.site.ledger, Account)} if reasons else {}
        for who, why in reasons.items():
            account = newest.get(who)
            if account and account.email and account.role != "none":
                yield who, self._letter(event, account, why)

    def _reasons(self, event: Event, wanted: Collection[str]) -> dict[str, str]:
        """Who is told of it, and why; that a release waits for somebody counts before that it is there."""
        reasons = self.site.catalog.talk.told(event.seq, wanted)
        if event.kind == Release.KIND:
            reasons.update(dict.fromkeys(self._signers(decode(Release, event.body)), "signature"))
        return reasons

    def _signers(self, release: Release) -> list[str]:
        if not judgement(self.site, release).promises_kept:
            return []
        people = {a.name: a for a in versions.all_of(self.site.ledger, Account)}.values()
        return [person(a.name) for a in people if _roles(release, a)]

    def _letter(self, event: Event, account: Account, why: str) -> Letter:
        said = told(event, why)
        subject = said.title
        if why == "signature":
            role = " or ".join(_roles(decode(Release, event.body), account))
            subject = f"a release waits for your signature as {role}: {said.about}"
        url = self.link(said.about)
        text = "\n\n".join(filter(None, (said.title, said.text, url)))
        name = f"{forms.message_id(event)}.{digest_of(person(account.name))[:16]}"
        return Letter(id=name, to=account.email, subject=subject, text=text + _END)


def _wants(wanted: str | None, why: str) -> bool:
    return wanted == "inbox" or (wanted == "mentions" and why == "mentioned")


def _roles(release: Release, account: Account) -> tuple[str, ...]:
    if account.role == "none":
        return ()
    return tuple(r for r in account.signs if may_sign(release, account.name, r, ()) is None)
