"""An event loop whose clock jumps to the next timer when there is nothing to do: a minute of waiting costs nothing."""

import asyncio
import selectors


class Stalled(AssertionError):
    """Somebody waits for what never comes."""


def _nothing():
    pass


class Clock(asyncio.SelectorEventLoop):
    """`idle` is called whenever all that there is to do is done, before the clock jumps. `signals`: what is to be done
    when they come: who plays sends them by a call. `turned` is called at each turn.
    """

    def __init__(self):
        self.now, self.idle, self.turned, self.signals = 0.0, _nothing, _nothing, {}
        super().__init__(_Jumping(self))

    def time(self):
        return self.now

    def add_signal_handler(self, sign, callback, *args):
        self.signals[sign] = lambda: callback(*args)


class _Jumping(selectors.DefaultSelector):
    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def select(self, timeout=None):
        self._clock.turned()
        events = super().select(0)
        if not events and timeout != 0:
            self._clock.idle()
            if timeout is None:
                raise Stalled("nothing is left that could happen")
            self._clock.now += timeout
        return events
