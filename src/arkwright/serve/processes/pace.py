"""How soon one more worker is tried where the one before could not do all that there is to do."""

import asyncio

SOON, SELDOM = 1.0, 60.0  # seconds until another tries it, twice as many each time


class Pace:
    """Of one place."""

    def __init__(self) -> None:
        self._again, self._pause = 0.0, SOON  # when another may be tried, and the time until the next

    @property
    def is_due(self) -> bool:
        """Whether another may be tried."""
        return _now() >= self._again

    def wait(self) -> None:
        """One is tried. Who took over may end at once, too: only when it was quiet for long one comes soon again."""
        if _now() > self._again + SELDOM:
            self._pause = SOON
        self._again, self._pause = _now() + self._pause, min(2 * self._pause, SELDOM)

    def hurry(self) -> None:
        """One may be tried at once; the pauses after it are as long as they were."""
        self._again = min(self._again, _now())


def _now() -> float:
    return asyncio.get_running_loop().time()


def pause(stillborn: int) -> float:
    """Seconds until another follows so many that died before they served."""
    return min(0.1 * 2.0 ** min(stillborn, 6), 5.0)  # there may be thousands, and 2.0**1024 is no number
