"""Verbs about who is told outside: webhooks added, changed, listed, removed."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arkwright.api.people.accounts import allow
from arkwright.core.errors import Invalid, Refused, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Webhook
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import decode, encode, now, valid_name
from arkwright.notify import address, choice, forms, hooks, state
from arkwright.notify.hooks import Hook
from arkwright.notify.state import Aside, Dead, State
from arkwright.sites import Site

OWN = MAIL, LINEAGE = "mail", "openlineage"  # who is told as `site.toml` says
MOST = 50  # webhooks of a site: each has a messenger of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooked:
    """A webhook as it stands. `secret`: the key that signs what it is sent, shown this once."""

    webhook: Webhook
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Who is told, and how that goes. `waiting`: events behind the last one that is done with; `tries` of the next
    message so far, and `next_try` (seconds since 1970); `last`: what came of the last try; `aside`: what waits by
    itself, for one reader cannot be told now; `dead`: what was given up.
    """

    name: str
    to: str
    format: str
    on: tuple[str, ...]
    waiting: int
    tries: int
    next_try: float
    last: str
    last_at: str
    aside: tuple[Aside, ...]
    dead: tuple[Dead, ...]
    off: bool


def webhook(
    site: Site,
    by: Actor,
    project: Path,
    *,
    name: str,
    url: str | None = None,
    on: Sequence[str] = (),
    format: str | None = None,  # noqa: A002 - what it is called everywhere
    rotate: bool = False,
    again: bool = False,
) -> Hooked:
    """Have what happens told to an address from now on; or change what is there: where, of what, in which form.

    `rotate`: another key, beside which the old one signs for a day; who was a chat and now gets signatures is given one
    too. `again`: what was given up is tried once more.
    Raises Invalid for an address that cannot be one, Refused for one that is neither public nor allowed, for a key of a
    chat or more than ten in a day, and where somebody changed or removed it just now.
    """
    allow(site, by, "own")
    if name in OWN:
        return _own(site, name, url, again=again)
    last, before = _last(site, name), hooks.get(site.vault, valid_name(name, "webhook"))
    version = last.version if last else 0
    if before is None and url is None:
        known = [hook.name for hook in hooks.all_of(site.vault)]
        hint = did_you_mean(name, known) or "; to add it, say its address"
        raise Unknown(f"no webhook is called {name!r}{hint}")
    if format is not None and format not in forms.FORMS:
        raise Invalid(f"{format[:40]!r} is no form{did_you_mean(format[:40], forms.FORMS)}")
    if url is not None:
        address.resolve(address.parse(url), address.networks(site.outside.webhooks.allow))
    if before is None:
        fresh = hooks.new(name, version + 1, url or "", format or forms.FORMS[0], choice.known(on))
        return _add(site, by, fresh, version)
    after = replace(before, url=url or before.url, format=format or before.format)
    after = replace(after, on=choice.known(on) if on else before.on)
    after = _keyed(before, after, rotate=rotate)
    noun = _noun(after, version)
    if after != before or not (last and last.active):
        noun = _record(site, by, replace(noun, version=version + 1))
    if not hooks.swap(site.vault, before, after):
        raise _changed(name)
    state.begin(site.vault, after.id, _end(site))  # for one of which to remove it was cut off
    _still_there(site, after)
    if again or after.url != before.url:
        state.wish(site.vault, after.id)
    return Hooked(webhook=noun, secret=after.key if after.key != before.key else None)


def _keyed(before: Hook, after: Hook, *, rotate: bool) -> Hook:
    """With another key, where one is wanted or a chat gets signatures from now on. Raises Refused."""
    is_chat, name, now = after.format in forms.CHATS, after.name, time.time()
    if rotate and is_chat:
        raise Refused(f"{name} tells a chat as {after.format}, which checks no signature: there is no key to change")
    if not rotate and (is_chat or before.format not in forms.CHATS):
        return after
    if len(before.keys(now)) >= hooks.MOST_KEYS:
        raise Refused(
            f"{hooks.MOST_KEYS} keys of {name} sign by now, which is the most: each does for a day after the next is "
            f"drawn; wait, or begin anew: arkwright unhook {name}"
        )
    return hooks.rotated(after, now)


def webhooks(site: Site, by: Actor, project: Path) -> tuple[Delivery, ...]:
    """Everybody who is told, and how that goes."""
    allow(site, by, "own")
    end = _end(site)
    cut_off = State(place=end, off=True, last="to remove it was begun, and cut off", last_at=now())
    kept = ((_noun(hook, 0), state.get(site.vault, hook.id) or cut_off) for hook in hooks.all_of(site.vault))
    own = ((noun, state.get(site.vault, noun.name) or State(place=end)) for noun in _others(site))
    return tuple(_delivery(noun, how, end) for noun, how in (*kept, *own))


def unhook(site: Site, by: Actor, project: Path, *, name: str) -> Webhook:
    """Tell it nothing any more; its address and its key are forgotten. Of one that was half added only the record is
    there, which ends. Raises Unknown.
    """
    allow(site, by, "own")
    last, hook = _last(site, name), hooks.get(site.vault, name)
    noun = _noun(hook, last.version if last else 0) if hook else last
    if noun is None or not (hook or noun.active):
        known = [one.name for one in hooks.all_of(site.vault)]
        raise Unknown(f"no webhook is called {name[:80]!r}{did_you_mean(name[:80], known)}")
    if not hook:
        state.forget(site.vault, hooks.identity(name, noun.version))
    noun = _record(site, by, replace(noun, version=noun.version + 1, active=False))
    if hook:
        state.forget(site.vault, hook.id)
        hooks.remove(site.vault, hook)  # last: whoever is cut off before finds it, and does it again
    return noun


def _add(site: Site, by: Actor, hook: Hook, version: int) -> Hooked:
    """On record before anybody is told: whoever is cut off in between adds it again, or removes it."""
    if sum(1 for _ in hooks.all_of(site.vault)) >= MOST:
        raise Refused(f"there are {MOST} webhooks, which is the most; remove one: arkwright unhook NAME")
    state.forget(site.vault, hooks.identity(hook.name, version))  # of one that was half added
    noun = _record(site, by, _noun(hook, version + 1))
    state.begin(site.vault, hook.id, _end(site))
    hooks.add(site.vault, hook)
    _still_there(site, hook)
    return Hooked(webhook=noun, secret=None if hook.format in forms.CHATS else hook.key)


def _still_there(site: Site, hook: Hook) -> None:
    """Raises Refused where another is there by now, or none, and leaves no state of this one."""
    now = hooks.get(site.vault, hook.name)
    if now is None or now.id != hook.id:
        state.forget(site.vault, hook.id)
        raise _changed(hook.name)


def _record(site: Site, by: Actor, noun: Webhook) -> Webhook:
    """On record, without what is secret. Raises Refused where somebody changed it just now."""
    try:
        site.ledger.append(by.name, [Entry(noun.KIND, f"{noun.name}@{noun.version}", encode(noun))])
    except Taken:
        raise _changed(noun.name) from None
    return noun


def _changed(name: str) -> Refused:
    return Refused(f"somebody else changed {name} just now; look at it and try again")


def _noun(hook: Hook, version: int) -> Webhook:
    shown = address.parse(hook.url).shown
    return Webhook(name=hook.name, version=version, to=shown, format=hook.format, on=hook.on)


def _last(site: Site, name: str) -> Webhook | None:
    """The last that is on record of it."""
    last = site.ledger.last(Webhook.KIND, f"{name}@")
    return decode(Webhook, last.body) if last else None


def _others(site: Site) -> Iterator[Webhook]:
    """What `site.toml` says besides: mail to accounts, lineage."""
    settings = site.outside
    if settings.mail:
        shown = f"{settings.mail.server} ({settings.mail.tls})"
        yield Webhook(name=MAIL, version=0, to=shown, format="mail", on=("what accounts want",))
    if settings.openlineage:
        url = settings.openlineage.to
        shown = address.parse(url).shown if url.startswith(("http://", "https://")) else url
        yield Webhook(name=LINEAGE, version=0, to=shown, format="openlineage", on=("runs",))


def _own(site: Site, name: str, url: str | None, *, again: bool) -> Hooked:
    """Of what `site.toml` says nothing is changed here, but what was given up is tried once more."""
    found = {noun.name: noun for noun in _others(site)}
    if name not in found or url is not None or not again:
        raise Refused(f"{name} is set up in site.toml; here it can only be tried --again, once it is")
    state.wish(site.vault, name)
    return Hooked(webhook=found[name])


def _delivery(noun: Webhook, found: State, end: int) -> Delivery:
    return Delivery(
        name=noun.name,
        to=noun.to,
        format=noun.format,
        on=noun.on,
        waiting=max(0, end - found.place),
        tries=found.tries,
        next_try=found.due,
        last=found.last,
        last_at=found.last_at,
        aside=found.aside,
        dead=found.dead,
        off=found.off,
    )


def _end(site: Site) -> int:
    return int(site.ledger.head().partition(":")[0])
