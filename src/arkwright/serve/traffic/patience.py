"""How long a queue may be, and when those who are sent away should come again.

A burst is let in: it is over as soon as it is computed. When somebody had to be sent away all the same, more may be
asked for than can be done, and a long queue would only make everybody wait; it is kept short until there is a second in
which not many had to be sent away. (After the CoDel of Nichols and Jacobson, 2012, as Maurer uses it for
requests: Fail at Scale, ACM Queue 13(8), 2015, whose 100 ms and 5 ms suit most.)

Callers have patience, too. Where many leave before they are answered, who comes to the end of the queue would leave as
well, and all that is computed would be for nobody; then no more may wait than are answered in time.
"""

from random import randint

BURST = 0.1  # seconds of work that may wait
STANDING = 0.02  # the same where the queue never ends
RUNS = 3  # of one row, that may always wait: a run costs what it costs, and the more share it the better
FEW, FEWER = 16, 4  # requests that may always wait, the same two ways
MANY = 0.2  # of those who came; a short queue sends up to a tenth away that come in bursts, below the capacity
EARLIEST, LATEST = 3, 30  # seconds after which who was refused should come again, at most
LEAVERS = 3  # who left, at least, before anything is made of it
REMEMBERED = 10.0  # seconds for which it is known how long callers wait
IN_TIME = 0.5  # of that time; the rest is for what takes longer than usual
_WINDOW = 1.0  # seconds
_WEIGHT = 0.2  # of the newest run


class Patience:
    """Of one queue, of requests that each take `cost` seconds, by what the last ones took."""

    __slots__ = (
        "_all",
        "_bear",
        "_began",
        "_done",
        "_latest",
        "_leaving",
        "_left",
        "_refused",
        "_short_until",
        "_standing",
        "_waited",
        "cost",
    )  # fmt: skip

    def __init__(self) -> None:
        self.cost = 0.0
        self._standing, self._began, self._refused, self._done, self._latest = False, 0.0, 0, 0, EARLIEST
        self._all = 0  # that were computed, ever
        self._leaving = (0.0, 0)  # since when they leave, and how many were computed by then
        self._left, self._waited = 0, 0.0  # who left since then, and after how long, added up
        self._bear, self._short_until = 0.0, 0.0  # how long callers wait, and until when it is known

    def ran(self, count: int, seconds: float) -> None:
        """So many took so long together."""
        self.cost += _WEIGHT * (seconds / count - self.cost)
        self._done += count
        self._all += count

    def left(self, now: float, waited: float) -> None:
        """Somebody who had waited so long has no use for an answer any more.

        Who leaves sooner than a queue may last says nothing of it; nor do a few, held against all of a whole second.
        """
        if waited < BURST:
            return
        self._look_at_leavers(now)
        if not self._left:
            self._leaving = now, self._all
        self._left += 1
        self._waited += waited

    def too_long(self, now: float, waiting: int, ahead: int, run: float) -> bool:
        """Whether who comes now would wait too long: behind so many that wait, `ahead` with those that run. `run` are
        the seconds of a run of one row.
        """
        self._look_back(now)
        self._look_at_leavers(now)
        if now < self._short_until and waiting and (ahead + 1) * self.cost > IN_TIME * self._bear:
            return True
        if self._standing:
            return waiting >= FEWER and ahead * self.cost > max(STANDING, RUNS * run)
        return waiting >= FEW and ahead * self.cost > BURST

    def refused(self, now: float) -> None:
        """Somebody was sent away."""
        self._look_back(now)
        if not self._standing:
            self._standing = True
            self._began, self._refused, self._done = now, 0, 0
        self._refused += 1

    def come_again(self) -> int:
        """In how many seconds: the more work is refused, the later; not all at once."""
        return randint(1, self._latest)  # noqa: S311 - no secret

    def _look_at_leavers(self, now: float) -> None:
        """Once the second is over in which they left."""
        since, before = self._leaving
        if not self._left or now - since <= _WINDOW:
            return
        if self._left >= max(LEAVERS, MANY * (self._left + self._all - before)):
            self._bear, self._short_until = self._waited / self._left, now + REMEMBERED
        self._left, self._waited = 0, 0.0

    def _look_back(self, now: float) -> None:
        if not self._standing or now - self._began <= _WINDOW:
            return
        self._standing = self._refused > MANY * (self._refused + self._done)
        work = self._refused * self.cost / (now - self._began)  # seconds of it that were refused in each second
        self._latest = min(LATEST, max(EARLIEST, round(2 * work)))
        self._began, self._refused, self._done = now, 0, 0
