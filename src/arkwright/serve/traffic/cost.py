"""What a run costs a model: heavy ones are computed on a thread, so that the loop goes on answering the others."""

HEAVY = 0.002  # seconds of a run
_LIGHT = HEAVY / 2  # below which it is no longer heavy
_DEAR = 0.0001  # seconds of one row, beside which handing it over to the thread costs little
_MOST = 4 * HEAVY  # that one run counts for
_WEIGHT = 0.1  # of the newest run


class Cost:
    """Running estimates, begun with what the first run took. One run that something else held up changes little.

    A run of one row is what the loop would have to do for whoever asks alone. A run of many takes at least as long as
    one row alone, and its share for each row is at most that: in between it says nothing. So what is cheap for each row
    of a batch (a dense model reads its weights once) is not taken for cheap alone. Where rows are dear, a run of many
    would hold up the loop as much as the rows together.
    """

    __slots__ = ("_row", "_run", "alone", "heavy")

    def __init__(self, seconds: float) -> None:
        self.alone = self._row = self._run = seconds
        self.heavy = seconds > HEAVY

    def ran(self, rows: int, seconds: float) -> None:
        """So many rows took so long together."""
        share = seconds / rows
        self.alone += _WEIGHT * (min(max(self.alone, share), seconds, _MOST) - self.alone)
        self._row += _WEIGHT * (min(share, _MOST) - self._row)
        self._run += _WEIGHT * (min(seconds, _MOST) - self._run)
        dear = self._row > (_DEAR / 2 if self.heavy else _DEAR)
        held_up = max(self.alone, self._run) if dear else self.alone
        self.heavy = held_up > (_LIGHT if self.heavy else HEAVY)
