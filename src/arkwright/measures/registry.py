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
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any, NewType, Protocol

import numpy as np

from arkwright.core.errors import Unknown, did_you_mean
from arkwright.core.promises import Reading
from arkwright.measures.aggregates import Aggregate
from arkwright.measures.evaluation import Evaluation, Undefined
from arkwright.measures.tally import Part

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
    stage: str  # data | model | endpoint | release, in a gate and of an endpoint | live, of an endpoint only
    source: str
    function: Callable[..., Any]
    tasks: tuple[str, ...] = ()  # of a model measure: the tasks it makes sense for; empty: all
    larger_is_better: bool | None = True  # of a model measure: which side is worse; None: neither
    timed: bool = False  # by the clock of one machine: another run finds something else
    counted: bool = False  # of a model measure: it takes a `Part` too, a group of rows of which the tally is known
    of_answers: bool = False  # of a model measure: it never looks at the truth, so traffic tells it before labels come
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
    of_known: bool = False,
    of_answers: bool = False,
    words: str = "",
    not_on_traffic: str = "",
) -> Callable[[Callable[..., Reading]], Measure]:
    """Make a measure of a model. `tasks`: what kinds of model it is for; `timed`: it reads a clock; `counted`: it rests
    on `tally.of`, so that every group is counted at once; `of_known`: it has no value for a row of a class that the
    model does not have, so those are left out and told; `of_answers`: it never looks at the truth, so that no label
    need come; `words`: how it is said in plain words, as `measures.words` reads it; `not_on_traffic`: why it needs more
    than rows, their answers and their labels.

    Where the function raises Undefined, or finds no finite number, the reading has no value and says why.
    """

    def make(function: Callable[..., Reading]) -> Measure:
        own = name or function.__name__
        measured = _defined(own, tasks, _of_known(function) if of_known else function)
        told = tasks, larger_is_better, timed, counted, of_answers, words, not_on_traffic
        return Measure(own, "model", source, measured, *told)

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
            return Reading(None, n=rows, note=only_for(name, tasks, given.task))
        try:
            with np.errstate(all="ignore"):
                found = function(given, *args, **kwargs)
        except Undefined as why:
            return Reading(None, n=rows, note=str(why))
        if found.value is None:
            return found
        value, low, high = (None if x is None else float(x) for x in (found.value, found.low, found.high))
        if not all(x is None or math.isfinite(x) for x in (value, low, high)):
            return replace(found, value=None, low=None, high=None, note=f"{name} is too large for a number")
        return replace(found, value=value, low=low, high=high)

    return measured


def _of_known(function: Callable[..., Reading]) -> Callable[..., Reading]:
    @functools.wraps(function)
    def measured(given: Evaluation, *args: Any, **kwargs: Any) -> Reading:
        strange = given.strange
        if not strange.any():
            return function(given, *args, **kwargs)
        told = f"without {np.count_nonzero(strange):,} of a class that the model does not have"
        try:
            found = function(given.take(~strange), *args, **kwargs)
        except Undefined as why:
            raise Undefined(f"{told}; {why}") from None
        return replace(found, note=f"{told}; {found.note}" if found.note else told)

    return measured


def only_for(name: str, tasks: tuple[str, ...], task: str) -> str:
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
