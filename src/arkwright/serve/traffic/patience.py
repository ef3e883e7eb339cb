"""How long a queue may be, and when those who are sent away should come again.

A burst is let in: it is over as soon as it is computed. When somebody had to be sent away all the same, more is asked
for than can be done, and a long queue would only make everybody wait; it is kept short until it was empty once. (After
the CoDel of Nichols and Jacobson, 2012, as Maurer uses it for requests: Fail at Scale, ACM Queue 13(8), 2015, whose
100 ms and 5 ms suit most.)
"""

from random import randint

BURST = 0.1  # seconds of work that may wait
STANDING = 0.02  # the same where the queue never ends
RUNS = 3  # of one row, that may always wait: a run costs what it costs, and the more share it the better
FEW, FEWER = 16, 4  # requests that may always wait, the same two ways
LATEST = 30  # seconds after which who was refused should come again, at most


class Patience:
    """Of one queue, of requests that each take `cost` seconds, by what the last ones took."""

    __slots__ = ("_began", "_refused", "_spread", "_standing", "cost")

    def __init__(self) -> None:
        self.cost = 0.0
        self._standing, self._refused, self._began, self._spread = False, 0, 0.0, 3

    def too_long(self, waiting: int, ahead: int, run: float) -> bool:
        """Whether who comes now would wait too long: behind so many that wait, `ahead` with those that run. `run` are
        the seconds of a run of one row.
        """
        if self._standing:
            return waiting >= FEWER and ahead * self.cost > max(STANDING, RUNS * run)
        return waiting >= FEW and ahead * self.cost > BURST

    def refused(self) -> None:
        """Somebody was sent away."""
        self._standing = True
        self._refused += 1

    def emptied(self) -> None:
        """Nobody waits, and nothing runs: what is asked for can be done."""
        self._standing = False

    def come_again(self, now: float) -> int:
        """In how many seconds: the more work is refused, the later; not all at once."""
        if now - self._began > 1:
            work = self._refused * self.cost / (now - self._began)  # seconds of it that were refused in each second
            self._spread = min(LATEST, max(3, round(2 * work)))
            self._refused, self._began = 0, now
        return randint(1, self._spread)  # noqa: S311 - no secret
