"""What C code follows unchecked: every check finds its fault; then random faults, in a process of their own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.train.estimators import ESTIMATORS, fitted

from arkwright.train.trees import check_trees

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_sound_models_pass(name):
    check_trees(fitted(name)[0])


def tree_with(**changed):
    """A decision tree of scikit-learn's with some fields of some nodes changed: field=(node, value)."""
    estimator, _ = fitted("tree")
    state = estimator.tree_.__getstate__()
    for field, (place, value) in changed.items():
        state["nodes"][field][place] = value
    return estimator, state


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"left_child": (0, 10_000)}, "points outside itself"),
        ({"right_child": (0, -7)}, "points outside itself"),
        ({"left_child": (0, 0)}, "points outside itself"),
        ({"right_child": (0, 0)}, "points outside itself"),
        ({"feature": (0, 2)}, "a feature that does not exist"),
        ({"feature": (0, -1)}, "a feature that does not exist"),
    ],
)
def test_a_tree_that_points_astray(changed, says):
    estimator, state = tree_with(**changed)
    estimator.tree_.__setstate__(state)
    with pytest.raises(ValueError, match=says):
        check_trees([{"deep": (estimator,)}])


def test_a_tree_that_says_it_has_more_nodes():
    estimator, state = tree_with()
    state["node_count"] += 1_000_000
    estimator.tree_.__setstate__(state)
    with pytest.raises(ValueError, match="fewer nodes than it says"):
        check_trees(estimator)


def test_a_tree_without_nodes():
    estimator, state = tree_with()
    state["node_count"] = 0
    estimator.tree_.__setstate__(state)
    with pytest.raises(ValueError, match="has no node"):
        check_trees(estimator)


@pytest.mark.parametrize("name", ["tree", "forest", "extra trees", "isolation", "boosting", "bagging"])
def test_a_tree_that_takes_more_features_than_its_model(name):
    estimator, _ = fitted(name)
    model = estimator[-1] if name == "forest" else estimator
    model.n_features_in_ = 1 if name != "forest" else 2
    if name == "isolation":
        model.n_features_in_ = 0
    if name == "bagging":
        model.estimators_features_ = [[0, 1, 1]] * len(model.estimators_)
    with pytest.raises(ValueError, match="other features than its model"):
        check_trees(estimator)


def test_a_booster_with_more_trees_in_a_round_than_it_says():
    estimator, _ = fitted("boosting")
    estimator.n_trees_per_iteration_ = 1
    with pytest.raises(ValueError, match="more trees in a round"):
        check_trees(estimator)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("left", 10_000, "points outside itself"),
        ("right", 0, "points outside itself"),
        ("feature_idx", 2, "a feature that does not exist"),
        ("is_categorical", 1, "a set of categories that does not exist"),
    ],
)
def test_a_histogram_tree_that_points_astray(field, value, says):
    estimator, _ = fitted("histograms")
    nodes = estimator._predictors[-1][-1].nodes
    nodes[field][0] = value
    with pytest.raises(ValueError, match=says):
        check_trees(estimator)


@pytest.mark.parametrize(
    ("attribute", "change"),
    [
        ("support_vectors_", lambda old: old[:-1]),
        ("support_vectors_", lambda old: old[:, :1]),
        ("_dual_coef_", lambda old: old[:1]),
        ("_n_support", lambda old: old + 1),
        ("_n_support", lambda old: np.append(old, 0)),
        ("_intercept_", lambda old: old[:1]),
        ("_probA", lambda _: np.zeros(1)),
        ("shape_fit_", lambda _: (10, 9)),
    ],
)
def test_support_vectors_that_do_not_fit(attribute, change):
    estimator, _ = fitted("vectors")
    setattr(estimator, attribute, change(getattr(estimator, attribute)))
    with pytest.raises(ValueError, match="do not fit together"):
        check_trees(estimator)


def test_probabilities_of_support_vectors_for_fewer_pairs():
    estimator, _ = fitted("vectors")
    estimator._probA = estimator._probB = np.zeros(1)
    with pytest.raises(ValueError, match="do not fit together"):
        check_trees(estimator)


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_search_tree_that_is_not_that_of_its_points(part):
    estimator, _ = fitted("neighbours in a tree")
    state = [np.array(item) if place < 4 else item for place, item in enumerate(estimator._tree.__getstate__())]
    if part == 2:
        state[2]["idx_end"] += 1000
    else:
        state[part] += 1000
    estimator._tree.__setstate__(tuple(state))
    with pytest.raises(ValueError, match="not the one of its points"):
        check_trees(estimator)


FAULTS = """
import io, random, zipfile
from pathlib import Path
from arkwright.core.errors import Corrupt, Refused
from arkwright.train import keep
from tests.train.estimators import fitted
chance, path = random.Random(3), Path(FOLDER) / "faulty.skops"
for name in ("forest", "boosting", "histograms", "vectors", "vector values", "neighbours in a tree", "network"):
    estimator, rows = fitted(name)
    with zipfile.ZipFile(io.BytesIO(keep.dumps(estimator))) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    arrays = [entry for entry in members if entry.endswith(".npy")]
    for fault in range(40):
        entry = chance.choice([entry for entry in arrays if len(members[entry]) > 128])
        broken = bytearray(members[entry])
        for _ in range(3):
            broken[chance.randrange(128, len(broken))] = chance.randrange(256)  # the numbers, not the header
        with zipfile.ZipFile(path, "w") as archive:
            for other, data in members.items():
                archive.writestr(other, bytes(broken) if other == entry else data)
        try:
            again = keep.load(path)
        except (Corrupt, Refused):
            continue
        try:
            again.predict(rows)
        except Exception:
            continue
print("alive")
"""


def test_faulty_numbers_under_a_right_checksum_never_end_the_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FAULTS.replace("FOLDER", repr(str(tmp_path)))],
        cwd=ROOT,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-2000:]
