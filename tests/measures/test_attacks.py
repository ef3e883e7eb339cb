"""Callers who copy a model, or feed it what it never saw, beside honest ones of many kinds."""

import numpy as np
import pyarrow as pa
import pytest

from arkwright.core.errors import Invalid
from arkwright.core.promises import judge, parse
from arkwright.measures import binding
from arkwright.measures.callers import Caller, Callers
from arkwright.measures.registry import Scope
from arkwright.measures.window import Window
from arkwright.monitor.callers import SAMPLE, Tally
from arkwright.monitor.counting import reference

COLUMNS = ("amount", "distance", "hour", "country", "age")
QUIET, NORMAL = "extraction_like(at_least=200) == 0", "out_of_distribution <= 0.05"


def customers(n, seed, shift=0.0):
    """Rows as customers are: amounts and distances with long tails, an hour, a country, an age or none."""
    rng = np.random.default_rng(seed)
    age = rng.normal(45, 12, n).round(1)
    return {
        "amount": np.round(rng.lognormal(3 + shift, 1, n), 2),
        "distance": np.round(rng.gamma(2, 300, n), 1),
        "hour": rng.integers(0, 24, n),
        "country": rng.choice(["DE", "FR", "IT"], n, p=[0.6, 0.3, 0.1]),
        "age": pa.array(age, mask=rng.random(n) < 0.1),
    }


def spread(n, seed):
    """As Tramèr et al. 2016 ask: every value as likely as any other, in the ranges that the model takes."""
    rng, known = np.random.default_rng(seed), JUDGED
    rows = {name: rng.uniform(*_range(known[name]), n) for name in ("amount", "distance", "age")}
    return rows | {"hour": rng.integers(0, 24, n), "country": rng.choice(["DE", "FR", "IT"], n)}


def probes(n, seed):
    """A line search: one row, and in one column after the other what changes the answer."""
    rng, base = np.random.default_rng(seed), customers(n // 40, seed)
    rows = {name: np.repeat(np.asarray(column), 40) for name, column in base.items()}
    rows["age"] = np.nan_to_num(rows["age"].astype(float), nan=40.0)
    for row in range(len(rows["hour"])):
        name = ("amount", "distance", "age")[row // 10 % 3]
        rows[name][row] *= rng.uniform(0.5, 1.5)
    return rows


def grid(n, _seed):
    """Every combination of steps over the ranges."""
    steps = round(n ** (1 / 3))
    axes = [np.linspace(*_range(JUDGED[name]), steps) for name in ("amount", "distance", "age")]
    amount, distance, age = (axis.ravel() for axis in np.meshgrid(*axes))
    return {"amount": amount, "distance": distance, "age": age, "hour": np.full(len(age), 12),
            "country": np.full(len(age), "DE")}  # fmt: skip


def _range(column):
    values = np.asarray(pa.array(column).drop_null())
    return values.min(), values.max()


JUDGED = customers(5000, 0)
REFERENCE = reference(pa.table(JUDGED))


def window(**asked):
    tally = Tally(REFERENCE.columns, COLUMNS)
    for name, rows in asked.items():
        table = pa.table({column: rows[column] for column in COLUMNS})
        for start in range(0, len(table), 700):
            some = table.slice(start, 700)
            tally.add(some.append_column("caller", pa.array([name] * len(some))))
    return Window(reference=REFERENCE.columns, callers=tally.done())


def found(text, given):
    promise = parse(text)
    reading = binding.bind(promise.call, "endpoint", Scope(columns=COLUMNS))(given)
    return judge(promise, reading).word, reading


@pytest.mark.parametrize("attack", [spread, probes, grid])
def test_an_attack_among_honest_callers_is_seen(attack):
    given = window(ana=customers(3000, 1), ben=customers(400, 2), mallory=attack(1000, 3))
    word, reading = found(QUIET, given)
    assert (word, reading.value) == ("broken", 1), reading
    assert "mallory" not in reading.note  # who it is stands in the predictions, and not on record
    assert reading.note.endswith("3 of 3 callers with 200 rows or more")


def test_an_attack_after_an_honest_begin_is_seen():
    begin, rest = customers(3000, 4), spread(SAMPLE, 5)
    joined = {name: np.concatenate([np.asarray(begin[name]), rest[name]]) for name in COLUMNS}
    joined["age"] = joined["age"].astype(float)
    assert found(QUIET, window(eve=joined))[0] == "broken"


@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.5, 1.0])
def test_honest_callers_raise_few_alarms(shift):
    given = window(**{f"c{n}": customers(300, 100 + n, shift) for n in range(100)})
    assert found(QUIET, given)[1].value == 0


def test_honest_callers_of_one_country_or_one_hour_raise_none():
    night = customers(2000, 6) | {"hour": np.full(2000, 3), "country": np.full(2000, "IT")}
    assert found(QUIET, window(ana=night))[0] == "kept"


def test_the_same_row_again_and_again_is_no_probe():
    few = {name: pa.concat_arrays([pa.array(column)] * 100) for name, column in customers(5, 7).items()}
    word, reading = found(QUIET, window(ana=few))
    assert (word, reading.value) == ("unproven", None)
    assert "no caller asked for 200 different rows" in reading.note


def test_a_flood_of_what_the_model_never_saw():
    strange = customers(500, 8)
    strange["amount"] = strange["amount"] + np.where(np.arange(500) < 100, 1e6, 0)
    word, reading = found(NORMAL, window(ana=customers(3000, 9), eve=strange))
    assert (word, reading.value, reading.n) == ("broken", 0.2, 500)
    words = customers(500, 10) | {"country": np.where(np.arange(500) < 50, "XX", "DE")}
    assert found(NORMAL, window(eve=words))[1].value == pytest.approx(0.1, abs=0.005)


def test_honest_rows_are_outside_as_often_as_chance_says():
    given = window(ana=customers(20_000, 11))
    word, reading = found(NORMAL, given)
    assert word == "kept"
    assert reading.value < 2 * given.callers.by_chance < 0.005


@pytest.mark.parametrize(("callers", "rows"), [(3, 100), (20, 100), (400, 100), (20, 1000), (400, 30)])
def test_many_callers_just_at_the_limit_are_no_flood(callers, rows):
    """Of so many one is always the luckiest."""
    rng = np.random.default_rng(callers * rows)
    drawn = [Caller(rows=rows, outside=int(some)) for some in rng.binomial(rows, 0.05, 100 * callers)]
    windows = [Window(callers=Callers(callers=tuple(drawn[n::100]))) for n in range(100)]
    broken = sum(found("out_of_distribution(at_least=30) <= 0.05", one)[0] == "broken" for one in windows)
    assert broken <= 7  # of 100, as of a worst group


def test_a_flood_among_many_callers_is_seen_whoever_is_luckiest():
    few, many = Caller(rows=100, outside=13), Caller(rows=10_000, outside=1000)
    honest = (Caller(rows=100, outside=3),) * 300
    word, reading = found(NORMAL, Window(callers=Callers(callers=(*honest, few, many))))
    assert (word, reading.value, reading.n) == ("broken", 0.13, 100)
    assert 0.085 < reading.low < 0.1  # which the one of many rows shows
    assert found(NORMAL, Window(callers=Callers(callers=(*honest, few))))[0] == "unproven"


def test_one_column_is_not_enough_to_be_spread_evenly():
    """An airline with a flight every hour of the day; its distances are those of all others."""
    names = ("distance", "hour")
    rng = np.random.default_rng(20)
    usual = {"distance": rng.gamma(2, 300, 6000), "hour": rng.normal(14, 3, 6000)}
    before = reference(pa.table(usual)).columns
    tally = Tally(before, names)
    night = {"distance": rng.gamma(2, 300, 500), "hour": rng.uniform(2, 24, 500)}
    tally.add(pa.table(night).append_column("caller", pa.array(["XX"] * 500)))
    given = Window(reference=before, callers=tally.done())
    assert found(QUIET, given)[1].value == 0


def test_few_columns_are_alike_by_chance_and_no_probe():
    """Of rows of a country, an age in years and an amount many are alike but for the amount."""
    made = customers(5000, 21)
    names, years = ("amount", "age", "country"), np.random.default_rng(22).gamma(4, 10, 6000).astype(int)
    judged = {name: made[name] for name in names} | {"age": years[:5000]}
    before = reference(pa.table(judged)).columns
    tally = Tally(before, names)
    honest = {name: made[name][:1000] for name in names} | {"age": years[5000:]}
    tally.add(pa.table(honest).append_column("caller", pa.array(["ana"] * 1000)))
    assert found(QUIET, Window(reference=before, callers=tally.done()))[1].value == 0


def test_nobody_or_too_few():
    for text in (QUIET, NORMAL):
        assert found(text, window())[0] == "unproven"
        assert found(text, window(ana=customers(50, 1)))[0] == "unproven"
        assert found(text, Window())[0] == "unproven"
    with pytest.raises(Invalid, match="at_least=0 is a number of rows"):
        found("extraction_like(at_least=0) == 0", Window())
