"""Dates, moments and spans as the integer arithmetic that they are.

Years, months and days by the civil calendar's cycle of 400 years = 146,097 days
(https://howardhinnant.github.io/date_algorithms.html, civil_from_days).
"""

from collections.abc import Callable

from arkwright.optimize.fusion.logic import DAY, date, moment
from arkwright.optimize.fusion.numbers import inverse, quotient
from arkwright.optimize.fusion.plan import Step
from arkwright.optimize.fusion.refusal import NotFusable
from arkwright.optimize.fusion.terms import DOUBLE, INT64, Term, Terms
from arkwright.optimize.fusion.values import TIMES, Value, number, valid

_UNITS = {
    "days": DAY,
    "hours": 3_600_000_000,
    "minutes": 60_000_000,
    "seconds": 1_000_000,
    "milliseconds": 1_000,
    "microseconds": 1,
}
_CYCLE, _CYCLE_YEARS = 146_097, 400
_SHIFT = 1000  # cycles: every date that polars holds lies after year 0 then, where rounding down is cutting off
_EPOCH = 719_468  # days from 0000-03-01 to 1970-01-01


def binary(g: Terms, step: Step, args: list[Value]) -> Value | None:
    """Sums and differences of which one side is a time; None when neither is."""
    a, b = args
    if not {a.kind, b.kind} & TIMES:
        return None
    if step.op == "true_divide" and a.kind == b.kind == "Duration":
        return _ratio(g, step, a, b)
    dates = [value for value in args if value.kind in ("Date", "Datetime")]
    spans = [value for value in args if value.kind == "Duration"]
    known = len(dates) + len(spans) == 2 and (
        (step.op == "minus" and (b.kind == "Duration" or len(dates) == 2)) or (step.op == "plus" and spans)
    )
    if not known:
        raise NotFusable(f"features() uses {step.op} of {a.kind} and {b.kind}; it stays in Python")
    data = g("Add" if step.op == "plus" else "Sub", moment(g, a).data, moment(g, b).data)
    made = Value("Duration" if step.kind == "Duration" else "Datetime", data, valid(g, a, b))
    return date(g, made) if step.kind == "Date" else made


def _ratio(g: Terms, step: Step, a: Value, b: Value) -> Value:
    top, bottom = number(g, a, "Float64"), number(g, b, "Float64")
    return Value("Float64", quotient(g, step, top.data, bottom.data), valid(g, a, b), clean=False)


def total(g: Terms, step: Step, args: list[Value]) -> Value:
    """total_days … of a span: cut off, or with their fraction."""
    (x,), (fractional,) = args, step.options
    if x.kind != "Duration":
        raise NotFusable(f"features() uses {step.op} of {x.kind}; it stays in Python")
    unit = _UNITS[step.op.removeprefix("dt.total_")]
    if fractional:
        return Value("Float64", g("Mul", g.cast(x.data, DOUBLE), inverse(g, g.constant(unit, DOUBLE))), x.valid)
    return Value("Int64", x.data if unit == 1 else _div(g, x.data, unit), x.valid)


def clock(g: Terms, step: Step, args: list[Value]) -> Value:
    """hour, minute, second and the parts of a second."""
    x = _of(step, args, "Datetime")
    whole, unit, factor = {
        "dt.hour": (DAY, "hours", 1),
        "dt.minute": (_UNITS["hours"], "minutes", 1),
        "dt.second": (_UNITS["minutes"], "seconds", 1),
        "dt.millisecond": (_UNITS["seconds"], "milliseconds", 1),
        "dt.microsecond": (_UNITS["seconds"], "microseconds", 1),
        "dt.nanosecond": (_UNITS["seconds"], "microseconds", 1000),
    }[step.op]
    data = _div(g, g("Mod", x.data, g.constant(whole, INT64)), _UNITS[unit])
    return Value(step.kind, _mul(g, data, factor), x.valid)


def calendar(g: Terms, step: Step, args: list[Value]) -> Value:
    """year, month, day … of a date or a moment."""
    x = date(g, _of(step, args, "Date", "Datetime"))
    return Value(step.kind, _CALENDAR[step.op](g, x.data), x.valid)


def timestamp(g: Terms, step: Step, args: list[Value]) -> Value:
    x = moment(g, _of(step, args, "Date", "Datetime"))
    (unit,) = step.options
    if unit not in ("us", "ms"):
        raise NotFusable(f"features() uses dt.timestamp({unit!r}); it stays in Python")
    milli = g.constant(1000, INT64)
    data = x.data if unit == "us" else g("Div", g("Sub", x.data, g("Mod", x.data, milli)), milli)
    return Value("Int64", data, x.valid)


def day(g: Terms, step: Step, args: list[Value]) -> Value:
    return date(g, _of(step, args, "Date", "Datetime"))


def _of(step: Step, args: list[Value], *kinds: str) -> Value:
    if args[0].kind not in kinds:
        raise NotFusable(f"features() uses {step.op} of {args[0].kind}; it stays in Python")
    return args[0]


def _civil(g: Terms, days: Term) -> tuple[Term, Term, Term]:
    """Year (which begins in March), day of that year from 0, and its month from 0 = March."""
    z = _add(g, days, _EPOCH + _SHIFT * _CYCLE)
    cycle = _div(g, z, _CYCLE)
    of_cycle = g("Mod", z, g.constant(_CYCLE, INT64))
    leaps = g("Sub", _div(g, of_cycle, 1460), _div(g, of_cycle, 36_524))
    leaps = g("Add", leaps, _div(g, of_cycle, 146_096))
    year = _div(g, g("Sub", of_cycle, leaps), 365)
    before = g("Sub", g("Add", _mul(g, year, 365), _div(g, year, 4)), _div(g, year, 100))
    of_year = g("Sub", of_cycle, before)
    month = _div(g, _add(g, _mul(g, of_year, 5), 2), 153)
    full = _add(g, g("Add", year, _mul(g, cycle, _CYCLE_YEARS)), -_SHIFT * _CYCLE_YEARS)
    return full, of_year, month


def _year(g: Terms, days: Term) -> Term:
    year, _, month = _civil(g, days)
    return g("Add", year, g.cast(_january_on(g, month), INT64))


def _month(g: Terms, days: Term) -> Term:
    _, _, month = _civil(g, days)
    return g.where(_january_on(g, month), _add(g, month, -9), _add(g, month, 3))


def _january_on(g: Terms, month: Term) -> Term:
    return g("Not", g("Less", month, g.constant(10, INT64)))


def _day(g: Terms, days: Term) -> Term:
    _, of_year, month = _civil(g, days)
    return _add(g, g("Sub", of_year, _div(g, _add(g, _mul(g, month, 153), 2), 5)), 1)


def _weekday(g: Terms, days: Term) -> Term:
    """Monday is 1; 1970-01-01 was a Thursday."""
    return _add(g, g("Mod", _add(g, days, 3), g.constant(7, INT64)), 1)


def _quarter(g: Terms, days: Term) -> Term:
    return _div(g, _add(g, _month(g, days), 2), 3)


def _ordinal(g: Terms, days: Term) -> Term:
    before = _add(g, _year(g, days), _SHIFT * _CYCLE_YEARS - 1)
    leaps = g("Add", g("Sub", _div(g, before, 4), _div(g, before, 100)), _div(g, before, 400))
    first = _add(g, g("Add", _mul(g, before, 365), leaps), -719_162 - _SHIFT * _CYCLE)
    return _add(g, g("Sub", days, first), 1)


def _thursday(g: Terms, days: Term) -> Term:
    """Of the same week: its year is the week's year (ISO 8601)."""
    return _add(g, g("Sub", days, _weekday(g, days)), 4)


def _week(g: Terms, days: Term) -> Term:
    return _add(g, _div(g, _add(g, _ordinal(g, _thursday(g, days)), -1), 7), 1)


def _iso_year(g: Terms, days: Term) -> Term:
    return _year(g, _thursday(g, days))


_CALENDAR: dict[str, Callable[[Terms, Term], Term]] = {
    "dt.year": _year,
    "dt.month": _month,
    "dt.day": _day,
    "dt.week_day": _weekday,
    "dt.quarter": _quarter,
    "dt.ordinal_day": _ordinal,
    "dt.week": _week,
    "dt.iso_year": _iso_year,
}


def _div(g: Terms, data: Term, by: int) -> Term:
    return data if by == 1 else g("Div", data, g.constant(by, INT64))


def _mul(g: Terms, data: Term, by: int) -> Term:
    return data if by == 1 else g("Mul", data, g.constant(by, INT64))


def _add(g: Terms, data: Term, what: int) -> Term:
    return g("Add", data, g.constant(what, INT64))


HANDLERS = {
    **dict.fromkeys((f"dt.total_{unit}" for unit in _UNITS), total),
    **dict.fromkeys(("dt.hour", "dt.minute", "dt.second", "dt.millisecond", "dt.microsecond", "dt.nanosecond"), clock),
    **dict.fromkeys(_CALENDAR, calendar),
    "dt.time_stamp": timestamp,
    "dt.date": day,
}
