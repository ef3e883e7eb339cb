"""Whether what comes is still what the release was judged on, all columns together: also where each of them alone has
not moved.

Numbers are compared in standard deviations, words by value; times are left out, as they always move.
"""

import math

from arkwright.core.promises import Reading
from arkwright.measures.discrepancy import Distance, discrepancy
from arkwright.measures.evaluation import Undefined
from arkwright.measures.moments import Moments
from arkwright.measures.registry import endpoint_measure
from arkwright.measures.separation import separation
from arkwright.measures.window import Window

_LEAST = 20  # rows on each side: fewer have no covariance to speak of


@endpoint_measure(
    source="Gretton et al. 2012; features Rahimi and Recht 2007; chance Hall 1983, Buckley and Eagleson 1988",
    words="all columns together moved by {limit} (maximum mean discrepancy: 0 is no change, 1.4 the greatest)",
)
def mmd(window: Window) -> Reading:
    """The maximum mean discrepancy of all numbers and words together; the note has its p-value, and what chance alone
    stays under.

    Interval: of the noncentral chi-square that its square is about; with few rows it begins at 0, whatever was found.
    """
    before, now = _both(window)
    return _reading(discrepancy(before, now).through(lambda squared: math.sqrt(max(0.0, squared))), now)


@endpoint_measure(
    source="Rabanser et al. 2019; Fisher 1936; Chen et al. 2011; chance as of mmd",
    words="a classifier tells what comes from what was judged with an area under the ROC curve of {limit}",
)
def domain_auc(window: Window) -> Reading:
    """How well a classifier tells the window's rows from the reference's: 0.5 is not at all, 1 is always.

    Fisher's discriminant on all numbers and words together, less what chance alone tells apart; the note has its
    p-value, and what chance alone stays under. Interval: as of `mmd`, of the squared distance between the two.
    """
    before, now = _both(window)
    return _reading(separation(before, now), now)


def _reading(found: Distance, now: Moments) -> Reading:
    note = f"p = {found.chance:.3g}; where nothing changed, 95 % of such windows stay under {found.critical:.3g}"
    return Reading(found.value, found.low, found.high, n=round(now.n), note=note)


def _both(window: Window) -> tuple[Moments, Moments]:
    if window.joint is None:
        raise Undefined("the release was made without what its columns do together; run the line again: arkwright run")
    before, now = window.joint
    for one, name in ((before, "reference"), (now, "window")):
        if one.n < _LEAST:
            raise Undefined(f"the {name} has too few rows: give it {_LEAST} or more")
    return before, now
