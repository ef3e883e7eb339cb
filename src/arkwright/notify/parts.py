"""What the outbox asks of whoever is to be told."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from arkwright.core.nouns import Event


class Part(NamedTuple):
    """One message about an event: `to` whom, by a name that stays theirs wherever they are reached; and how it is sent,
    which raises Failed.
    """

    to: str
    send: Callable[[], None]


class Subscriber(Protocol):
    """Whoever hears of events. `id`: stable over restarts. `begins`: it hears of whatever comes after it is first seen;
    else somebody says from where.
    """

    @property
    def id(self) -> str: ...
    @property
    def begins(self) -> bool: ...

    def parts(self, event: Event) -> Sequence[Part]:
        """What it is to be told of this event: mostly nothing, or one message."""
        ...
