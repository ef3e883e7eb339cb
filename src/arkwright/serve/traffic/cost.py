"""What a row costs a model: heavy ones are computed on a thread, so that the loop goes on answering the others."""

HEAVY = 0.002  # seconds of one row
_LIGHT = HEAVY / 2  # below which it is no longer heavy
_WEIGHT = 0.1  # of the newest run


class Cost:
    """A running estimate, begun with what the first run took. One run that something else held up changes little."""

    __slots__ = ("heavy", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds, self.heavy = seconds, seconds > HEAVY

    def ran(self, rows: int, seconds: float) -> None:
        """So many rows took so long together."""
        self.seconds += _WEIGHT * (min(seconds / rows, 4 * HEAVY) - self.seconds)
        self.heavy = self.seconds > (_LIGHT if self.heavy else HEAVY)
