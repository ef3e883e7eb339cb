"""Whom a site tells what happens: the outbox with everybody who wants to hear."""

from collections.abc import Callable, Sequence
from functools import cached_property

from arkwright.api.talking.letters import Postman
from arkwright.notify import address, hooks
from arkwright.notify.openlineage import Lines
from arkwright.notify.outbox import Outbox
from arkwright.notify.parts import Subscriber
from arkwright.notify.words import Link
from arkwright.sites import Site


class Subscribers:
    """Everybody who wants to hear, as things stand when it is called."""

    def __init__(self, site: Site, link: Link) -> None:
        self._site, self._link = site, link

    def __call__(self) -> Sequence[Subscriber]:
        settings = self._site.outside
        allow = address.networks(settings.webhooks.allow)
        found: list[Subscriber] = [
            hooks.Receiver(hook, self._source, self._link, allow) for hook in hooks.all_of(self._site.vault)
        ]
        if settings.mail:
            found.append(Postman(self._site, settings.mail, self._link))
        if settings.openlineage:
            found.append(Lines(self._site.ledger, settings.openlineage, self._site.folder, self._source))
        return found

    @cached_property
    def _source(self) -> str:
        """The site's name for others: that of its ledger, wherever it is kept."""
        first = next(iter(self._site.ledger.find()), None)
        return f"urn:arkwright:{first.seal[:32] if first else 'new'}"


def outbox(site: Site, page: Callable[[str], str | None]) -> Outbox:
    """Delivers while it is entered. `page`: the address of a noun's page."""
    return Outbox(site.ledger, site.vault, Subscribers(site, page))
