"""The door through which every measure comes, ours and a plug-in's: the entry point `arkwright.measures`.

A measure is one function with a name, a docstring and a source. `@data_measure` functions get their arguments and
return a `Plan` (aggregates for one pass over the rows, and how to finish them); `@model_measure` functions get an
`Evaluation` first, `@endpoint_measure` functions a `Window`, `@release_measure` and `@live_measure` functions what a
release `Shipped`, and return a `Reading`. A measure checks its own arguments
before it looks at any row, and is tried on none when its sentence is read: a wrong argument is an error before there is
data.
"""

import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal, NewType, Protocol

import numpy as np

from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.promises import Call, Name, Reading, Value
from arkwright.core.usercode import call as call_user
from arkwright.measures.aggregates import Aggregate
from arkwright.measures.evaluation import Evaluation, Undefined
from arkwright.measures.shipped import Shipped
from arkwright.measures.window import Window

_UNIONS = (types.UnionType, typing.Union)
KINDS = {
    "data": "a dataset",
    "model": "a model",
    "endpoint": "an endpoint",
    "release": "a release",
    "live": "a live release",
}
OF_RELEASE = ("release", "live")  # stages of what is told by a release itself, and by no row
GATE = "gate"  # not of a measure, but where a promise stands: it may be about the model or about the release
_MAY = {GATE: ("model", "release")}
LONGEST_WHY = 300  # characters of what a plug-in failed with

Column = NewType("Column", str)  # a column of the dataset measured
Other = NewType("Other", str)  # a column of another dataset: `planes.tailnum`


class Score(Protocol):
    """Another model measure, with its arguments bound."""

    @property
    def name(self) -> str: ...

    @property
    def larger_is_better(self) -> bool | None: ...

    def __call__(self, evaluation: Evaluation, /) -> Reading: ...


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
    stage: str  # data | model | endpoint | release, in a gate and of an endpoint | live, of an endpoint only
    source: str
    function: Callable[..., Any]
    tasks: tuple[str, ...] = ()  # of a model measure: the tasks it makes sense for; empty: all
    larger_is_better: bool | None = True  # of a model measure: which side is worse; None: neither
    timed: bool = False  # by the clock of one machine: another run finds something else
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
    words: str = "",
    not_on_traffic: str = "",
) -> Callable[[Callable[..., Reading]], Measure]:
    """Make a measure of a model. `tasks`: what kinds of model it is for; `timed`: it reads a clock; `words`: how it is
    said in plain words, as `measures.words` reads it; `not_on_traffic`: why it needs more than rows, their answers and
    their labels.

    Where the function raises Undefined, or finds no finite number, the reading has no value and says why.
    """

    def make(function: Callable[..., Reading]) -> Measure:
        own = name or function.__name__
        measured = _defined(own, tasks, function)
        return Measure(own, "model", source, measured, tasks, larger_is_better, timed, words, not_on_traffic)

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


def release_measure(
    *, source: str, name: str | None = None, words: str = ""
) -> Callable[[Callable[..., Reading]], Measure]:
    """Make a measure of what a release ships: in a gate of the candidate, of an endpoint of what is live. It is taken
    anew whenever it is asked for. `words`, Undefined and what is no number: as of `model_measure`.
    """
    return _of_release("release", source, name, words)


def live_measure(
    *, source: str, name: str | None = None, words: str = ""
) -> Callable[[Callable[..., Reading]], Measure]:
    """Make a measure of a release that is signed and answers, and of no candidate; else as `release_measure`."""
    return _of_release("live", source, name, words)


def _of_release(stage: str, source: str, name: str | None, words: str) -> Callable[[Callable[..., Reading]], Measure]:
    def make(function: Callable[..., Reading]) -> Measure:
        own = name or function.__name__
        return Measure(own, stage, source, _defined(own, (), function), (), False, timed=True, words=words)  # noqa: FBT003

    return make


def _defined(name: str, tasks: tuple[str, ...], function: Callable[..., Reading]) -> Callable[..., Reading]:
    @functools.wraps(function)
    def measured(given: Any, *args: Any, **kwargs: Any) -> Reading:
        rows = len(given) if isinstance(given, Sized) else None
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
    `(Window) -> Reading` for endpoints, `(Shipped) -> Reading` for releases. `stage`: of the measure, or GATE.

    Raises Unknown or Invalid, with a near miss, for a measure, argument or column that does not exist.
    """
    measure = measures().get(call.name)
    if measure is None:
        raise no_such(call.name)
    may = _MAY.get(stage, (stage,))
    if measure.stage not in may:
        raise Invalid(f"{call.name} measures {KINDS[measure.stage]}, not {KINDS[may[0]]}")
    if measure.tasks and task and task not in measure.tasks:
        raise Invalid(_only_for(call.name, measure.tasks, task))
    bound = _Bound(measure, *_arguments(measure, call, scope, task))
    call_user(measure.function, *_nothing(measure.stage, task), *bound.args, **bound.kwargs)
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

    def __call__(self, *given: Any) -> Any:
        return self.measure.function(*given, *self.args, **self.kwargs)


def _nothing(stage: str, task: str | None) -> tuple[Any, ...]:
    """What a measure is tried on."""
    if stage == "model":
        return (_no_rows(task),)
    return () if stage == "data" else (Window() if stage == "endpoint" else Shipped(),)


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
    for of, there, called in ((Column, scope.columns, "column "), (Other, scope.others, "")):
        if of in kinds:
            text = value.text if isinstance(value, Name) else value
            if text not in there:
                raise Unknown(f"{measure.name}: there is no {called}{text!r}{did_you_mean(str(text), there)}")
            return text
    if Score in kinds:
        if isinstance(value, Name):
            value = Call(value.text)
        if not isinstance(value, Call):
            raise Invalid(f"{measure.name} asks for another measure as {word}, such as recall")
        return bind(value, "model", scope, task)
    if typing.get_origin(kind) is Literal:
        return _word(measure, word, value, typing.get_args(kind))
    if isinstance(value, Name | Call):
        shown = value.text if isinstance(value, Name) else value.name
        raise Invalid(f"{measure.name}: {word} must be a plain value, not {shown!r} (write text in quotes)")
    if not any(_fits(value, one) for one in kinds):
        bare = next((v.text for v in value if isinstance(v, Name)), None) if isinstance(value, tuple) else None
        hint = f': write text in quotes, "{bare}"' if bare else ""
        raise Invalid(f"{measure.name}: {word} = {value!r} is of the wrong kind{hint}")
    return value


def _word(measure: Measure, word: str, value: Value, known: tuple[str, ...]) -> str:
    """One of the words that there are, with or without quotes."""
    text = value.text if isinstance(value, Name) else value
    if not isinstance(text, str) or text not in known:
        shown = value.name if isinstance(value, Call) else text
        raise Unknown(f"{measure.name}: {word} is {', '.join(known[:-1])} or {known[-1]}, not {shown!r}")
    return text


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
