"""What is measured beside the promises, for whoever looks at them over time.

Of an estimate what it estimates, once labels come; of a measure its estimate; where a promise speaks of groups, both in
each of the larger ones.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from arkwright.core.promises import Call, Name, Promise, Value, parse
from arkwright.measures import losses
from arkwright.measures.expected import MEASURES
from arkwright.measures.traffic import mentioned, needs_labels
from arkwright.monitor.counting import Reference

GROUPS = 12  # of a column, the most frequent ones
ESTIMATED, IN_GROUPS = "estimated", ("estimated", "worst_group", "gap")


@dataclass(frozen=True, slots=True)
class Asked:
    """A promise under the name that it is kept by; `within`: only in the rows with this value of a column."""

    text: str
    promise: Promise
    within: tuple[str, str] | None = None


def asked(promise: Promise) -> Asked:
    return Asked(promise.text, promise)


def beside(promises: Iterable[Promise], reference: Reference | None, *, labelled: bool) -> list[Asked]:
    """`labelled`: whether anybody ever sent a label; before that nothing is realised."""
    found: dict[str, Asked] = {}
    for promise in promises:
        score = scored(promise.call)
        if score is None:
            continue
        places: list[tuple[str, str] | None] = [None, *_groups(promise.call, reference)]
        for within in places:
            for one in _both(score, within, reference, labelled=labelled):
                found[one.text] = one
    return list(found.values())


def realised(promise: Promise) -> bool:
    """Whether it is measured on rows whose labels have come."""
    return needs_labels(promise.call)


def scored(call: Call) -> str | None:
    """The measure that a promise is about and that can both be estimated and realised."""
    if call.name in IN_GROUPS and call.args and isinstance(call.args[0], Name):
        name = call.args[0].text
    else:
        name = call.name if not call.args and not call.kwargs else ""
    return name if name in MEASURES or name in losses.MEASURES else None


def named(name: str, *, estimate: bool, within: tuple[str, str] | None = None) -> str:
    """Under what a measure beside the promises is kept."""
    text = f"{ESTIMATED}({name})" if estimate else name
    return f"{text} where {within[0]} is {within[1]}" if within else text


def groups_in(text: str) -> tuple[str, str, str] | None:
    """(measure, column, value) of the name of one in a group."""
    measure, where, rest = text.partition(" where ")
    column, is_, value = rest.partition(" is ")
    return (measure, column, value) if where and is_ else None


def _both(name: str, within: tuple[str, str] | None, reference: Reference | None, *, labelled: bool) -> Iterator[Asked]:
    rests_on = reference and (reference.loss_model if name in losses.MEASURES else reference.judged)
    for estimate, there in ((True, rests_on is not None), (False, labelled)):
        if there:
            measure = named(name, estimate=estimate)
            yield Asked(named(name, estimate=estimate, within=within), parse(f"{measure} >= 0"), within)


def _groups(call: Call, reference: Reference | None) -> Iterator[tuple[str, str]]:
    """Of the columns that a promise compares groups of."""
    given: dict[str, Value] = dict(call.kwargs)
    if reference is None or call.name not in IN_GROUPS or "by" not in given:
        return
    for column in mentioned(given["by"]):
        known = reference.columns.get(column)
        if column in reference.groups and known is not None:
            yield from ((column, value) for value in known.values[:GROUPS])
