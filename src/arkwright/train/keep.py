"""Keeping a fitted estimator as data only: a skops file, the same bytes for the same estimator, no pickle ever."""

from pathlib import Path
from typing import Any

from arkwright.core.errors import Corrupt, Invalid, Missing, Refused
from arkwright.core.usercode import describe
from arkwright.train import archive
from arkwright.train.trees import check_trees

FILE = "model.skops"
LARGEST_BYTES = 2 * 2**30

# skops trusts scikit-learn's estimators, numpy's types and its ufuncs. Beyond that, only these: each holds data and
# its constructor or `__setstate__` does nothing but store or parse it. Trees come with indices that scikit-learn
# follows without looking, so `check_trees` looks first.
TRUSTED = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.preprocessing._label.LabelEncoder",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)


def save(estimator: Any, path: Path) -> None:
    """Write the estimator to `path`; the same estimator gives the same bytes.

    Raises Invalid when it holds what cannot be kept as data (a class or function of the user's own, say).
    """
    path.write_bytes(dumps(estimator))


def dumps(estimator: Any) -> bytes:
    """The estimator as the bytes of a skops file."""
    skops = _skops()
    try:
        data = skops.dumps(estimator)
        strangers = _strangers(data)
        kept = archive.canonical(data)
    except Exception as error:  # noqa: BLE001 - whatever an object's state holds
        raise Invalid(f"the {type(estimator).__name__} cannot be kept as data: {describe(error)}") from None
    if strangers:
        raise Invalid(
            f"the {type(estimator).__name__} holds {', '.join(strangers[:5])}, which cannot be kept as data; "
            "do that step in a dataset or in features()"
        )
    return kept


def load(path: Path) -> Any:
    """The estimator again. Nothing in the file runs: only trusted types are built, from data.

    Raises Refused for a type that is not trusted, Corrupt for a file that is no skops file or whose trees point
    outside themselves. What LightGBM and XGBoost keep is read by their own parsers, in C++: load a file of unknown
    origin in a process that may crash.
    """
    skops = _skops()
    if path.stat().st_size > LARGEST_BYTES:
        raise Refused(f"{path.name} has {path.stat().st_size} bytes, more than the {LARGEST_BYTES} that are loaded")
    data = path.read_bytes()
    try:
        strangers = archive.check(data, TRUSTED) or _strangers(data)
    except Exception as error:  # noqa: BLE001 - a broken file can break anything
        raise Corrupt(f"{path.name} is not a model that was kept: {describe(error)}") from None
    if strangers:
        raise Refused(f"{path.name} holds {', '.join(strangers[:5])}, which is not trusted; train the model again")
    try:
        estimator = skops.loads(data, trusted=list(TRUSTED))
        check_trees(estimator)
    except Exception as error:  # noqa: BLE001 - a broken file can break anything
        raise Corrupt(f"{path.name} is not a model that was kept: {describe(error)}") from None
    return estimator


def _strangers(data: bytes) -> list[str]:
    return sorted(set(_skops().get_untrusted_types(data=data)) - set(TRUSTED))


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise Missing("keeping a model needs skops; install: pip install 'arkwright[sklearn]'") from None
    return skops.io
