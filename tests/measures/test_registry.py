"""The door: which sentences are understood, what is refused, and what a measure may do wrong."""

import inspect
import math
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import ArkwrightError, Invalid, Unknown
from arkwright.core.promises import Call, Name, Reading, parse
from arkwright.measures import registry, words
from arkwright.measures.aggregates import Rows
from arkwright.measures.binding import bind
from arkwright.measures.evaluation import Evaluation, Undefined
from arkwright.measures.registry import Column, Plan, Scope, Score, data_measure, measures, model_measure

DATA = Scope(("id", "price", "my column"), key=("id",), others=("planes.tailnum", "planes.year"))
MODEL = Scope(("carrier", "origin"))
EVALUATION = Evaluation(
    task="classification", truth=np.array([0, 1] * 100), label=np.array([0, 1, 1, 1] * 50),
    score=np.array([0.1, 0.9, 0.6, 0.7] * 50),
    groups={"carrier": np.repeat(["a", "b"], 100), "origin": np.repeat("x", 200)},
)  # fmt: skip


def call(text):
    return parse(f"{text} >= 0").call


def of_model(text, task="classification"):
    return bind(call(text), "model", MODEL, task)


# --- understood


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("accuracy", 0.75),
        ("accuracy()", 0.75),
        ("recall(threshold=0.8)", 0.5),
        ("recall(None_=1)", Invalid),
        ("worst_group(recall, carrier)", 1.0),
        ("worst_group(recall, by=carrier)", 1.0),
        ("worst_group(score=recall, by='carrier', at_least=100)", 1.0),
        ("worst_group(recall(threshold=0.8), by=carrier)", 0.5),
        ("gap(worst_group(recall, by=carrier), by=carrier)", 0.0),
        ("worst_group(recall, by=(carrier, origin))", 1.0),
        ("worst_group(recall, by=['carrier'])", 1.0),
        ("positive_rate", 0.75),
    ],
)
def test_a_sentence_about_a_model(text, value):
    if value is Invalid:
        with pytest.raises(Invalid, match="no argument"):
            of_model(text)
    else:
        assert of_model(text)(EVALUATION).value == value


def test_a_sentence_about_data():
    assert bind(call("rows"), "data", DATA)().needs == (Rows(),)
    assert bind(call("missing('my column')"), "data", DATA)().needs[1].column == "my column"
    assert bind(call("duplicates(key)"), "data", DATA)().needs[1].columns == ("id",)
    assert bind(call("references(id, planes.tailnum)"), "data", DATA)().needs[2].other == "planes.tailnum"


def test_a_column_called_key_is_a_column():
    scope = Scope(("key",), key=("id",))
    assert bind(call("duplicates(key)"), "data", scope)().needs[1].columns == ("key",)


# --- refused


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("recal", Unknown, "no measure is called 'recal'; did you mean \"recall\""),
        ("__import__('os')", Unknown, "no measure is called '__import__'"),
        ("missing(x)", Invalid, "missing measures a dataset, not a model"),
        ("mae", Invalid, "mae is for regression; this model does classification"),
        ("recall(at_precison=0.5)", Invalid, "no argument 'at_precison'; did you mean \"at_precision\""),
        ("recall(0.5, 0.5, 0.5)", Invalid, r"recall\(at_precision, threshold\): too many positional"),
        ("recall(0.5, at_precision=0.5)", Invalid, "multiple values"),
        ("worst_group(recall)", Invalid, "missing a required argument: 'by'"),
        ("worst_group(recall, by=carier)", Unknown, "there is no column 'carier'; did you mean \"carrier\""),
        ("worst_group(recall, by=1)", Unknown, "there is no column 1"),
        ("worst_group(recall, by=(carrier, orgin))", Unknown, "there is no column 'orgin'; did you mean \"origin\""),
        ("worst_group(recall, by=(carrier, carrier))", Invalid, "by names columns, each once, such as by="),
        ("worst_group(recall, by=())", Invalid, "by names columns, each once"),
        ("worst_group(recal, by=carrier)", Unknown, "did you mean"),
        ("worst_group(missing(x), by=carrier)", Invalid, "measures a dataset"),
        ("worst_group(0.5, by=carrier)", Invalid, "asks for another measure as score"),
        ("worst_group(mae, by=carrier)", Invalid, "mae is for regression"),
        ("worst_group(recall(at_precison=1), by=carrier)", Invalid, "did you mean"),
        ("worst_group(recall, by=carrier, at_least=0.5)", Invalid, "at_least = 0.5 is of the wrong kind"),
        ("worst_group(recall, by=carrier, at_least=True)", Invalid, "wrong kind"),
        ("recall(threshold=True)", Invalid, "wrong kind"),
        ("recall(threshold='a')", Invalid, "wrong kind"),
        ("recall(threshold=carrier)", Invalid, "must be a plain value"),
        ("recall(threshold=f1)", Invalid, "must be a plain value"),
        ("recall(threshold=f1())", Invalid, "must be a plain value"),
        ("recall(threshold=[1])", Invalid, "wrong kind"),
        # wrong arguments are found before there is a row
        ("recall(at_precision=1.5)", Invalid, "at_precision is a share"),
        ("recall(at_precision=0.5, threshold=0.5)", Invalid, "not both"),
        ("worst_group(recall(at_precision=-1), by=carrier)", Invalid, "at_precision is a share"),
        ("worst_group(positive_rate, by=carrier)", Invalid, "no worse side"),
        ("worst_group(recall, by=carrier, at_least=-1)", Invalid, "at least 1 row"),
        ("top_k_accuracy(k=0)", Invalid, "at least 1"),
        ("agreement(tolerance=2)", Invalid, "tolerance is a share"),
    ],
)
def test_a_sentence_about_a_model_that_is_refused(text, error, match):
    with pytest.raises(error, match=match) as refused:
        of_model(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("accuracy", Invalid, "accuracy measures a model, not a data"),
        ("missing(prise)", Unknown, 'did you mean "price"'),
        ("duplicates(key, prise)", Unknown, "prise"),
        ("references(id, planes.tailnumb)", Unknown, 'did you mean "planes.tailnum"'),
        ("references(id, tailnum)", Unknown, "there is no 'tailnum'"),
        ("allowed(id, [a])", Invalid, 'write text in quotes, "a"'),
        ("quantile(price, q=2)", Invalid, "between 0 and 1"),
    ],
)
def test_a_sentence_about_data_that_is_refused(text, error, match):
    with pytest.raises(error, match=match):
        bind(call(text), "data", DATA)


def test_no_key():
    with pytest.raises(Invalid, match="needs the dataset's key"):
        bind(call("duplicates(key)"), "data", Scope(("id",)))


_words = st.sampled_from(["recall", "worst_group", "gap", "carrier", "accuracy", "top_k_accuracy", "agreement", "rows"])
_plain = st.one_of(st.integers(-5, 5), st.floats(allow_nan=False), st.booleans(), st.text(max_size=3), _words.map(Name))
_anything = st.recursive(
    _plain,
    lambda inner: st.one_of(
        st.tuples(inner),
        st.builds(Call, _words, st.lists(inner, max_size=3).map(tuple), st.just(())),
        st.builds(
            Call, _words, st.just(()), st.dictionaries(_words, inner, max_size=2).map(lambda d: tuple(d.items()))
        ),
    ),
    max_leaves=6,
)
_keywords = st.dictionaries(
    st.sampled_from(["by", "score", "at_least", "threshold", "at_precision", "k", "tolerance"]), _anything, max_size=3
)


@given(_words, st.lists(_anything, max_size=3), _keywords)
def test_any_call_is_bound_or_refused(name, args, kwargs):
    try:
        bound = bind(Call(name, tuple(args), tuple(kwargs.items())), "model", MODEL, "classification")
    except ArkwrightError:
        return
    assert isinstance(bound(EVALUATION), Reading)


# --- what a measure may do wrong


@pytest.fixture
def plugged(monkeypatch):
    """Measures of a plug-in beside ours."""
    known = dict(measures())
    monkeypatch.setattr(registry, "measures", lambda: known)
    return lambda measure: known.update({measure.name: measure})


def test_a_plug_ins_measure_comes_through_the_same_door(plugged):
    @model_measure(source="ours")
    def weighted(evaluation: Evaluation, score: Score, by: Column | None = None, weight: float | None = 2) -> Reading:
        return Reading((score(evaluation).value or 0.0) * weight, note=by or "")

    plugged(weighted)
    assert of_model("weighted(accuracy)")(EVALUATION) == Reading(1.5)
    assert of_model("weighted(accuracy, by=carrier, weight=3)")(EVALUATION) == Reading(2.25, note="carrier")
    with pytest.raises(Unknown, match="there is no column 'x'"):
        of_model("weighted(accuracy, by=x)")


def test_an_argument_without_an_annotation_takes_any_plain_value(plugged):
    plugged(model_measure(source="ours", name="plain")(lambda _, x=1: Reading(float(x))))
    assert of_model("plain(x=2)")(EVALUATION).value == 2
    with pytest.raises(Invalid, match="plain value"):
        of_model("plain(x=carrier)")


def test_what_is_undefined_is_a_reading(plugged):
    @model_measure(source="ours")
    def picky(evaluation: Evaluation) -> Reading:
        raise Undefined("there is nothing to see")

    plugged(picky)
    assert of_model("picky")(EVALUATION) == Reading(None, n=200, note="there is nothing to see")


@pytest.mark.parametrize("numbers", [(math.nan,), (math.inf,), (0.5, math.nan, 0.6), (0.5, 0.4, -math.inf)])
def test_what_is_no_number_is_a_reading_without_a_value(plugged, numbers):
    plugged(model_measure(source="ours", name="wild")(lambda _: Reading(*numbers, n=3)))
    assert of_model("wild")(EVALUATION) == Reading(None, n=3, note="wild is too large for a number")


def test_numbers_are_pythons(plugged):
    plugged(model_measure(source="ours", name="numpys")(lambda _: Reading(np.float32(0.5), np.int64(0), np.float64(1))))
    reading = of_model("numpys")(EVALUATION)
    assert [type(x) for x in (reading.value, reading.low, reading.high)] == [float] * 3


def test_a_measure_that_crashes_on_no_rows_is_told_with_its_line(plugged):
    @model_measure(source="ours")
    def crashing(evaluation: Evaluation) -> Reading:
        return Reading(1 / len(evaluation.truth))

    plugged(crashing)
    with pytest.raises(Invalid, match=r"ZeroDivisionError"):
        of_model("crashing")


def test_a_task_is_asked_for_when_measuring_too():
    reading = measures()["mae"](EVALUATION)
    assert (reading.value, reading.note) == (None, "mae is for regression; this model does classification")


class Entry:
    """A plug-in's entry point, as an environment has it."""

    name, value = "theirs", "theirs.module"

    def __init__(self, load) -> None:
        self.load = load


OURS = EntryPoint("score", "arkwright.measures.score", "arkwright.measures")


@pytest.fixture
def there(monkeypatch):
    """These plug-ins are in the environment, and no others."""

    def have(*entries):
        monkeypatch.setattr(registry, "entry_points", lambda **_: list(entries))
        registry.plug_ins.cache_clear()
        words.sentence.cache_clear()

    yield have
    registry.plug_ins.cache_clear()
    words.sentence.cache_clear()


def test_two_plug_ins_with_one_name(there):
    class Other:
        recall = model_measure(source="theirs", name="recall")(lambda _: Reading(1.0))

    there(OURS, Entry(lambda: Other))
    assert "recall" not in measures()
    assert "roc_auc" in measures()
    with pytest.raises(Unknown, match=r"two plug-ins define the measure 'recall'; the second is theirs\.module"):
        of_model("recall")
    there(OURS, OURS)
    assert "recall" in measures()


def test_a_plug_in_that_cannot_be_loaded_stops_no_other_and_is_named(there):
    def broken():
        raise ModuleNotFoundError("No module named 'gone'")

    there(OURS, Entry(broken))
    assert "recall" in measures()
    why = "the plug-in theirs .theirs.module. cannot be loaded: ModuleNotFoundError: No module named 'gone'"
    with pytest.raises(Unknown, match=f"no measure is called 'cost'.*; {why}"):
        of_model("cost")
    assert words.sentence("cost <= 3") == "Cost is at most 3"
    assert words.sentence("recall >= 0.5") == "Of all real cases, at least 50 % are found"


# --- every measure we list


@pytest.mark.parametrize("measure", measures().values(), ids=lambda measure: measure.name)
def test_every_measure_says_what_it_is(measure):
    assert measure.summary.endswith((".", ":"))
    assert measure.source
    assert measure.stage in ("data", "model", "endpoint", "release", "live")
    assert measure.name.isidentifier()
    for parameter in measure.parameters:
        assert parameter.annotation is not inspect.Parameter.empty
    first = {"model": "evaluation", "endpoint": "window", "release": "shipped", "live": "shipped"}.get(measure.stage)
    assert first is None or next(iter(inspect.signature(measure.function).parameters)) == first


def test_a_data_measure_is_a_plan():
    @data_measure(source="ours", name="count")
    def _count() -> Plan:
        """How many."""
        return Plan((Rows(),), Reading)

    assert (_count.name, _count.stage, _count.summary) == ("count", "data", "How many.")
    assert _count().finish(3) == Reading(3)


def test_groups_of_several_columns_that_nothing_is_counted_for_are_refused_in_words():
    with pytest.raises(
        Invalid, match="estimated: by is one column, and not several at once; promise it of each of them"
    ):
        bind(call("estimated(recall, by=(carrier, origin))"), "endpoint", MODEL)
