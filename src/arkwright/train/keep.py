"""Keeping a fitted estimator as data only: a skops file, the same bytes for the same estimator, no pickle ever."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from arkwright.core.errors import Corrupt, Invalid, Refused
from arkwright.core.usercode import describe
from arkwright.train.trees import check_trees

FILE = "model.skops"
LARGEST_BYTES = 2 * 2**30
_SCHEMA = "schema.json"
_CLOCK = (1980, 1, 1, 0, 0, 0)

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
    import skops.io

    try:
        data = skops.io.dumps(estimator)
        strangers = _strangers(data)
    except Exception as error:  # noqa: BLE001 - whatever an object's state holds
        raise Invalid(f"the {type(estimator).__name__} cannot be kept as data: {describe(error)}") from None
    if strangers:
        raise Invalid(
            f"the {type(estimator).__name__} holds {', '.join(strangers[:5])}, which cannot be kept as data; "
            "do that step in a dataset or in features()"
        )
    return _canonical(data)


def load(path: Path) -> Any:
    """The estimator again. Nothing in the file runs: only trusted types are built, from data.

    Raises Refused for a type that is not trusted, Corrupt for a file that is no skops file or whose trees point
    outside themselves.
    """
    import skops.io

    if path.stat().st_size > LARGEST_BYTES:
        raise Refused(f"{path.name} has {path.stat().st_size} bytes, more than the {LARGEST_BYTES} that are loaded")
    data = path.read_bytes()
    try:
        _check_members(data)
        strangers = _strangers(data)
    except Exception as error:  # noqa: BLE001 - a broken file can break anything
        raise Corrupt(f"{path.name} is not a model that was kept: {describe(error)}") from None
    if strangers:
        raise Refused(f"{path.name} holds {', '.join(strangers[:5])}, which is not trusted; train the model again")
    try:
        estimator = skops.io.loads(data, trusted=list(TRUSTED))
        check_trees(estimator)
    except Exception as error:  # noqa: BLE001 - a broken file can break anything
        raise Corrupt(f"{path.name} is not a model that was kept: {describe(error)}") from None
    return estimator


def _strangers(data: bytes) -> list[str]:
    import skops.io

    return sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))


def _check_members(data: bytes) -> None:
    """Stored members only, each name once, none larger than the file: no bomb, no twin."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
    if len({member.filename for member in members}) != len(members):
        raise ValueError("a member occurs twice")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(data):
            raise ValueError(f"the member {member.filename[:40]!r} is compressed")


def _canonical(data: bytes) -> bytes:
    """Skops names members and objects by memory address or at random and notes the time; number them instead."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names: dict[str, str] = {}
    schema = _renumber(json.loads(members.pop(_SCHEMA)), {}, names)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for old, new in names.items():
            archive.writestr(zipfile.ZipInfo(new, _CLOCK), members[old])
        archive.writestr(zipfile.ZipInfo(_SCHEMA, _CLOCK), json.dumps(schema, separators=(",", ":")))
    return out.getvalue()


def _renumber(node: Any, ids: dict[int, int], names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renumber(item, ids, names) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("__loader__") == "SetNode":  # the order of a set of texts changes from process to process
        node["content"] = sorted(node["content"], key=lambda item: str(item.get("content")))
    done = {}
    for key, value in node.items():
        if key == "__id__":
            done[key] = ids.setdefault(value, len(ids) + 1)
        elif key == "file" and "__loader__" in node:
            done[key] = names.setdefault(value, f"{len(names)}{Path(value).suffix}")
        else:
            done[key] = _renumber(value, ids, names)
    return done
