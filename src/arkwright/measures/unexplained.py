"""Measures that no value of a column explains, and why."""

from collections.abc import Mapping

from arkwright.core.promises import Call
from arkwright.measures import registry

_CAME = "it counts what came, and no column says how much comes"
_SAID = "it is about what was answered, and not how well; "
_WHOLE = "it is about all requests together, and not about rows"
_RELEASE = "it is about the release itself, and no row tells of it; what was found says what it is"
_MINUTE = "what was found says in which minute it changed, and no column is looked at"
_CALLERS = "no caller is named in an alarm, which stays on record; arkwright predictions tells who asked"
NOT_KEPT = "it is not made of anything that is kept by groups or by values of one column"
_WHY: Mapping[str, str] = {
    "rows": _CAME,
    "requests": _CAME,
    "requests_per_second": _CAME,
    "saturation": "what was found says which minute it was, and no column is looked at",
    "cost_per_thousand": _WHOLE,
    "positive_rate": _SAID + "a promise such as psi(prediction) < 0.1 has causes",
    "selection_rate_ratio": _SAID + "what was found names both groups",
    "changes": _MINUTE,
    "error_changes": _MINUTE,
    "extraction_like": _CALLERS,
    "out_of_distribution": _CALLERS,
    "freshness_hours": "it is about the newest row alone; what was found says when that was",
    "schema_changes": "it is about the columns themselves; what was found says which",
    "references": "it is about rows of two datasets; what was found says which values lead nowhere",
}


def why(call: Call) -> str | None:
    """None of a measure that may be explained."""
    measure = registry.measures().get(call.name)
    if measure is not None and measure.stage in registry.OF_RELEASE:
        return _RELEASE
    return _WHY.get(call.name)
