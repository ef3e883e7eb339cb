"""Every promise in plain words: whole for every measure, with its number and its names, whatever is asked."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.promises import Bound, Call, Name, Promise, parse
from arkwright.measures import registry
from arkwright.measures.words import fields, sentence

OURS = [m for m in registry.measures().values() if m.function.__module__.startswith("arkwright.measures.")]
COLUMNS = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
NUMBERS = st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: float(f"{x:.6g}") if abs(x) > 1e-300 else 0.0)


@pytest.mark.parametrize("measure", OURS, ids=lambda m: m.name)
def test_every_measure_says_all_that_it_can_be_asked(measure):
    assert measure.words, f"{measure.name} has no words"
    assert measure.words[0].islower() or measure.words.startswith("{limit") or measure.words[0].isdigit()
    always = re.sub(r"\[[^\]]*\]", "", measure.words)
    optional = {p.name for p in measure.parameters if p.default is not inspect.Parameter.empty}
    needed = {p.name for p in measure.parameters} - optional
    assert needed <= set(fields(always))
    assert set(fields(always)) <= needed | {"limit"}, "what may be left out stands in brackets"
    assert needed | optional | {"limit"} >= set(fields(measure.words.replace("[", "").replace("]", "")))
    assert optional <= set(fields(measure.words.replace("[", "").replace("]", "")))


@pytest.mark.parametrize(
    ("promise", "said"),
    [
        ("recall >= 0.7", "Of all real cases, at least 70 % are found"),
        ("recall(at_precision=0.5) >= 0.35",
         "Of all real cases, at least 35 % are found, while at least 50 % of what is reported is real"),
        ("missing(country) <= 0.01", "At most 1 % of the rows have no country"),
        ("duplicates(year, month, day) == 0", "No row repeats the year, month and day of an earlier row"),
        ("rows >= 300000", "The number of rows is at least 300,000"),
        ("0 <= nulls(c) <= 1", "Between 0 and 1 rows come without c"),
        ("1 < nulls(c) <= 5", "More than 1 and at most 5 rows come without c"),
        ("0 < nulls(c) <= 1", "More than 0 and at most 1 row comes without c"),
        ("drifted_columns <= 1", "At most 1 column has drifted"),
        ("schema_changes < 1", "Less than 1 column is missing, new, or of another type than was agreed"),
        ("gap(recall, by=c) <= 0.01", "Between any two groups of c, recall differs by at most 1 percentage point"),
        ("nulls(country) <= 0", "No row comes without country"),
        ("nulls(country) >= 0", "At least 0 rows come without country"),
        ("nulls(country) <= 1", "At most 1 row comes without country"),
        ("duplicates(year) < 1", "Less than 1 row repeats the year of an earlier row"),
        ("freshness_hours(day) <= 1", "The newest day is at most 1 hour old"),
        ("1 <= freshness_hours(day) <= 24", "The newest day is between 1 and 24 hours old"),
        ("0.4 <= positive_rate <= 0.6", "Between 40 % and 60 % of all cases are answered with yes"),
        ("0.4 < positive_rate <= 0.6", "More than 40 % and at most 60 % of all cases are answered with yes"),
        ("worst_group(recall, by=carrier) >= 0.25",
         "In the worst-served group of carrier: of all real cases, at least 25 % are found"),
        ("gap(recall, by=carrier) <= 0.1",
         "Between any two groups of carrier, recall differs by at most 10 percentage points"),
        ("gap(recall, by=(carrier, origin)) <= 0.1",
         "Between any two groups of carrier and origin, recall differs by at most 10 percentage points"),
        ("gap(mae, by=carrier) <= 3", "Between any two groups of carrier, mae differs by at most 3"),
        ('allowed(c, ["DE", "FR"]) == 1', 'Exactly 100 % of the values of c are "DE" or "FR"'),
        ("latency_p99_ms <= 5", "99 of 100 requests for one row take at most 5 milliseconds"),
        ("psy(amount) < 0.2", "Psy (amount) is less than 0.2"),  # of a measure that is not there
        ("recall(0.1, 0.2, 0.3) >= 1", "Recall (0.1, 0.2, 0.3) is at least 1"),  # asked what it cannot answer
        ("no promise at all", "no promise at all"),
    ],
)  # fmt: skip
def test_in_plain_words(promise, said):
    assert sentence(promise) == said


def _value(draw, kind):
    kinds = {str(one) for one in getattr(kind, "__args__", (kind,))}
    if any("Column" in one or "Other" in one for one in kinds):
        return Name(draw(COLUMNS))
    if any("Score" in one for one in kinds):
        return Name("recall")
    if any("tuple" in one for one in kinds):
        return ("one", "other")
    return "a+" if str in (kind, *getattr(kind, "__args__", ())) else draw(NUMBERS)


@st.composite
def promises(draw):
    """Any promise that fits one of our measures, with some of what may be left out."""
    measure = draw(st.sampled_from(OURS))
    args, kwargs = [], []
    for p in measure.parameters:
        if p.kind is inspect.Parameter.VAR_POSITIONAL:
            args += [Name(c) for c in draw(st.lists(COLUMNS, min_size=1, max_size=3))]
        elif p.default is inspect.Parameter.empty or draw(st.booleans()):
            kwargs.append((p.name, _value(draw, p.annotation)))
    bounds = tuple(draw(st.lists(st.builds(Bound, st.sampled_from([">=", "<=", "<", ">", "=="]), NUMBERS),
                                 min_size=1, max_size=2)))  # fmt: skip
    return Promise("", Call(measure.name, tuple(args), tuple(kwargs)), bounds, "")


def _all_asked(measure, number):
    """Every promise of this measure with this number wherever one belongs, whatever is left out."""
    given = [
        (p.name, _value(lambda kind: number if kind is NUMBERS else "carrier", p.annotation))
        for p in measure.parameters
        if p.kind is not inspect.Parameter.VAR_POSITIONAL
    ]
    args = tuple(Name("c") for p in measure.parameters if p.kind is inspect.Parameter.VAR_POSITIONAL)
    unit = 100 if re.search("{limit:(share|points|gap)}|{score:said}", measure.words) else 1  # it is said in percent
    for op in (">=", "<=", "<", ">", "=="):
        yield Promise("", Call(measure.name, args, tuple(given)), (Bound(op, number / unit),), "")
    low, high = Bound(">=", number / unit), Bound("<=", number / unit)
    yield Promise("", Call(measure.name, args, tuple(given)), (low, high), "")


MANY = r"\b(?:0|2|and 1) (?:percentage point|row|column|bin|hour|millisecond|megabyte)\b"
ONE = r"(?<!and )\b1 (?:percentage )?(?!is\b|gives\b)\w+s\b|(?<!and )\b1 \w+ (?:have|are|repeat)\b|\bare [a-z ]*1 [a-z]"


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("measure", OURS, ids=lambda m: m.name)
def test_of_one_thing_it_is_said_that_it_is_one(measure, number):
    for promise in _all_asked(measure, number):
        said = sentence(promise)
        assert not re.search(MANY, said), said
        assert not re.search(ONE, said), said


def test_a_plug_in_counts_what_it_likes(monkeypatch):
    measure = registry.data_measure(source="x", words="{limit:person need} help")(lambda: None)
    monkeypatch.setattr("arkwright.measures.words.measures", lambda: {"helped": measure})
    assert [sentence(parse(f"helped < {n}")) for n in (1, 2)] == [
        "Less than 1 person needs help",
        "Less than 2 persons need help",
    ]


def _names(value):
    if isinstance(value, Name):
        return [value.text]
    return [name for one in value for name in _names(one)] if isinstance(value, tuple) else []


@given(promises())
def test_no_number_and_no_name_is_lost(promise):
    said = sentence(promise)
    shown = {float(n.replace(",", "")) for n in re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?", said)}
    numbers = [b.limit for b in promise.bounds] + [v for _, v in promise.call.kwargs if isinstance(v, float)]
    for number in numbers:
        none = number == 0 and re.search(r"\bno\b", said, re.IGNORECASE)
        assert none or any(abs(number * unit - x) <= 1e-9 * abs(x) for unit in (1, 100) for x in shown), (number, said)
    for name in [*_names(promise.call.args), *(n for _, v in promise.call.kwargs for n in _names(v))]:
        assert name in said or (promise.call.name, name) in (
            ("worst_group", "recall"),
            ("estimated", "recall"),
        )  # which is said itself
    assert not re.search(r"[{}\[\]]", said)


@given(st.text(max_size=40), st.text(max_size=8), NUMBERS)
def test_whatever_can_be_parsed_has_a_sentence(loose, text, number):
    for promise in (loose, f"f({text!r}, g(1), [x, y], z=True) >= {number!r}", f"recall({text!r}) < {number!r}"):
        assert isinstance(sentence(promise), str)
    read = parse(f"matches(column, {text!r}) >= {number!r}")
    assert text in sentence(read)
    assert "column" in sentence(read)
