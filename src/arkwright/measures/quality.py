"""What a promise can say about a dataset. These describe all the rows there are, so they have no interval.

A share is of the rows that have a value; `missing` says how many have none. NaN counts as missing.
"""

from collections.abc import Callable

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.core.usercode import describe
from arkwright.measures.aggregates import (
    Between,
    Distinct,
    Found,
    In,
    Largest,
    Matching,
    Mean,
    Newest,
    Now,
    Nulls,
    Quantile,
    Rows,
    SchemaChanges,
    Smallest,
)
from arkwright.measures.registry import Column, Other, Plan, data_measure

_ISO = "ISO/IEC 25024:2015, "
_STATISTICS = "ISO 3534-1:2006"
_LONGEST_NOTE = 500


@data_measure(
    source=_ISO + "completeness",
    words="the number of rows is {limit}",
)
def rows() -> Plan:
    """The number of rows."""
    return Plan((Rows(),), lambda count: Reading(count, n=count))


@data_measure(
    source=_ISO + "completeness",
    words="{limit:share} of the rows have no {column}",
)
def missing(column: Column) -> Plan:
    """The share of the rows where the column is null or NaN, 0 to 1."""
    return Plan(
        (Rows(), Nulls(column)),
        lambda count, null: Reading(null / count, n=count) if count else _nothing("there are no rows"),
    )


@data_measure(
    source=_ISO + "completeness",
    words="{limit:row come} without {column}",
)
def nulls(column: Column) -> Plan:
    """The number of rows where the column is null or NaN."""
    return Plan((Rows(), Nulls(column)), lambda count, null: Reading(null, n=count))


@data_measure(
    source=_ISO + "consistency",
    words="{limit:row repeat} the {columns:and} of an earlier row",
)
def duplicates(*columns: Column) -> Plan:
    """The number of rows beyond the first of each combination of these columns; two nulls are alike."""
    if not columns:
        raise Invalid("duplicates needs at least one column: write duplicates(key) or duplicates(year, flight)")
    return Plan((Rows(), Distinct(columns)), lambda count, different: Reading(count - different, n=count))


@data_measure(
    source=_ISO + "consistency",
    words="the number of different values in {column} is {limit}",
)
def distinct(column: Column) -> Plan:
    """The number of different values, nulls not counted."""
    return Plan(
        (Rows(), Nulls(column), Distinct((column,))),
        lambda count, null, different: Reading(different - (null > 0), n=count - null),
    )


@data_measure(
    source=_STATISTICS,
    words="the smallest {column} is {limit}",
)
def smallest(column: Column) -> Plan:
    """The smallest value; dates and times as seconds since 1970 (UTC)."""
    return Plan((Rows(), Nulls(column), Smallest(column)), _of_values(column))


@data_measure(
    source=_STATISTICS,
    words="the largest {column} is {limit}",
)
def largest(column: Column) -> Plan:
    """The largest value; dates and times as seconds since 1970 (UTC)."""
    return Plan((Rows(), Nulls(column), Largest(column)), _of_values(column))


@data_measure(
    source=_STATISTICS,
    words="the mean of {column} is {limit}",
)
def mean(column: Column) -> Plan:
    """The mean of the values; of a yes/no column the share of yes."""
    return Plan((Rows(), Nulls(column), Mean(column)), _of_values(column))


@data_measure(
    source="Hyndman and Fan 1996, type 7",
    words="the value below which {q:share} of {column} lies is {limit}",
)
def quantile(column: Column, q: float) -> Plan:
    """The value below which the share `q` of the values lies, exact, interpolated between neighbours."""
    if not 0 <= q <= 1:
        raise Invalid(f"quantile({column}, {q:g}): q is a share between 0 and 1, such as 0.99")
    return Plan((Rows(), Nulls(column), Quantile(column, q)), _of_values(column))


@data_measure(
    source="Hyndman and Fan 1996, type 7",
    words="the value of {column} in the middle is {limit}",
)
def median(column: Column) -> Plan:
    """The value in the middle, exact."""
    return Plan((Rows(), Nulls(column), Quantile(column, 0.5)), _of_values(column))


@data_measure(
    source=_ISO + "accuracy",
    words="{limit:share} of the values of {column} lie between {low} and {high}",
)
def between(column: Column, low: float, high: float) -> Plan:
    """The share of the values that lie between `low` and `high`, both included."""
    if low > high:
        raise Invalid(f"between({column}, {low:g}, {high:g}): nothing lies there; write the smaller limit first")
    return Plan((Rows(), Nulls(column), Between(column, low, high)), _share(column))


@data_measure(
    source=_ISO + "accuracy",
    words="{limit:share} of the values of {column} are {values}",
)
def allowed(column: Column, values: tuple[str | float | int | bool, ...]) -> Plan:
    """The share of the values that are in this list."""
    return Plan((Rows(), Nulls(column), In(column, values)), _share(column))


@data_measure(
    source=_ISO + "accuracy; RE2 syntax",
    words="{limit:share} of the texts in {column} have the form {pattern}",
)
def matches(column: Column, pattern: str) -> Plan:
    """The share of the texts that, as a whole, match this regular expression."""
    _check_pattern(column, pattern)
    return Plan((Rows(), Nulls(column), Matching(column, pattern)), _share(column))


def _check_pattern(column: str, pattern: str) -> None:
    """Tried on one text, so that a mistake is told before there is data."""
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = pa.StringArray.from_buffers(1, pa.py_buffer(bytes(8)), pa.py_buffer(b""))  # pa.array would import pandas
    try:
        pc.match_substring_regex(empty, pattern=pattern)
    except pa.ArrowInvalid as error:
        raise Invalid(f"matches({column}, {pattern!r}): this is no regular expression: {describe(error)}") from None


@data_measure(
    source=_ISO + "consistency",
    words="{limit:share} of the values of {column} also occur in {other}",
    not_on_traffic="no other dataset is beside the rows that come",
)
def references(column: Column, other: Other) -> Plan:
    """The share of the values that occur in `dataset.column`, as a foreign key must."""
    return Plan((Rows(), Nulls(column), Found(column, other)), _share(column))


@data_measure(
    source=_ISO + "currentness",
    timed=True,
    words="the newest {column} is {limit:hour} old",
)
def freshness_hours(column: Column) -> Plan:
    """The hours between the newest date or time in the column and now (UTC); negative when it lies ahead."""

    def finish(count: int, null: int, newest: float | None, now: float) -> Reading:
        if newest is None:
            return _no_values(count, column)
        ahead = f"the newest {column} lies in the future" if newest > now else ""
        return Reading((now - newest) / 3600, n=count - null, note=ahead)

    return Plan((Rows(), Nulls(column), Newest(column), Now()), finish)


@data_measure(
    source=_ISO + "compliance",
    words="{limit:column are} missing, new, or of another type than was agreed",
    not_on_traffic="a row that does not fit the release's columns is refused, and none such is logged",
)
def schema_changes() -> Plan:
    """The number of columns missing, added, or of another type than the row class says."""

    def finish(count: int, changes: tuple[str, ...]) -> Reading:
        note = "; ".join(changes)
        return Reading(len(changes), n=count, note=note if len(note) <= _LONGEST_NOTE else note[:_LONGEST_NOTE] + " …")

    return Plan((Rows(), SchemaChanges()), finish)


def _of_values(column: str) -> Callable[[int, int, float | None], Reading]:
    def finish(count: int, null: int, value: float | None) -> Reading:
        return _no_values(count, column) if value is None else Reading(value, n=count - null)

    return finish


def _share(column: str) -> Callable[[int, int, int], Reading]:
    def finish(count: int, null: int, good: int) -> Reading:
        return Reading(good / (count - null), n=count - null) if count > null else _no_values(count, column)

    return finish


def _no_values(count: int, column: str) -> Reading:
    return _nothing(f"{column} is null in every row" if count else "there are no rows")


def _nothing(why: str) -> Reading:
    return Reading(None, n=0, note=why)
