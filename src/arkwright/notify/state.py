"""How far a subscriber has been told, kept in the vault: nothing is lost by a crash, and a message may come twice."""

import uuid
from collections import Counter
from dataclasses import dataclass, replace

from arkwright.core.ports import Vault
from arkwright.core.record import decode, encode

KIND, WISH = "told", "tell-again"  # the vault's kinds: how far; the last wish to try again what was given up
MOST_DEAD, MOST_ASIDE = 100, 100  # of one subscriber: the newest that were given up; that wait by themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A message that was given up: of which event, whose part of it, why, when (UTC)."""

    seq: int
    to: str
    why: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A message that waits by itself, for one reader cannot be told now: of which event, to whom, how often it was
    tried, when it is tried again (seconds since 1970), and why it waits.
    """

    seq: int
    to: str
    tries: int
    due: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`place`: the last event that is done with. Of the one behind it: who has been told (`done`), how often it was
    tried, and when it is tried again (seconds since 1970). `last`: what came of the last message, and when.
    `aside`: of events that are done with, what still waits. `again`: given up before, to be tried once more. `off`: the
    receiver wants to hear nothing any more. `granted`: the last wish that is in here.
    """

    place: int
    done: tuple[str, ...] = ()
    tries: int = 0
    due: float = 0.0
    last: str = ""
    last_at: str = ""
    aside: tuple[Aside, ...] = ()
    dead: tuple[Dead, ...] = ()
    again: tuple[Dead, ...] = ()
    off: bool = False
    granted: str = ""

    def given_up(self, seq: int, to: str, why: str, at: str) -> "State":
        dead = (*self.dead, Dead(seq=seq, to=to, why=why, at=at))
        return replace(self, dead=dead[-MOST_DEAD:])

    def put_aside(self, one: Aside, at: str) -> "State":
        """Where too many wait, the oldest of whoever has the most is given up: nobody else waits for a full mailbox."""
        found = replace(self, aside=(*self.aside, one))
        if len(found.aside) <= MOST_ASIDE:
            return found
        most = Counter(each.to for each in found.aside).most_common(1)[0][0]
        oldest = min((each for each in found.aside if each.to == most), key=lambda each: each.seq)
        found = replace(found, aside=tuple(each for each in found.aside if each != oldest))
        return found.given_up(oldest.seq, oldest.to, f"{MOST_ASIDE} others wait already: {oldest.why}", at)

    def put_off(self, due: float, to: str | None = None) -> "State":
        """What waits by itself for this reader, or for anybody, waits until then at least."""
        later = (replace(one, due=max(one.due, due)) if to in (None, one.to) else one for one in self.aside)
        return replace(self, aside=tuple(later))

    def due_by(self, latest: float) -> "State":
        """With nothing due later than that (seconds since 1970): nobody waits for the hour of a clock once ahead."""
        aside = tuple(replace(one, due=min(one.due, latest)) for one in self.aside)
        return replace(self, due=min(self.due, latest), aside=aside)


class Kept:
    """A subscriber's state, changed only by whoever knows it as it is: of two messengers one goes on."""

    def __init__(self, vault: Vault, name: str) -> None:
        self._vault, self._name = vault, name
        self._body = vault.get(KIND, name)

    def state(self) -> State | None:
        """As it was read or last written; None: there is no such subscriber any more."""
        return decode(State, self._body) if self._body is not None else None

    def change(self, new: State) -> None:
        """Raises Stale."""
        body = encode(new)
        if self._body is None or not self._vault.swap(KIND, self._name, self._body, body):
            raise Stale
        self._body = body


class Stale(Exception):
    """Somebody else changed it meanwhile, or took it away."""


def begin(vault: Vault, name: str, place: int) -> None:
    """From now on whatever comes after this event is told; nothing happens where that was said before."""
    vault.add(KIND, name, encode(State(place=place)))


def get(vault: Vault, name: str) -> State | None:
    return Kept(vault, name).state()


def wish(vault: Vault, name: str) -> None:
    """Ask whoever delivers to try again what was given up, and what waits."""
    vault.put(WISH, name, uuid.uuid4().hex)


def granted(vault: Vault, name: str, state: State) -> State | None:
    """The state with the last wish in it, or None where it is in it already.

    The wish itself stays: who takes it up and is overtaken by another messenger leaves it to that one.
    """
    wished = vault.get(WISH, name) or ""
    if wished in ("", state.granted):
        return None
    again = (*state.again, *state.dead)
    aside = tuple(replace(one, due=0.0, tries=0) for one in state.aside)
    return replace(state, again=again, aside=aside, dead=(), due=0.0, tries=0, off=False, granted=wished)


def forget(vault: Vault, name: str) -> None:
    for kind in (KIND, WISH):
        vault.remove(kind, name)
