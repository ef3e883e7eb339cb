"""What a measure of an endpoint is given: what came in a window of time, beside what the release was judged on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from arkwright.core.errors import did_you_mean
from arkwright.measures.callers import Callers
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.losses import Losses
from arkwright.measures.moments import Moments
from arkwright.measures.scores import Scores
from arkwright.measures.served import Served
from arkwright.measures.sketch import Sketch
from arkwright.measures.trail import Trail


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Columns by their names, of the reference and of the window, in the same bins.

    Of a classifier with probabilities: `judged`, the reference's scores of the rows in which the class was right, and
    of all of them; `scores`, the window's. Of a regression: `losses`, what errors are expected in the window. `served`:
    what servers counted, None where nothing was kept. `joint`: what the columns do together, in the reference and in
    the window; `trail`: how they went in the window. A release of before has neither. `callers`: who asked, where a
    promise speaks of them. `moving`: columns of dates and times and those of the key, which always move. `cut`:
    the cells of columns that were looked at, for the next measure of the same column; `worths`: what a probability may
    be worth, where the rows of `judged` are drawn again, for the next estimate, in whichever group.
    """

    reference: Mapping[str, Sketch] = field(default_factory=dict)
    current: Mapping[str, Sketch] = field(default_factory=dict)
    judged: tuple[Scores, Scores] | None = None
    scores: Scores | None = None
    served: Served | None = None
    joint: tuple[Moments, Moments] | None = None
    trail: Trail | None = None
    losses: Losses | None = None
    callers: Callers | None = None
    moving: frozenset[str] = frozenset()
    cut: dict[tuple[str, int, float], tuple[Array, Array]] = field(default_factory=dict, init=False, repr=False)
    worths: list[tuple[Array, Array]] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return max((sketch.rows for sketch in self.current.values()), default=0)

    def pair(self, column: str) -> tuple[Sketch, Sketch]:
        """(reference, window) of one column. Raises Undefined where one of them has no rows."""
        if column not in self.reference:
            known = did_you_mean(column, self.reference)
            raise Undefined(f"nothing is kept of {column} from when the release was judged{known}")
        before, now = self.reference[column], self.current.get(column)
        if before.rows == 0 or now is None or now.rows == 0:
            raise Undefined(f"there are no rows of {column}")
        return before, now

    @property
    def columns(self) -> list[str]:
        """Those that can be compared."""
        there = self.current.items()
        return [name for name, now in there if now.rows and name in self.reference and self.reference[name].rows]
