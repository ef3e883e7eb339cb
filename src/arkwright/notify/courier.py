"""One subscriber's messenger: a thread of its own, so that one receiver that hangs delays no other.

The ledger is the queue. What is kept beside it is how far it has been told, so memory and disk stay bounded however
long a receiver is away, and messages come in the ledger's order.
"""

import itertools
import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Event
from arkwright.core.ports import Ledger, Vault
from arkwright.core.record import now
from arkwright.notify import state as states
from arkwright.notify.failed import Failed
from arkwright.notify.parts import Part, Subscriber
from arkwright.notify.state import Aside, Dead, Kept, Stale, State

log = logging.getLogger("arkwright.notify")
_PAUSE = 5.0  # seconds
_LONGEST_WAIT = 2 * 3600.0  # seconds: nobody's patience, and no receiver, asks for more than an hour and a half
_STRIDE = 1000  # events of no interest, after which the place is noted
_EVERYBODY = 5  # readers: where more hear the same no, and nobody is told in between, it lies with none of them


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a message is tried, and the seconds between: from `first`, each four times as long, at most `most`;
    by chance up to half longer or shorter, so that many do not come at once. As it stands: within six hours or so.
    """

    tries: int = 12
    first: float = 2.0
    most: float = 3600.0

    def wait(self, tries: int) -> float:
        return min(self.first * 4.0 ** min(tries - 1, 20), self.most) * random.uniform(0.5, 1.5)  # noqa: S311


class Courier:
    """Started by the outbox, and told by it how long the ledger has grown."""

    def __init__(self, subscriber: Subscriber, ledger: Ledger, vault: Vault, patience: Patience) -> None:
        self.subscriber = subscriber
        self._ledger, self._vault, self._patience = ledger, vault, patience
        self._news = threading.Condition()
        self._end, self._wish, self._stopped, self._wished = 0, "", False, False
        self._refused: dict[str, set[str]] = {}  # since anybody was told: in which words, and who
        # what is to be told may hang for as long as a message may take: nobody waits for it at the end
        self._thread = threading.Thread(target=self._run, name=f"tells {subscriber.id}", daemon=True)
        self._thread.start()

    def hear(self, end: int, wish: str) -> None:
        """The ledger ends at this event now; `wish`: somebody's last one to have it tried again."""
        with self._news:
            if (end, wish) != (self._end, self._wish):
                self._wished = self._wished or wish != self._wish
                self._end, self._wish = end, wish
                self._news.notify()

    def stop(self) -> None:
        with self._news:
            self._stopped = True
            self._news.notify()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        name = self.subscriber.id
        while not self._stopped:
            try:
                self._kept = Kept(self._vault, name)
                found = self._kept.state()
                if found is None:
                    return  # it was taken away
                found = self._note(found)  # nothing is told before it is sure that it can be noted
                while not self._stopped:
                    if wished := states.granted(self._vault, name, found):
                        found = self._note(wished)
                    found = self._work(found.due_by(time.time() + _LONGEST_WAIT))
                    self._rest(found)
            except Stale:
                continue
            except ArkwrightError as error:
                log.error("%s is not told: %s; trying again", name, error)  # noqa: TRY400
                self._pause()
            except Exception:  # one messenger's trouble is nobody else's
                log.exception("%s is not told; trying again", name)
                self._pause()

    def _pause(self) -> None:
        with self._news:
            self._news.wait_for(lambda: self._stopped, _PAUSE)

    def _rest(self, found: State) -> None:
        """Until there is something to do."""
        wait = _LONGEST_WAIT if found.off else min(_LONGEST_WAIT, found.due - time.time())
        most = max(0.0, min((_LONGEST_WAIT, *(one.due - time.time() for one in found.aside))))
        with self._news:
            if wait > 0:  # what waits by itself waits for this too
                self._news.wait_for(lambda: self._stopped or self._wished, wait)
            elif not found.again:
                self._news.wait_for(lambda: self._stopped or self._wished or self._end > found.place, most)
            self._wished = False

    def _work(self, found: State) -> State:
        """Tell what there is to tell until something fails."""
        for event in self._events(found):
            found = self._tell(found, event)
            if self._stopped or found.place != event.seq:
                return found
        due = [one for one in found.aside if max(one.due, found.due) <= time.time()]
        for one in () if self._stopped else due[:1]:  # one, and then what is new: it waits for no more
            found = self._aside_once_more(found, one)
        for dead in () if self._stopped else found.again[:1]:  # the same
            found = replace(found, again=found.again[1:])
            for event, part in self._of(dead):
                found = self._once_more(found, event, part)
        return found if found == self._kept.state() else self._note(found)

    def _events(self, found: State) -> Iterator[Event]:
        if not found.off and found.due <= time.time():
            yield from self._ledger.find(after=found.place)

    def _tell(self, found: State, event: Event) -> State:
        """One event to everybody who is to hear of it; its place is noted when all have, or were given up."""
        parts = self._parts(event)
        for part in parts:
            if part.to in found.done:
                continue
            if self._stopped:
                return found
            found = self._try(found, event, part)
            if part.to not in found.done:
                return self._note(found)
            if len(parts) > 1:
                found = self._note(found)
        found = replace(found, place=event.seq, done=(), tries=0, due=0.0)
        return self._note(found) if parts or event.seq % _STRIDE == 0 else found

    def _of(self, kept: Dead | Aside) -> Iterator[tuple[Event, Part]]:
        """The message that this was; nothing where it is none any more."""
        for event in itertools.islice(self._ledger.find(after=kept.seq - 1), 1):
            yield from ((event, part) for part in self._parts(event) if part.to == kept.to)

    def _parts(self, event: Event) -> tuple[Part, ...]:
        return tuple(self.subscriber.parts(event))

    def _try(self, found: State, event: Event, part: Part) -> State:
        if (error := self._sent(event, part)) is not None:
            error = self._judged(error, part.to)
            tries, why, at = found.tries + 1, str(error), now()
            found = replace(found, tries=tries, last=why, last_at=at)
            if getattr(error, "gone", False):
                return replace(found, off=True)
            never = getattr(error, "never", False) or tries >= self._patience.tries
            wait = max(self._patience.wait(tries), getattr(error, "after", 0.0))
            if getattr(error, "alone", False) and not never:
                one = Aside(seq=event.seq, to=part.to, tries=tries, due=time.time() + wait, why=why)
                found = found.put_off(one.due, part.to) if getattr(error, "after", 0.0) else found
                return replace(found.put_aside(one, at), done=(*found.done, part.to), tries=0)
            if never:
                log.warning("%s: event %d was given up: %s", self.subscriber.id, event.seq, why)
                return replace(found.given_up(event.seq, part.to, why, at), done=(*found.done, part.to), tries=0)
            return replace(found, due=time.time() + wait)
        return replace(found, done=(*found.done, part.to), tries=0, due=0.0, last="told", last_at=now())

    def _once_more(self, found: State, event: Event, part: Part) -> State:
        """One try, for what was given up before."""
        error = self._sent(event, part)
        at = now()
        if error is None:
            return self._note(replace(found, last="told", last_at=at))
        return self._note(replace(found.given_up(event.seq, part.to, str(error), at), last=str(error), last_at=at))

    def _aside_once_more(self, found: State, one: Aside) -> State:
        """One try of what waits by itself, which then waits on, or does not any more; all do where nobody is told."""
        found = replace(found, aside=tuple(other for other in found.aside if other != one))
        parts = list(self._of(one))
        if not parts:
            found = found.given_up(one.seq, one.to, "nobody of that name is to be told of it any more", now())
        for event, part in parts:
            error, tries = self._sent(event, part), one.tries + 1
            if error is None:
                found = replace(found, last="told", last_at=now())
                continue
            if getattr(error, "never", False):  # else it is known already, and says nothing of the others
                error = self._judged(error, part.to)
            due = time.time() + max(self._patience.wait(tries), getattr(error, "after", 0.0))
            if not (getattr(error, "alone", False) or getattr(error, "never", False)):
                found = replace(found.put_off(due), last=str(error), last_at=now())
            elif getattr(error, "after", 0.0):
                found = found.put_off(due, part.to)
            if getattr(error, "never", False) or tries >= self._patience.tries:
                log.warning("%s: event %d was given up: %s", self.subscriber.id, event.seq, error)
                found = found.given_up(event.seq, part.to, str(error), now())
            else:
                later = replace(one, tries=tries, due=due, why=str(error))
                found = replace(found, aside=(*found.aside, later))
        return self._note(found)

    def _sent(self, event: Event, part: Part) -> ArkwrightError | None:
        """What kept it from being taken."""
        try:
            part.send()
        except ArkwrightError as error:
            return error
        except Exception as error:  # a mistake of ours about one message must not keep the others back
            log.exception("%s: event %d", self.subscriber.id, event.seq)
            return ArkwrightError(f"it could not be sent ({type(error).__name__}); the log says more")
        self._refused.clear()
        return None

    def _judged(self, error: ArkwrightError, to: str) -> ArkwrightError:
        """The same; where too many hear it, one that is about none of them, and worth another try."""
        if not getattr(error, "alone", False):
            return error
        readers = self._refused.setdefault(str(error), set())
        readers.add(to)
        return error if len(readers) <= _EVERYBODY else Failed(str(error), after=getattr(error, "after", 0.0))

    def _note(self, found: State) -> State:
        """As soon as it can be written: until then nobody is told anything, for it would be told again. Raises Stale,
        and ArkwrightError where this one is stopped meanwhile.
        """
        logged = False
        while True:
            try:
                self._kept.change(found)
            except ArkwrightError as error:
                if self._stopped:
                    raise
                if not logged:
                    log.error("%s is told nothing, for it cannot be noted: %s; trying again", self.subscriber.id, error)  # noqa: TRY400
                logged = True
                self._pause()
            else:
                return found
