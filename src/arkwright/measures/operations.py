"""How an endpoint serves: what failed, what was refused, how much came, and what it cost. All requests are counted, so
there is no interval.
"""

from datetime import UTC, datetime

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.measures.evaluation import Undefined
from arkwright.measures.registry import endpoint_measure
from arkwright.measures.served import Served
from arkwright.measures.window import Window

_ISO = "ISO/IEC 25010:2023, "
# what is told without any log
COUNTED = ("error_rate", "refused_rate", "requests", "requests_per_second", "saturation", "cost_per_thousand")


@endpoint_measure(
    source=_ISO + "availability",
    words="{limit:share} of all requests fail, and not by the caller's mistake",
)
def error_rate(window: Window) -> Reading:
    """The share of the requests that were answered with a status of 500 or above: not the caller's mistakes."""
    served = _some(window)
    failed = {code: n for code, n in served.codes.items() if code[:1] == "5"}
    return _of(served, sum(failed.values()), ", ".join(f"{n:,} with {code}" for code, n in sorted(failed.items())))


@endpoint_measure(
    source=_ISO + "capacity",
    words="{limit:share} of all requests are refused because too many come",
)
def refused_rate(window: Window) -> Reading:
    """The share of the requests refused because too many came: of one client (429), or for the server (503)."""
    served = _some(window)
    full = served.codes.get("503", 0)
    said = f"{served.limited:,} with 429, {full:,} with 503" if served.limited or full else ""
    return _of(served, served.limited + full, said)


@endpoint_measure(
    source=_ISO + "capacity",
    larger_is_better=None,
    words="the number of requests in the window is {limit}",
)
def requests(window: Window) -> Reading:
    """The number of requests, whatever they were answered with."""
    served = _known(window)
    return _of(served, served.requests, "", share=False)


@endpoint_measure(
    source=_ISO + "capacity",
    larger_is_better=None,
    words="the number of requests in a second, on average over the window, is {limit}",
)
def requests_per_second(window: Window) -> Reading:
    """The requests of a second, on average over the time in which servers were up."""
    served = _known(window)
    return _of(served, served.requests / served.seconds, "", share=False)


@endpoint_measure(
    source=_ISO + "resource utilization",
    words="in the busiest minute the workers of a server compute {limit:share} of the time",
)
def saturation(window: Window) -> Reading:
    """The share of their time that a server's workers computed in the busiest minute of the window: 1 is all they can.

    Their time is that of as many processors as there are workers, or as there are, if those are fewer. What they
    compute counts whatever it is for: other endpoints of the server, shadows and the loading of releases too.
    """
    served = _known(window)
    if served.busiest is None:
        raise Undefined("no server said for a whole minute how busy it was")
    share, begin = served.busiest
    return _of(served, share, f"at {datetime.fromtimestamp(begin, UTC):%Y-%m-%d %H:%M} UTC", share=False)


@endpoint_measure(
    source="FinOps Foundation 2024, unit economics",
    words="a thousand answered rows cost {limit}, where an hour of the server costs {price_per_hour}",
)
def cost_per_thousand(window: Window, price_per_hour: float) -> Reading:
    """What a thousand answered rows cost, at this price for an hour of a server, idle or not; in the price's money."""
    if not 0 <= price_per_hour < float("inf"):
        raise Invalid(f"cost_per_thousand(price_per_hour={price_per_hour:g}): what an hour costs, from 0 on")
    served = _some(window)
    if not served.rows:
        raise Undefined("no row was answered")
    cost = price_per_hour * served.seconds / 3600
    return _of(served, 1000 * cost / served.rows, f"{served.rows:,} rows", share=False)


def _known(window: Window) -> Served:
    if window.served is None or not window.served.seconds:
        raise Undefined("no server counted anything in this window; it is counted while arkwright serve runs")
    return window.served


def _some(window: Window) -> Served:
    served = _known(window)
    if not served.requests:
        raise Undefined("no request came")
    return served


def _of(served: Served, value: float, said: str, *, share: bool = True) -> Reading:
    gap = f"no server was up in {served.missing / 60:,.0f} minutes of the window" if served.missing >= 60 else ""
    found = value / served.requests if share else value
    return Reading(found, n=served.requests, note="; ".join(part for part in (said, gap) if part))
