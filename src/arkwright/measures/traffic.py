"""What an endpoint may promise: any measure that its traffic can tell, of whatever stage it is.

A sentence that is a gate on held-out rows is a monitor here. Of data: the rows as they were logged. Of models: those of
them whose labels have come. Of endpoints: the window beside what the release was judged on. Of releases: the one that
answers.
"""

from collections.abc import Callable, Iterator
from typing import Any

from arkwright.core.errors import Invalid
from arkwright.core.promises import Call, Name, Value
from arkwright.measures import binding, registry
from arkwright.measures.registry import Measure, Scope, Score

_COMPARED = ("worst_group", "gap", "selection_rate_ratio")  # of whose groups the number of rows is known


def bind(call: Call, columns: tuple[str, ...], task: str | None = None) -> tuple[Measure, Callable[..., Any]]:
    """The measure, and it with its arguments filled in, as `binding.bind` does it for its stage.

    Raises Unknown or Invalid, with a near miss, for what does not exist and for what traffic can never tell.
    """
    measure = registry.measures().get(call.name)
    if measure is None:
        raise registry.no_such(call.name)
    for one in _measures(call, columns):
        if one.not_on_traffic:
            where = "a gate" if one.stage == "model" else "[data.NAME]"
            raise Invalid(f"{one.name} cannot be measured on traffic: {one.not_on_traffic}; promise it in {where}")
    if Name("key") in call.args and "key" not in columns:
        raise Invalid(f"{call.name}(key): rows that come have no key; name its columns: {call.name}(year, flight)")
    bound = binding.bind(call, measure.stage, Scope(columns), task)
    if measure.stage == "data":
        bound()  # a data measure checks its arguments when it makes its plan
    return measure, bound


def needs_labels(call: Call) -> bool:
    """Whether only rows whose labels have come tell it. What compares another measure needs what that one does."""
    measure = registry.measures().get(call.name)
    if measure is None or measure.stage != "model" or measure.timed:
        return False
    compared = _compared(measure, call)
    return any(map(needs_labels, compared)) if compared else not measure.of_answers


def _compared(measure: Measure, call: Call) -> list[Call]:
    """The other measures that it asks for."""
    words, found = dict(call.kwargs), list[Value]()
    for place, parameter in enumerate(measure.parameters):
        if parameter.annotation is Score:
            found += call.args[place : place + 1] or (words.get(parameter.name, ()),)
    return [Call(one.text) if isinstance(one, Name) else one for one in found if isinstance(one, Name | Call)]


def mentioned(value: Value) -> Iterator[str]:
    """The words of a sentence that may be columns."""
    if isinstance(value, Name):
        yield value.text
    elif isinstance(value, Call):
        for one in (*value.args, *(given for _, given in value.kwargs)):
            yield from mentioned(one)
    elif isinstance(value, tuple):
        for one in value:
            yield from mentioned(one)
    elif isinstance(value, str):
        yield value


def only_counts(call: Call) -> bool:
    """Whether it takes rows that are alike as one with their number: a tally by the answers, in groups or not."""
    measure = registry.measures().get(call.name)
    if measure is None or measure.counted:
        return measure is not None and not call.args and not call.kwargs
    return measure.name in _COMPARED and all(map(only_counts, _compared(measure, call)))


def _measures(value: Value, columns: tuple[str, ...]) -> Iterator[Measure]:
    """Those of a sentence, inner ones too."""
    name = value.name if isinstance(value, Call) else value.text if isinstance(value, Name) else ""
    found = registry.measures().get(name)
    if found and (isinstance(value, Call) or name not in columns):
        yield found
    if isinstance(value, Call):
        for one in (*value.args, *(given for _, given in value.kwargs)):
            yield from _measures(one, columns)
