"""A promise's call becomes a measure with its arguments filled in, each looked at before there is data."""

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.promises import Call, Name, Value
from arkwright.core.usercode import call as call_user
from arkwright.measures import registry
from arkwright.measures.evaluation import Evaluation
from arkwright.measures.registry import GATE, KINDS, Column, Measure, Other, Scope, Score, no_such, only_for
from arkwright.measures.shipped import Shipped
from arkwright.measures.window import Window

_UNIONS = (types.UnionType, typing.Union)
_MAY = {GATE: ("model", "release")}


def bind(call: Call, stage: str, scope: Scope, task: str | None = None) -> Callable[..., Any]:
    """The measure with its arguments filled in: `() -> Plan` for data, `(Evaluation) -> Reading` for models,
    `(Window) -> Reading` for endpoints, `(Shipped) -> Reading` for releases. `stage`: of the measure, or GATE.

    Raises Unknown or Invalid, with a near miss, for a measure, argument or column that does not exist.
    """
    measure = registry.measures().get(call.name)
    if measure is None:
        raise no_such(call.name)
    may = _MAY.get(stage, (stage,))
    if measure.stage not in may:
        raise Invalid(f"{call.name} measures {KINDS[measure.stage]}, not {KINDS[may[0]]}")
    if measure.tasks and task and task not in measure.tasks:
        raise Invalid(only_for(call.name, measure.tasks, task))
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

    @property
    def counted(self) -> bool:
        return self.measure.counted

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
    if Column in kinds:
        if not isinstance(value, tuple):
            return _column(measure, value, scope)
        return _several(measure, word, value, scope, may=tuple[Column, ...] in kinds)
    if Other in kinds:
        return _one_of(measure, value, scope.others, "")
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


def _column(measure: Measure, value: Value, scope: Scope) -> Any:
    return _one_of(measure, value, scope.columns, "column ")


def _one_of(measure: Measure, value: Value, there: tuple[str, ...], called: str) -> Any:
    text = value.text if isinstance(value, Name) else value
    if text not in there:
        raise Unknown(f"{measure.name}: there is no {called}{text!r}{did_you_mean(str(text), there)}")
    return text


def _several(measure: Measure, word: str, value: Any, scope: Scope, *, may: bool) -> tuple[Any, ...]:
    if not may:
        raise Invalid(f"{measure.name}: {word} is one column, and not several at once; promise it of each of them")
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
