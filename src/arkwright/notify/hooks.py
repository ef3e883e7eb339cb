"""Webhooks: who is told, where, of what, and with which key. Kept in the vault: a chat's address is a secret too."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from arkwright.core import telling
from arkwright.core.nouns import Event
from arkwright.core.ports import Vault
from arkwright.core.record import decode, encode
from arkwright.notify import address, choice, forms, signing
from arkwright.notify.address import Network
from arkwright.notify.parts import Part
from arkwright.notify.post import post
from arkwright.notify.words import Link

KIND = "webhook"  # the vault's kind
BOTH = 24 * 3600.0  # seconds in which the key before a change signs too
MOST_KEYS = 10  # that sign at once: some receivers take headers of 8 KiB in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """A key of before, which signs too until then (seconds since 1970)."""

    key: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One webhook. `id`: its own for life, so that a later one of the same name is another: see `identity`."""

    name: str
    id: str
    url: str
    format: str
    on: tuple[str, ...]
    key: str
    old: tuple[Old, ...] = ()

    def keys(self, now: float) -> tuple[str, ...]:
        return (self.key, *(one.key for one in self.old if now < one.until))


def identity(name: str, version: int) -> str:
    """Of the one that is on record as added in this version: known before it is there, and when it was half added."""
    return f"{name}@{version}"


def new(name: str, version: int, url: str, form: str, on: tuple[str, ...]) -> Hook:
    key = signing.new_secret()
    return Hook(name=name, id=identity(name, version), url=url, format=form, on=on, key=key)


def rotated(hook: Hook, now: float) -> Hook:
    """With a new key; the one before is good for another day, and one before that for the rest of its own: whoever was
    cut off before a key was shown draws another, and receivers hold the one of before.
    """
    rest = (one for one in hook.old if now < one.until)
    return replace(hook, key=signing.new_secret(), old=(Old(key=hook.key, until=now + BOTH), *rest))


def get(vault: Vault, name: str) -> Hook | None:
    body = vault.get(KIND, name)
    return decode(Hook, body) if body else None


def add(vault: Vault, hook: Hook) -> bool:
    """False where there is one of that name."""
    return vault.add(KIND, hook.name, encode(hook))


def swap(vault: Vault, before: Hook, after: Hook) -> bool:
    """Compare-and-set: False where it was changed or removed since. What is compared is what it says: a version before
    this one may have spelt it otherwise.
    """
    body = vault.get(KIND, before.name)
    return body is not None and decode(Hook, body) == before and vault.swap(KIND, before.name, body, encode(after))


def remove(vault: Vault, hook: Hook) -> None:
    vault.remove(KIND, hook.name)


def all_of(vault: Vault) -> Iterator[Hook]:
    """In alphabetical order."""
    for _, body in vault.find(KIND):
        yield decode(Hook, body)


@dataclass(frozen=True)
class Receiver:
    """A webhook as the outbox knows it."""

    hook: Hook
    source: str
    link: Link
    allow: tuple[Network, ...]
    begins = False

    @property
    def id(self) -> str:
        return self.hook.id

    def parts(self, event: Event) -> Sequence[Part]:
        """People in a chat are not told what only keeps others in order."""
        chat = self.hook.format in forms.CHATS
        if not choice.wants(self.hook.on, event) or (chat and not telling.sought([event.kind])):
            return ()
        return (Part("", lambda: self._send(event)),)

    def _send(self, event: Event) -> None:
        body, kind = forms.body(self.hook.format, event, self.source, self.link)
        now = time.time()
        signed = signing.headers(self.hook.keys(now), forms.message_id(event), int(now), body)
        post(address.parse(self.hook.url), body, {"Content-Type": kind, **signed}, self.allow)
