"""Conditions: what they mean, against a slow reading of the same tree, and what is refused before there is a row."""

import ast
import contextlib
import math
import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column
from arkwright.core.safeguards.book import check_answer, check_condition, check_order, compiled
from arkwright.core.safeguards.words import Rule, Scope, Seen, scope_of

COLUMNS = (
    Column(name="distance", type="float", nullable=True),
    Column(name="hour", type="int", nullable=True),
    Column(name="carrier", type="str", nullable=True),
    Column(name="color", type="str", allowed=("red", "green")),
    Column(name="vip", type="bool", nullable=True),
    Column(name="day", type="date", nullable=True),
    Column(name="at", type="datetime", nullable=True),
    Column(name="blob", type="bytes", nullable=True),
    Column(name="class", type="int"),
    Column(name="confidence", type="float"),
)
SCOPE = scope_of(COLUMNS, "late", "classification", ("no", "yes"))
ROW = {column.name: None for column in COLUMNS}


def fires(when, row=None, prediction="no", probabilities=None, seen=None):
    book = compiled([Rule(name="r", when=when, answer="review")], SCOPE, seen)
    return book.first(ROW | (row or {}), prediction, probabilities or {"no": 0.7, "yes": 0.3}) == 0


@pytest.mark.parametrize(
    ("when", "row"),
    [
        ("distance > 5000", {"distance": 5001.0}),
        ("5000 < distance", {"distance": 5001.0}),
        ("1 <= distance < 5", {"distance": 1}),
        ("distance * 2 + 1 > 10 - hour", {"distance": 4.6, "hour": 0}),
        ("distance % 2 == 1", {"distance": 5}),
        ("-distance < -3", {"distance": 4}),
        ("carrier in ('AA', 'DL')", {"carrier": "DL"}),
        ("carrier not in ['AA']", {"carrier": "DL"}),
        ("lower(carrier) == 'aa' and len(carrier) == 2", {"carrier": "Aa"}),
        ("abs(distance) == 3 and max(distance, hour) == 4 and min(hour, 9, distance) == -3",
         {"distance": -3.0, "hour": 4}),
        ("vip", {"vip": True}),
        ("not vip", {"vip": False}),
        ("vip == true", {"vip": True}),
        ("vip != True", {"vip": False}),
        ("missing(hour) and missing(hour, vip)", {"vip": False}),
        ("not missing(vip)", {"vip": False}),
        ("day > '2024-02-29'", {"day": date(2024, 3, 1)}),
        ("day in ('2024-02-29', '2024-03-01')", {"day": date(2024, 3, 1)}),
        ("at >= '2024-01-01T12:00+02:00'", {"at": datetime(2024, 1, 1, 10, tzinfo=UTC)}),
        ("at == '2024-01-01T10:00'", {"at": datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))}),
        ("at == '2024-01-01T10:00'", {"at": datetime(2024, 1, 1, 10)}),  # noqa: DTZ001
        ("column('class') == 3", {"class": 3}),
        ("column('confidence') > 1", {"confidence": 2.0}),
        ("prediction == 'no' and probability('yes') < 0.5", {}),
        ("distance > 1 or hour > 1", {"hour": 2}),
        ("true", {}),
    ],
)  # fmt: skip
def test_what_fires(when, row):
    assert fires(when, row)


@pytest.mark.parametrize(
    "when",
    [
        "distance > 1", "not distance > 1", "distance != 1", "carrier not in ('AA', 'DL')", "not vip", "vip != true",
        "distance + 1 > 0", "abs(distance) >= 0", "day < '2100-01-01'", "at < '2100-01-01'",
        "distance > 1 and hour > 1",
        "not (distance > 1 or hour > 1)", "outside(distance)",
    ],
)  # fmt: skip
def test_a_comparison_with_what_is_missing_never_fires(when):
    assert not fires(when, seen=Seen(ranges={"distance": (0, 1)}))


@pytest.mark.parametrize(
    "when", ["hour / 0 > 1", "hour % 0 == 0", "distance * 1e308 * 1e308 > 0", "hour / (hour - 2) < 9"]
)
def test_a_number_that_cannot_be_said_is_missing(when):
    assert not fires(when, {"hour": 2, "distance": 5.0})
    assert not fires(f"not ({when})", {"hour": 2, "distance": 5.0})


def test_integers_that_grow_without_end_are_missing_and_cost_nothing():
    assert not fires(f"{'*'.join(['hour'] * 35)} > 1", {"hour": 2**62})


def test_what_was_seen_decides():
    seen = Seen(
        categories={"carrier": ("AA", None), "hour": (1, 2)},
        ranges={"distance": (0.5, 10), "day": ("2024-01-01", "2024-12-31"), "distance within 0.98": (1, 9)},
    )
    assert not fires("unseen(carrier)", {"carrier": "AA"}, seen=seen)
    assert not fires("unseen(carrier)", {"carrier": None}, seen=seen)  # one was missing in training, too
    assert fires("unseen(carrier, hour)", {"carrier": "AA", "hour": None}, seen=seen)
    assert fires("unseen(carrier)", {"carrier": "ZZ"}, seen=seen)
    assert [fires("outside(distance)", {"distance": d}, seen=seen) for d in (0.4, 0.5, 10, 10.1, None)] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert fires("outside(distance, within=0.98)", {"distance": 9.5}, seen=seen)
    assert fires("outside(day, distance)", {"day": date(2025, 1, 1)}, seen=seen)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("distanse > 5", "no column is called 'distanse'; did you mean \"distance\"?"),
        ("late == 1", "'late' is what the model predicts, which no row holds; write prediction"),
        ("column('late') == 1", "'late' is what the model predicts"),
        ("distance > 'far'", "'distance' is a number and \"'far'\" is a text; they cannot be compared"),
        ("carrier == 3", "they cannot be compared"),
        ("vip == 1", "they cannot be compared"),
        ("vip > true", "which has no order; use =="),
        ("blob == blob", "which has no order; ask missing(…)"),
        ("distance == None", "nothing equals None; write missing(column)"),
        ("distance is None", "compare with ==, !=, <, <=, > or >="),
        ("distance", "'distance' is a number, not a condition"),
        ("distance and vip", "'distance' is a number, and must be a condition: compare it with something"),
        ("carrier + 1 > 2", "'carrier' is a text, and must be a number"),
        ("1 < 2", "speaks of no column"),
        ("carrier in 'AA'", "write what it may be as a list"),
        ("carrier in ()", "write what it may be as a list"),
        ("carrier in (origin,)", "no column is called 'origin'"),
        ("carrier in (carrier,)", "a list holds numbers and texts"),
        ("color == 'redd'", "'color' is never 'redd'; did you mean \"red\"?"),
        ("color in ('red', 'blue')", "'color' is never 'blue'; there is green, red"),
        ("prediction == 'yess'", "'prediction' is never 'yess'; did you mean \"yes\"?"),
        ("probability('yess') > 1", "no class is called 'yess'; did you mean \"yes\"?"),
        ("probability(distance) > 1", "write it like probability('late')"),
        ("confidence < 0.5", "'confidence' is a word of rules and a column; write column('confidence')"),
        ("day > '2024-02-30'", "'2024-02-30' is no date; write it like '2024-01-31'"),
        ("at > 'noon'", "'noon' is no datetime; write it like '2024-01-31T12:00'"),
        ("misssing(hour)", "there is no function 'misssing'; did you mean \"missing\"?"),
        ("missing", "missing is a function; write missing(…)"),
        ("missing()", "needs a column"),
        ("missing(hour + 1)", "is asked about columns"),
        ("missing(x=hour)", "takes nothing by name"),
        ("missing(**hour)", "takes nothing by name"),
        ("abs() > 1", "abs takes 1 of them"),
        ("unseen(distance)", "distance is a number; ask outside(distance)"),
        ("outside(carrier)", "carrier is a text, which has no range; ask unseen(carrier)"),
        ("outside(hour, within=2)", "a share of the rows like within=0.98"),
        ("hour > 9223372036854775808", "does not fit in 64 bits"),
        (f"hour > {'9' * 900}", "does not fit in 64 bits"),
        ("distance > 1e999", "is larger than any number"),
        ("-true > 1", "'true' is a condition, and must be a number"),
        ("-True > 1", "is no number and no text"),
        ("hour > 1j", "is no number and no text"),
        ("distance >", "cannot read 'distance >'"),
        ("", "cannot read ''"),
        ("distance > 1; hour", "cannot read"),
        ("hour ** hour > 1", "is nothing that a condition may hold"),
        ("hour // 2 > 1", "is nothing that a condition may hold"),
        ("hour << 60 > 1", "is nothing that a condition may hold"),
        ("carrier.upper() == 'A'", "is nothing that a condition may hold"),
        ("carrier[0] == 'A'", "is nothing that a condition may hold"),
        ("__import__('os')", "there is no function '__import__'"),
        ("(lambda: 1)() > 1", "is nothing that a condition may hold"),
        ("[h for h in (1,)] == 1", "is nothing that a condition may hold"),
        ("f'{carrier}' == 'A'", "is nothing that a condition may hold"),
        ("(hour := 3) > 1", "is nothing that a condition may hold"),
        ("1 if vip else 0", "is nothing that a condition may hold"),
        ("a" * 1001, "at most 1000 characters"),
        ("(" * 300 + "vip" + ")" * 300, "cannot read"),
        ("not " * 60 + "vip", "is nested too deeply"),
        ("-" * 900 + "1 < hour", "c"),
        ("vip\0", "cannot read"),
    ],
)  # fmt: skip
def test_what_is_refused(when, message):
    with pytest.raises(Invalid, match=re.escape(message)) as caught:
        check_condition(when, SCOPE)
    assert len(str(caught.value)) < 500


def test_a_regression_has_no_confidence():
    scope = scope_of(COLUMNS[:3], "late", "regression")
    check_condition("prediction > 3 and distance < 1", scope)
    for when in ("confidence < 0.5", "probability('a') < 0.5"):
        with pytest.raises(Invalid, match="only a classification has one; a regression answers a number"):
            check_condition(when, scope)


def test_a_class_that_only_the_data_can_tell_is_let_through():
    scope = scope_of((*COLUMNS[:3], Column(name="late", type="int")), "late", "classification")
    check_condition("prediction == 3 or probability(4) > 0.1", scope)
    with pytest.raises(Invalid, match="cannot be compared"):
        check_condition("prediction == 'yes'", scope)
    unknown = scope_of(COLUMNS[:3], "late", "classification")
    check_condition("prediction == 'yes' or prediction", unknown)


# --- answers and order


@pytest.mark.parametrize(
    ("answer", "classes", "message"),
    [
        ("yess", ("no", "yes"), "the answer 'yess' is no class; did you mean \"yes\"?"),
        ("revew", ("no", "yes"), "the answer 'revew' is no class; did you mean \"review\"?"),
        ("1", (0, 1), "the answer '1' is a text, and the classes are numbers"),
        (True, (0, 1), "the answer 'true' is no class; there is 0, 1, review"),
        (1, (False, True), "no class"),
        (1.0, (0, 1), "no class"),
        ("review", ("review", "ok"), "the model has a class called 'review'"),
    ],
)
def test_an_answer_that_the_model_never_gives(answer, classes, message):
    with pytest.raises(Invalid, match=re.escape(message)):
        check_answer(answer, scope_of(COLUMNS, "late", "classification", classes))


@pytest.mark.parametrize("answer", ["far", True, math.nan, math.inf])
def test_a_regression_answers_a_number(answer):
    with pytest.raises(Invalid, match="is no number"):
        check_answer(answer, scope_of(COLUMNS, "late", "regression"))


def order(*rules):
    return check_order([Rule(name=name, when=when, answer="review") for name, when in rules])


def test_rules_that_can_never_fire_are_told():
    assert order(("a", "hour > 1"), ("b", "hour>1")) == [(1, "b is never reached: a has the same condition")]
    assert order(("a", "hour > 1"), ("a", "hour > 2")) == [
        (1, "two safeguards are called 'a'; each answer names its rule")
    ]
    assert order(("all", "true"), ("b", "hour > 1")) == [(1, "b is never reached: all answers every row")]
    assert order(("c", "confidence < 1"), ("all", "true")) == [(0, "c is never reached: all answers every row")]
    assert order(("a", "hour > 1"), ("b", "hour >")) == []
    many = order(*((f"r{i}", f"hour > {i}") for i in range(1001)))
    assert many == [(1000, "there are 1001 rules; at most 1000 are allowed")]


def test_rules_about_the_row_are_judged_first():
    rules = [
        Rule(name="unsure", when="probability('no') < 0.9", answer="review"),
        Rule(name="far", when="distance > 1", answer="yes"),
    ]
    book = compiled(rules, SCOPE)
    said = {"no": 0.7, "yes": 0.3}
    assert [book.first(ROW | {"distance": d}, "no", said) for d in (2.0, 0.0)] == [1, 0]
    assert book.before.first([2.0]) == 1
    assert book.before.slots != book.after.slots


def test_the_first_of_the_rules_that_is_wrong_is_named():
    with pytest.raises(Invalid, match="the safeguard b: no column is called 'x'"):
        compiled([Rule(name="a", when="vip", answer="no"), Rule(name="b", when="x > 1", answer="no")], SCOPE)


# --- against a slow reading


NUMBERS = st.one_of(
    st.sampled_from(["distance", "hour", "prediction", "confidence", "probability(2)", "len(carrier)"]),
    st.integers(-5, 5).map(str),
    st.floats(-5, 5).map(lambda x: repr(round(x, 1))),
)
PLAIN = scope_of(COLUMNS[:5], "late", "classification", (1, 2))


def larger(parts):
    return st.one_of(
        st.tuples(parts, st.sampled_from("+-*/%"), parts).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        parts.map(lambda p: f"abs({p})"),
        parts.map(lambda p: f"(-{p})"),
        st.tuples(st.sampled_from(["min", "max"]), parts, parts).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
    )


TERMS = st.recursive(NUMBERS, larger, max_leaves=5)
OPS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
SIMPLE = st.one_of(
    st.tuples(TERMS, OPS, TERMS).map(lambda p: f"{p[0]} {p[1]} {p[2]}"),
    st.tuples(TERMS, OPS, TERMS, OPS, TERMS).map(" ".join),
    st.tuples(TERMS, st.sampled_from(["in", "not in"]), st.lists(st.integers(-3, 3), min_size=1, max_size=3)).map(
        lambda p: f"{p[0]} {p[1]} {p[2]}"
    ),
    st.sampled_from(
        ["vip", "vip == false", "missing(hour)", "missing(vip, carrier)", "carrier < 'm'", "carrier != 'a'"]
    ),
    st.sampled_from(["lower(carrier) == 'a'", "color == 'red'", "'b' >= carrier", "true", "false"]),
)
CONDITIONS = st.recursive(
    SIMPLE,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from(["and", "or"]), parts).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        st.tuples(parts, parts, parts).map(lambda p: f"({p[0]}) and ({p[1]}) and ({p[2]})"),
        parts.map(lambda p: f"not ({p})"),
    ),
    max_leaves=4,
)
ROWS = st.fixed_dictionaries(
    {
        "distance": st.none() | st.floats(-5, 5) | st.floats(allow_nan=False, allow_infinity=False),
        "hour": st.none() | st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1),
        "carrier": st.none() | st.sampled_from(["", "a", "A", "z", "é"]),
        "color": st.sampled_from(["red", "green"]),
        "vip": st.none() | st.booleans(),
        "prediction": st.sampled_from([1, 2]),
        "share": st.floats(0, 1),
    }
)


def slow(node, row):  # noqa: C901
    """The same condition by the book: SQL's logic of three values, one node at a time."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id="true" | "false" as word):
            return word == "true"
        case ast.Name(id="confidence"):
            return max(row["share"], 1 - row["share"])
        case ast.Name(id=word):
            return row[word]
        case ast.Call(func=ast.Name(id="missing"), args=args):
            return any(row[arg.id] is None for arg in args)
        case ast.Call(func=ast.Name(id="probability")):
            return row["share"]
        case ast.Call(func=ast.Name(id=word), args=args):
            given = [slow(arg, row) for arg in args]
            table = {"abs": abs, "min": min, "max": max, "len": len, "lower": str.lower}
            return None if any(v is None for v in given) else table[word](*given)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            value = slow(inner, row)
            return None if value is None else not value
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            value = slow(inner, row)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right):
            one, other = slow(left, row), slow(right, row)
            if one is None or other is None:
                return None
            try:
                done = eval(f"a {symbol(op)} b", {}, {"a": one, "b": other})
            except (ZeroDivisionError, OverflowError):
                return None
            return done if abs(done) < 10**300 or (isinstance(done, float) and math.isfinite(done)) else None
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [slow(left, row), *(slow(item, row) for item in others)]
            said = [pair(op, a, b) for a, op, b in zip(values, ops, values[1:], strict=False)]
            return False if False in said else None if None in said else True
        case ast.List(elts=items):
            return [slow(item, row) for item in items]
        case ast.BoolOp(op=op, values=parts):
            said, ends = [slow(part, row) for part in parts], isinstance(op, ast.Or)
            return ends if any(one is ends for one in said) else None if None in said else not ends
    raise AssertionError(ast.dump(node))


def symbol(op):
    return {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%"}[type(op)]


def pair(op, a, b):
    if a is None or b is None:
        return None
    names = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
    names |= {ast.In: "in", ast.NotIn: "not in"}
    return eval(f"a {names[type(op)]} b", {}, {"a": a, "b": b})


def attempt(when):
    """The compiled rule, or why it is refused."""
    try:
        return compiled([Rule(name="r", when=when, answer="review")], PLAIN)
    except Invalid as error:
        return str(error)


@settings(max_examples=400)
@given(CONDITIONS, ROWS)
def test_compiled_conditions_mean_what_the_slow_reading_says(when, row):
    book = attempt(when)
    if isinstance(book, str):
        assert re.search("speaks of no column|at most 1000|too deeply|is never", book)
        return
    wanted = slow(ast.parse(when, mode="eval").body, row) is True
    said = {"1": 1 - row["share"], "2": row["share"]}
    assert (book.first(row, row["prediction"], said) == 0) is wanted


@settings(max_examples=300)
@given(st.text(max_size=60) | st.text(alphabet="()[]'\"<>=!+-*/%,.andotri 0189ehmsun\\\n", max_size=200))
def test_any_text_is_a_condition_or_refused(text):
    with contextlib.suppress(Invalid):
        check_condition(text, SCOPE)


def test_a_scope_without_the_data_knows_little():
    assert scope_of((), "y", "classification") == Scope(columns={}, target="y", task="classification")
    assert scope_of([Column(name="y", type="bool")], "y", "classification").classes == (False, True)
