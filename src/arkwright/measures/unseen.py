"""Values that nothing was learnt from or judged on: how much of what comes the release has never met."""

from arkwright.core.promises import Reading
from arkwright.measures import intervals
from arkwright.measures.evaluation import Undefined
from arkwright.measures.registry import Column, endpoint_measure
from arkwright.measures.sketch import OFTEN, VALUES
from arkwright.measures.window import Window


@endpoint_measure(
    source="ISO/IEC 25024:2015, accuracy; interval Wilson 1927",
    words="{limit:share} of the values of {column} are hardly known from when the release was judged, or not at all",
)
def new_values(window: Window, column: Column) -> Reading:
    """The share of the values of a column of words that the release was judged on in fewer than 5 rows, or in none.

    The reference names no value that fewer rows have, so that nobody can be recognised; the note says how many of its
    own values those are.
    """
    before, now = window.pair(column)
    if before.of_numbers:
        raise Undefined(f"{column} holds numbers; out_of_range says how many are beyond those known")
    if not now.n:
        raise Undefined(f"{column} is null in every row")
    new, rare = int(now.counts[-1]), int(before.counts[-1])
    known = f"the {VALUES:,} most frequent values" if len(before.values) == VALUES else f"those of {OFTEN} rows or more"
    low, high = intervals.wilson(new, now.n)
    note = f"{rare:,} of {before.n:,} values of the reference are not among {known} either"
    return Reading(new / now.n, low, high, n=now.n, note=note if rare else "")


@endpoint_measure(
    source="ISO/IEC 25024:2015, accuracy; interval Wilson 1927",
    words="{limit:share} of the values of {column} lie outside of those that the release was judged on",
)
def out_of_range(window: Window, column: Column) -> Reading:
    """The share of the numbers below the smallest or above the largest that the release was judged on; exact."""
    before, now = window.pair(column)
    if before.edges is None:
        raise Undefined(f"{column} holds words; new_values says how many are not known")
    if not before.n or not now.n:
        raise Undefined(f"there are no numbers in {column}")
    below, above = int(now.counts[0]), int(now.counts[-1])
    low, high = intervals.wilson(below + above, now.n)
    seen = f"{before.low:.6g} to {before.high:.6g}"
    note = f"{below:,} below and {above:,} above {seen}" if below or above else f"all from {seen}"
    return Reading((below + above) / now.n, low, high, n=now.n, note=note)
