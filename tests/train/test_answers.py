import numpy as np
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from arkwright.core.errors import Invalid
from arkwright.core.frames import to_frame, to_series
from arkwright.train.answers import answers, classes_of, codes_of, groups_of

KINDS = ("polars", "pandas", "arrow")
RNG = np.random.default_rng(0)
INPUTS = pa.table({"a": RNG.normal(size=300), "b": RNG.normal(size=300)})
SCORE = INPUTS.column("a").to_numpy() + 0.3 * RNG.normal(size=300)


def target(words, kind=None):
    """One class per part of the score's range, in the order of `words`."""
    part = np.searchsorted(np.quantile(SCORE, np.linspace(0, 1, len(words) + 1)[1:-1]), SCORE)
    return pa.chunked_array([pa.array([words[p] for p in part], kind)])


def fitted(estimator, labels, kind="pandas"):
    return estimator.fit(to_frame(INPUTS, kind), np.asarray(to_series(labels, "pandas", "y")))


CLASSIFIERS = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "forest": lambda: RandomForestClassifier(20, random_state=0),
    "lightgbm": lambda: LGBMClassifier(n_estimators=20, verbose=-1),
}


@pytest.mark.parametrize("make", CLASSIFIERS.values(), ids=CLASSIFIERS)
@pytest.mark.parametrize(
    ("words", "classes"),
    [
        ([False, True], (False, True)),
        ([True, False], (False, True)),
        ([5, -2], (-2, 5)),
        (["no", "yes"], ("no", "yes")),
        (["yes", "no"], ("no", "yes")),
        ([30, 10, 20], (10, 20, 30)),
        (["é", "b", "a", "B"], ("B", "a", "b", "é")),
    ],
)
def test_codes_and_probabilities_are_in_the_order_of_the_classes(make, words, classes):
    labels = target(words)
    assert classes_of(labels) == classes
    assert [type(value) for value in classes_of(labels)] == [type(value) for value in classes]
    truth = codes_of(labels, "classification", classes)
    assert [classes[code] for code in truth] == labels.to_pylist()
    estimator = fitted(make(), labels)
    label, score = answers(estimator, INPUTS, kind="pandas", task="classification", classes=classes)
    assert label.dtype == np.int64
    assert (label == truth).mean() > 0.6
    if len(classes) == 2:
        assert score.shape == (300,)
        assert ((score > 0.5) == (label == 1)).all()
    else:
        assert score.shape == (300, len(classes))
        assert (score.argmax(axis=1) == label).all()
        assert score.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("words", [[0, 1], [False, True], [2, 0, 1]])
def test_xgboost_which_knows_only_counted_classes(words):
    labels = target(words)
    classes = classes_of(labels)
    label, score = answers(fitted(XGBClassifier(n_estimators=5), labels), INPUTS, kind="pandas", task="classification",
                           classes=classes)  # fmt: skip
    assert (label == codes_of(labels, "classification", classes)).mean() > 0.6
    assert ((score > 0.5) == (label == 1)).all() if len(words) == 2 else (score.argmax(axis=1) == label).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_frame_answers_the_same(kind):
    labels = target(["no", "yes"])
    label, score = answers(fitted(LogisticRegression(), labels, kind), INPUTS, kind=kind, task="classification",
                           classes=("no", "yes"))  # fmt: skip
    by_hand = fitted(LogisticRegression(), labels)
    assert score == pytest.approx(by_hand.predict_proba(to_frame(INPUTS, "pandas"))[:, 1])
    assert (label == (score > 0.5)).all()


@pytest.mark.parametrize("estimator", [LinearRegression(), LGBMRegressor(verbose=-1), XGBRegressor(n_estimators=5)])
@pytest.mark.parametrize(
    "numbers",
    [
        pa.array(SCORE),
        pa.array(SCORE.astype(np.float32)),
        pa.array((SCORE * 4).astype(np.int32)),
        pa.array(SCORE > 0),
        pa.array((SCORE * 100).astype(int)).cast(pa.decimal128(21, 1)),
    ],
    ids=lambda array: str(array.type),
)
def test_a_regression_answers_values_and_no_score(estimator, numbers):
    labels = pa.chunked_array([numbers])
    truth = codes_of(labels, "regression", ())
    assert truth.dtype == np.float64
    label, score = answers(fitted(estimator, labels), INPUTS, kind="pandas", task="regression")
    assert score is None
    assert label.shape == (300,)
    assert label.dtype == np.float64
    assert np.corrcoef(label, truth)[0, 1] > 0.5


def test_a_class_that_the_estimator_never_saw():
    """As where a class begins after the others, and the last rows are held out."""
    estimator = fitted(LogisticRegression(), target(["a", "c"]))
    with pytest.raises(Invalid, match="learnt no class 'b', of which every row may be held out: split by stratified"):
        answers(estimator, INPUTS, kind="pandas", task="classification", classes=("a", "b", "c"))


def test_a_column_of_labels_is_one_label_per_row():
    class Column(LogisticRegression):
        def predict(self, inputs):
            return super().predict(inputs).reshape(-1, 1)

    labels = target([0, 1])
    label, _ = answers(fitted(Column(), labels), INPUTS, kind="pandas", task="classification", classes=(0, 1))
    assert label.shape == (300,)


class Says:
    """Answers whatever it is told."""

    def __init__(self, label, score=None, classes=(0, 1)):
        self.label, self.score, self.classes_ = label, score, classes

    def predict(self, _):
        return self.label

    def predict_proba(self, _):
        return self.score


HALVES = np.full((2, 2), 0.5)


@pytest.mark.parametrize(
    ("estimator", "task", "says"),
    [
        (Says(np.array([0.0])), "regression", "answers (1,) for 2 rows, not one value for each"),
        (Says(np.zeros((2, 2))), "regression", "answers (2, 2) for 2 rows"),
        (Says(0.5), "regression", "answers () for 2 rows"),
        (Says(np.array([0.0, np.nan])), "regression", "answers values that are no numbers"),
        (Says(["one", "two"]), "regression", "Says cannot answer: ValueError: could not convert"),
        (Says(None), "regression", "answers () for 2 rows"),
        (Says(np.array([0, 1]), np.array([0.5, 0.5])), "classification", "probabilities of shape (2,), not (2, 2)"),
        (Says(np.array([0, 1]), np.zeros((2, 3))), "classification", "probabilities of shape (2, 3), not (2, 2)"),
        (Says(np.array([0, 1]), HALVES * np.nan), "classification", "probabilities that are not between 0 and 1"),
        (Says(np.array([0, 1]), HALVES * 4), "classification", "probabilities that are not between 0 and 1"),
        (Says(np.array([0, 1]), HALVES, (0, 2)), "classification", "answers 2, which is no class of the target"),
        (Says(np.array([0, 7]), HALVES), "classification", "the value 7 is no class of the target"),
        (Says(np.array([0, 1]), HALVES, None), "classification", "Says cannot answer: TypeError"),
        (LogisticRegression(), "classification", "LogisticRegression cannot answer: NotFittedError"),
    ],
)
def test_answers_that_cannot_be_read(estimator, task, says):
    with pytest.raises(Invalid) as caught:
        answers(estimator, INPUTS.slice(0, 2), kind="pandas", task=task, classes=(0, 1))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1, 1, None], r"the target holds \[1\] only; a classification needs two classes"),
        ([None, None], r"the target holds \[\] only"),
        ([0.5, 1.5], "the target is double; classes must be integers, texts or booleans"),
        ([b"a", b"b"], "the target is binary; classes must be"),
    ],
)
def test_a_target_without_classes(values, says):
    with pytest.raises(Invalid, match=says):
        classes_of(pa.chunked_array([values]))


def test_a_target_that_does_not_fit_the_task():
    with pytest.raises(Invalid, match="the target is string; a regression needs numbers"):
        codes_of(pa.chunked_array([["a"]]), "regression", ())
    with pytest.raises(Invalid, match="the value None is no class"):
        codes_of(pa.chunked_array([[0, None]]), "classification", (0, 1))


def test_one_long_group_costs_its_own_memory_alone():
    names = [*["a", None, "b"] * 1000, "x" * 5000, "x" * 4999]
    groups = groups_of(pa.chunked_array([names]))
    assert groups.tolist() == ["(missing)" if name is None else name for name in names]
    assert groups.nbytes == 8 * len(names), "of the rows; they share the texts"
    assert groups_of(pa.chunked_array([names[:3]])).dtype.kind == "U", "told apart by its bytes, which is faster"
