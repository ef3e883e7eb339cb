"""The door through which every measure comes, ours and a plug-in's: the entry point `arkwright.measures`.

A measure is one function with a name, a docstring and a source. `@data_measure` functions get their arguments and
return a `Plan` (aggregates for one pass over the rows, and how to finish them); `@model_measure` functions get an
`Evaluation` first, `@endpoint_measure` functions a `Window`, and return a `Reading`. A measure checks its own arguments
before it looks at any row, and is tried on none when its sentence is read: a wrong argument is an error before there is
data.
"""

import functools
import inspect
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, NewType, Protocol

import numpy as np

from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.promises import Call, Name, Reading, Value
from arkwright.core.usercode import call as call_user
from arkwright.measures.aggregates import Aggregate
from arkwright.measures.evaluation import Evaluation, Undefined
from arkwright.measures.tally import Part
from arkwright.measures.window import Window

_UNIONS = (types.UnionType, typing.Union)
LONGEST_WHY = 300  # characters of what a plug-in failed with

Column = NewType("Column", str)  # a column of the dataset measured
Other = NewType("Other", str)  # a column of another dataset: `planes.tailnum`


class Score(Protocol):
    """Another model measure, with its arguments bound."""

    @property
    def name(self) -> str: ...

    @property
    def larger_is_better(self) -> bool | None: ...

    @property
    def counted(self) -> bool: ...

    def __call__(self, evaluation: Evaluation | Part, /) -> Reading: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """Aggregates to be taken in one pass, and the arithmetic that turns their values into a reading."""

    needs: tuple[Aggregate, ...]
    finish: Callable[..., Reading]


@dataclass(frozen=True, slots=True)
class Scope:
    """What the bare words of a sentence can mean."""

    columns: tuple[str, ...]
    key: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  # "planes.tailnum" …; the columns of the other datasets


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure, as `arkwright measures` lists it."""

    name: str
    stage: str  # data | model | endpoint
    source: str
    function: Callable[..., Any]
    tasks: tuple[str, ...] = ()  # of a model measure: the tasks it makes sense for; empty: all
    larger_is_better: bool | None = True  # of a model measure: which side is worse; None: neither
    timed: bool = False  # by the clock of one machine: another run finds something else
    counted: bool = False  # of a model measure: it takes a `Part` too, a group of rows of which the tally is known
    words: str = ""  # how it is said in plain words, a template of `measures.words`; empty: by its name
    not_on_traffic: str = ""  # why traffic cannot tell it, as an endpoint's promise is refused with; empty: it can

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def summary(self) -> str:
        return inspect.cleandoc(self.function.__doc__ or "").split("\n\n")[0].replace("\n", " ")

    @property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        found = tuple(inspect.signature(self.function, eval_str=True).parameters.values())
        return found if self.stage == "data" else found[1:]


def data_measure(
    *, source: str, name: str | None = None, timed: bool = False, words: str = "", not_on_traffic: str = ""
) -> Callable[[Callable[..., Plan]], Measure]:
    """Make a measure of a dataset. `source`: the paper or standard that defines it; `timed`: it reads a clock;
    `words`: how it is said in plain words, as `measures.words` reads it; `not_on_traffic`: why an endpoint's rows do
    not tell it.
    """

    def make(function: Callable[..., Plan]) -> Measure:
        own = name or function.__name__
        return Measure(own, "data", source, function, timed=timed, words=words, not_on_traffic=not_on_traffic)

    return make


def model_measure(
    *,
    source: str,
    name: str | None = None,
    tasks: tuple[str, ...] = (),
    larger_is_better: bool | None = True,
    timed: bool = False,
    counted: bool = False,
    words: str = "",
    not_on_traffic: str = "",
) -> Callable[[Callable[..., Reading]], Measure]:
    """Make a measure of a model. `tasks`: what kinds of model it is for; `timed`: it reads a clock; `counted`: it rests
    on `tally.of`, so that every group is counted at once; `words`: how it is said in plain words, as `measures.words`
    reads it; `not_on_traffic`: why it needs more than rows, their answers and their labels.

    Where the function raises Undefined, or finds no finite number, the reading has no value and says why.
    """

    def make(function: Callable[..., Reading]) -> Measure:
        own = name or function.__name__
        measured = _defined(own, tasks, function)
        return Measure(own, "model", source, measured, tasks, larger_is_better, timed, counted, words, not_on_traffic)

    return make


def endpoint_measure(
    *, source: str, name: str | None = None, larger_is_better: bool | None = False, words: str = ""
) -> Callable[[Callable[..., Reading]], Measure]:
    """Make a measure of what an endpoint was asked and answered in a window, beside what its release was judged on.

    `words`: how it is said in plain words. Undefined and what is no number are told as of `model_measure`.
    """

    def make(function: Callable[..., Reading]) -> Measure:
        own = name or function.__name__
        return Measure(own, "endpoint", source, _defined(own, (), function), (), larger_is_better, words=words)

    return make


def _defined(name: str, tasks: tuple[str, ...], function: Callable[..., Reading]) -> Callable[..., Reading]:
    @functools.wraps(function)
    def measured(given: Any, *args: Any, **kwargs: Any) -> Reading:
        rows = len(given)
        if tasks and given.task not in tasks:
            return Reading(None, n=rows, note=_only_for(name, tasks, given.task))
        try:
            with np.errstate(all="ignore"):
                found = function(given, *args, **kwargs)
        except Undefined as why:
            return Reading(None, n=rows, note=str(why))
        if found.value is None:
            return found
        value, low, high = (None if x is None else float(x) for x in (found.value, found.low, found.high))
        if not all(x is None or math.isfinite(x) for x in (value, low, high)):
            return Reading(None, n=found.n, note=f"{name} is too large for a number")
        return Reading(value, low, high, n=found.n, note=found.note)

    return measured


def _only_for(name: str, tasks: tuple[str, ...], task: str) -> str:
    return f"{name} is for {' and '.join(tasks)}; this model does {task}"


@dataclass(frozen=True, slots=True)
class PlugIns:
    """What came through the door. `wrong`: in words, what cannot be used."""

    measures: dict[str, Measure]
    wrong: tuple[str, ...]


@cache
def plug_ins() -> PlugIns:
    """Everything there is. What is wrong with one plug-in stops no other; a name that two claim is nobody's."""
    found: dict[str, Measure] = {}
    wrong: list[str] = []
    twice: set[str] = set()
    for entry in sorted(entry_points(group="arkwright.measures"), key=lambda entry: (entry.value, entry.name)):
        try:
            module = entry.load()
        except Exception as error:  # noqa: BLE001 - it is somebody else's code
            why = f"{type(error).__name__}: {error}"[:LONGEST_WHY]
            wrong.append(f"the plug-in {entry.name} ({entry.value}) cannot be loaded: {why}")
            continue
        for value in vars(module).values():
            if not isinstance(value, Measure) or found.get(value.name) is value:
                continue
            if value.name in found:
                wrong.append(f"two plug-ins define the measure {value.name!r}; the second is {entry.value}")
                twice.add(value.name)
            found[value.name] = value
    return PlugIns({name: measure for name, measure in found.items() if name not in twice}, tuple(wrong))


def measures() -> dict[str, Measure]:
    """All measures by name."""
    return plug_ins().measures


def no_such(name: str) -> Unknown:
    """Says what is near, and what is wrong with plug-ins: it may be one of theirs."""
    wrong = plug_ins().wrong
    return Unknown(
        f"no measure is called {name!r}{'; ' + '; '.join(wrong) if wrong else did_you_mean(name, measures())}"
    )


def bind(call: Call, stage: str, scope: Scope, task: str | None = None) -> Callable[..., Any]:
    """The measure with its arguments filled in: `() -> Plan` for data, `(Evaluation) -> Reading` for models,
    `(Window) -> Reading` for endpoints.

    Raises Unknown or Invalid, with a near miss, for a measure, argument or column that does not exist.
    """
    measure = measures().get(call.name)
    if measure is None:
        raise no_such(call.name)
    if measure.stage != stage:
        kinds = {"data": "a dataset", "model": "a model", "endpoint": "an endpoint"}
        raise Invalid(f"{call.name} measures {kinds[measure.stage]}, not {kinds[stage]}")
    if measure.tasks and task and task not in measure.tasks:
        raise Invalid(_only_for(call.name, measure.tasks, task))
    bound = _Bound(measure, *_arguments(measure, call, scope, task))
    empty: dict[str, tuple[Any, ...]] = {"data": (), "model": (_no_rows(task),), "endpoint": (Window(),)}
    call_user(measure.function, *empty[stage], *bound.args, **bound.kwargs)
    return bound


@dataclass(frozen=True, slots=True)
class _Bound:
    measure: Measure
    args: list[Any]
    kwargs: dict[str, Any]

    @property
    def name(self) -> str:
        return self.measure.name

    @property
    def larger_is_better(self) -> bool | None:
        return self.measure.larger_is_better

    @property
    def counted(self) -> bool:
        return self.measure.counted

    def __call__(self, *given: Any) -> Any:
        return self.measure.function(*given, *self.args, **self.kwargs)


def _no_rows(task: str | None) -> Evaluation:
    return Evaluation(task=task or "classification", truth=np.zeros(0, np.int64), label=np.zeros(0, np.int64))


def _arguments(measure: Measure, call: Call, scope: Scope, task: str | None) -> tuple[list[Any], dict[str, Any]]:
    parameters = {p.name: p for p in measure.parameters}
    for word, _ in call.kwargs:
        if word not in parameters:
            raise Invalid(f"{call.name} has no argument {word!r}{did_you_mean(word, parameters)}")
    signature = inspect.Signature(tuple(parameters.values()))
    try:
        bound = signature.bind(*call.args, **dict(call.kwargs))
    except TypeError as error:
        shown = ", ".join(str(p).split(":")[0] for p in parameters.values())
        raise Invalid(f"{call.name}({shown}): {error}") from None
    for word, value in bound.arguments.items():
        kind = parameters[word].annotation
        if parameters[word].kind is inspect.Parameter.VAR_POSITIONAL:
            bound.arguments[word] = tuple(c for v in value for c in _columns(measure, v, kind, scope, task))
        else:
            bound.arguments[word] = _convert(measure, word, value, kind, scope, task)
    return list(bound.args), bound.kwargs


def _columns(measure: Measure, value: Value, kind: Any, scope: Scope, task: str | None) -> tuple[Any, ...]:
    if value == Name("key") and "key" not in scope.columns:
        if not scope.key:
            raise Invalid(f"{measure.name}(key) needs the dataset's key: add key = [...] to its table")
        return scope.key
    return (_convert(measure, "column", value, kind, scope, task),)


def _convert(measure: Measure, word: str, value: Value, kind: Any, scope: Scope, task: str | None) -> Any:
    kinds = typing.get_args(kind) if typing.get_origin(kind) in _UNIONS else (kind,)
    if Column in kinds:
        several = tuple[Column, ...] in kinds and isinstance(value, tuple)
        return _several(measure, word, value, scope) if several else _column(measure, value, scope)
    if Other in kinds:
        text = value.text if isinstance(value, Name) else value
        if text not in scope.others:
            raise Unknown(f"{measure.name}: there is no {text!r}{did_you_mean(str(text), scope.others)}")
        return text
    if Score in kinds:
        if isinstance(value, Name):
            value = Call(value.text)
        if not isinstance(value, Call):
            raise Invalid(f"{measure.name} asks for another measure as {word}, such as recall")
        return bind(value, "model", scope, task)
    if isinstance(value, Name | Call):
        shown = value.text if isinstance(value, Name) else value.name
        raise Invalid(f"{measure.name}: {word} must be a plain value, not {shown!r} (write text in quotes)")
    if not any(_fits(value, one) for one in kinds):
        bare = next((v.text for v in value if isinstance(v, Name)), None) if isinstance(value, tuple) else None
        hint = f': write text in quotes, "{bare}"' if bare else ""
        raise Invalid(f"{measure.name}: {word} = {value!r} is of the wrong kind{hint}")
    return value


def _column(measure: Measure, value: Value, scope: Scope) -> Any:
    text = value.text if isinstance(value, Name) else value
    if text not in scope.columns:
        raise Unknown(f"{measure.name}: there is no column {text!r}{did_you_mean(str(text), scope.columns)}")
    return text


def _several(measure: Measure, word: str, value: Any, scope: Scope) -> tuple[Any, ...]:
    found = tuple(_column(measure, one, scope) for one in value)
    if not found or len(set(found)) < len(found):
        raise Invalid(f"{measure.name}: {word} names columns, each once, such as {word}=(carrier, origin)")
    return found


def _fits(value: Value, kind: Any) -> bool:
    if kind in (inspect.Parameter.empty, Any):
        return True
    if typing.get_origin(kind) in _UNIONS:
        return any(_fits(value, option) for option in typing.get_args(kind))
    if isinstance(value, tuple):  # tuple[str | int, ...]
        item = (typing.get_args(kind) or (object,))[0]
        return tuple in (kind, typing.get_origin(kind)) and all(_fits(v, item) for v in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    origin = typing.get_origin(kind) or kind
    return isinstance(origin, type) and isinstance(value, origin)
