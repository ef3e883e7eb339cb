"""Trees that `native` computes answer what ONNX Runtime answers, to the bit; others are left to it."""

import shutil
import sys
import threading

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from onnx import helper
from tests.serve.model.trees.made import WIDTH, attributes, classifier, grown, regressor, runtime

from arkwright.optimize.export import exports
from arkwright.serve.model.graph import Graph
from arkwright.serve.model.trees.forest import Forest, forest
from arkwright.serve.model.trees.read import ensemble
from arkwright.serve.native import native

pytestmark = pytest.mark.skipif(native is None and shutil.which("cc") is None, reason="no C compiler: Python serves")
ODD = np.array([0, -0.0, np.nan, np.inf, -np.inf, 1e-45, 3e38], np.float32)


def rows(random, many, width=WIDTH):
    found = random.normal(size=(many, width)).astype(np.float32)
    odd = random.random(found.shape) < random.choice([0, 0.1])
    return np.where(odd, random.choice(ODD, found.shape), found)


def same(run, made, given):
    first, second = run({"x": given}), made({"x": given})
    return [*first] == [*second] and all(
        (one.dtype, one.shape, one.tobytes()) == (second[k].dtype, second[k].shape, second[k].tobytes())
        for k, one in first.items()
    )


@given(st.integers(0, 2**32), st.sampled_from(["BRANCH_LEQ", "BRANCH_LT"]), st.booleans())
@settings(max_examples=60)
def test_any_trees_answer_as_the_runtime(seed, mode, classes):
    random = np.random.default_rng(seed)
    trees = [grown(random, random.integers(1, 60)) for _ in range(random.integers(1, 30))]
    given = attributes(random, trees, mode=mode)
    if random.integers(2):
        given["base_values"] = [float(random.normal())]
    data = (classifier if classes else regressor)(given)
    run = runtime(data)
    made = forest(data, {"x": WIDTH}, run)
    if made is None:  # one of all signs: the runtime then has another rule for the label, and no logistic
        assert classes
        assert all(weight >= 0 for weight in given["target_weights"])
        return
    for many in (0, 1, 2, 7, 8, 9, 33, 130):
        assert same(run, made, rows(random, many))


@pytest.mark.parametrize("kind", [LGBMRegressor, LGBMClassifier])
def test_what_is_exported_is_computed_here(tmp_path, kind, points, monkeypatch):
    """The whole graph of a release, on rows that are between others and on some that lack numbers."""
    table, target, task = points(kind)
    fitted = kind(n_estimators=20, verbose=-1).fit(table.to_pandas(), target)
    exported = next(iter(exports(fitted, table, task=task)))
    (tmp_path / "model.onnx").write_bytes(exported.model.SerializeToString())
    graph = Graph(tmp_path / "model.onnx")
    random = np.random.default_rng(1)
    given = {"features": rows(random, 300, table.num_columns)}
    ours = graph.run(given)
    assert isinstance(graph._forest, Forest)
    monkeypatch.setattr(graph, "_forest", None)
    theirs = graph.run(given)
    assert [*ours] == [*theirs] == [*graph.outputs]
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


@pytest.fixture
def points():
    def made(kind):
        import pyarrow as pa

        random = np.random.default_rng(0)
        columns = {f"f{i}": random.normal(size=400).astype(np.float32) for i in range(4)}
        target = columns["f0"] * 2 + np.sin(columns["f1"]) * columns["f2"]
        if kind is LGBMClassifier:
            return pa.table(columns), (target > 0).astype(int), "classification"
        return pa.table(columns), target, "regression"

    return made


def test_who_answers_otherwise_is_kept(caplog):
    random = np.random.default_rng(0)
    data = regressor(attributes(random, [grown(random, 9)]))
    run = runtime(data)
    caplog.set_level("INFO", "arkwright.serve")
    assert forest(data, {"x": WIDTH}, run) is not None
    assert forest(data, {"x": WIDTH}, lambda given: {"y": np.nextafter(run(given)["y"], np.float32(9))}) is None
    assert "answers otherwise" in caplog.text
    assert forest(data, {"x": WIDTH}, lambda _: 1 / 0) is None


def _second_weight(given):
    for name, value in (("treeids", 0), ("nodeids", given["target_nodeids"][0]), ("ids", 0), ("weights", 1.0)):
        given[f"target_{name}"].append(value)


REFUSED = {
    "another mode": lambda one: one["nodes_modes"].__setitem__(0, "BRANCH_GT"),
    "an average": lambda one: one.update(aggregate_function="AVERAGE"),
    "another transformation": lambda one: one.update(post_transform="LOGISTIC"),
    "two weights of a leaf": _second_weight,
    "a leaf without": lambda one: [one[f"target_{name}"].pop() for name in ("treeids", "nodeids", "ids", "weights")],
    "two parents": lambda one: one["nodes_truenodeids"].__setitem__(0, one["nodes_falsenodeids"][0]),
    "a ring": lambda one: one["nodes_truenodeids"].__setitem__(0, 0),
    "a child elsewhere": lambda one: one["nodes_truenodeids"].__setitem__(0, 99),
    "a child before": lambda one: one["nodes_truenodeids"].__setitem__(0, -1),
    "a feature beyond": lambda one: one["nodes_featureids"].__setitem__(0, WIDTH),
    "a threshold that is none": lambda one: one["nodes_values"].__setitem__(0, float("nan")),
    "odd names of nodes": lambda one: one["nodes_nodeids"].reverse(),
    "too few values": lambda one: one["nodes_values"].pop(),
    "missing numbers by a flag that is neither": lambda one: one["nodes_missing_value_tracks_true"].__setitem__(0, 2),
    "a flag for one node alone": lambda one: one.update(nodes_missing_value_tracks_true=[1]),
    "a second target": lambda one: one.update(target_ids=[1] * len(one["target_ids"])),
    "a weight without end": lambda one: one["target_weights"].__setitem__(0, float("inf")),
    "a tree below nought": lambda one: [
        one.update({name: [-1 - tree for tree in one[name]]}) for name in ("nodes_treeids", "target_treeids")
    ],
    "two numbers to begin with": lambda one: one.update(base_values=[1.0, 2.0]),
}


@pytest.mark.parametrize("bend", REFUSED.values(), ids=REFUSED)
def test_what_is_another_thing_is_left_to_the_runtime(bend):
    random = np.random.default_rng(3)
    given = attributes(random, [grown(random, 9), grown(random, 5)])
    bend(given)
    assert forest(regressor(given), {"x": WIDTH}, lambda _: pytest.fail("nothing is to be compared")) is None


@pytest.mark.parametrize(("levels", "ours"), [(64, True), (65, False)])
def test_deep_trees_are_left_to_the_runtime(levels, ours):
    """Where one row of those that go on together takes a long way, the others wait."""
    chain = [(0, -float(i), 2 * (i // 2) + 1, 2 * (i // 2) + 2) if i % 2 == 0 else None for i in range(2 * levels)]
    data = regressor(attributes(np.random.default_rng(0), [[*chain, None]]))
    assert (forest(data, {"x": WIDTH}, runtime(data)) is not None) is ours


def test_sums_that_are_never_negative_are_left_to_the_runtime():
    """It takes the label by a half then; no row that is made up need come to a sum between nought and that."""
    given = attributes(np.random.default_rng(0), [[(0, 1.0, 1, 2), None, None]])
    given["target_weights"] = [40.0, 0.25]
    assert forest(classifier(given), {"x": WIDTH}, lambda _: pytest.fail("nothing is to be compared")) is None


def test_an_attribute_that_comes_twice_is_not_read():
    made = onnx.load_from_string(regressor(attributes(np.random.default_rng(3), [[None]])))
    node = made.graph.node[0]
    node.attribute.append(next(one for one in node.attribute if one.name == "target_weights"))
    assert ensemble(made.SerializeToString()) is None


def test_others_run_while_many_rows_are_computed():
    """And several threads may ask the same trees at once."""
    random = np.random.default_rng(0)
    data = regressor(attributes(random, [grown(random, 60) for _ in range(100)]))
    made, given = forest(data, {"x": WIDTH}, runtime(data)), {"x": rows(random, 40_000)}
    expected, got, turns = made(given)["y"].tobytes(), [], 0
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)  # none is asked for its turn: who lets others run does it by itself
    try:
        threads = [threading.Thread(target=lambda: got.append(made(given)["y"].tobytes())) for _ in range(3)]
        for thread in threads:
            thread.start()
            turns += thread.is_alive()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert got == [expected] * 3
    assert turns


def test_whose_graph_does_more_is_left_to_the_runtime():
    random = np.random.default_rng(3)
    given = attributes(random, [grown(random, 9)])
    more = [helper.make_node("Relu", ["y"], ["z"])]
    assert ensemble(regressor(given)) is not None
    assert ensemble(regressor(given, more=more)) is None
    assert forest(regressor(given), {"x": None}, None) is None
    assert forest(regressor(given), {"x": WIDTH, "z": 1}, None) is None
    assert forest(b"rubbish", {"x": WIDTH}, None) is None


def test_no_byte_makes_it_fail():
    random = np.random.default_rng(5)
    data = regressor(attributes(random, [grown(random, 15) for _ in range(3)]))
    for _ in range(600):
        bent = bytearray(data)
        for _ in range(random.integers(1, 4)):
            bent[random.integers(len(bent))] = random.integers(256)
        forest(bytes(bent), {"x": WIDTH}, lambda given: {"y": np.zeros((len(given["x"]), 1), np.float32)})


@given(st.integers(0, 2**32))
@settings(max_examples=100)
def test_no_nodes_lead_out_of_memory(seed):
    """Whatever is given as trees is refused, or has an end."""
    random = np.random.default_rng(seed)
    many = int(random.integers(1, 9))
    nodes = np.zeros(many, [("most", "<f4"), ("left", "<u2"), ("feature", "<u2")])
    nodes["most"] = random.choice([0, np.inf, np.nan], many)
    nodes["left"], nodes["feature"] = random.integers(0, many + 1, many), random.integers(0, 3, many)
    leaf = random.random(many) < 0.7
    nodes["left"][leaf], nodes["most"][leaf] = np.arange(many)[leaf], np.inf
    missing = leaf | random.integers(0, 2, many).astype(bool)
    roots = np.sort(random.integers(0, many + 1, 2))
    try:
        made = native.Trees(
            nodes.tobytes(), bytes(4 * many), missing.astype("u1").tobytes(), roots.astype("<u4").tobytes(), 2
        )
    except ValueError:
        return
    for number in (0, np.nan):
        assert made.run(np.full((11, 2), number, np.float32)) == bytes(44)
    with pytest.raises(ValueError, match="rows of 2"):
        made.run(bytes(12))


def test_a_flag_of_missing_numbers_is_one_or_none():
    """By another a row that lacks one would leave a leaf, and the tree."""
    leaf = np.float32(np.inf).tobytes() + bytes(4)
    assert native.Trees(leaf, bytes(4), b"\1", bytes(4), 1).run(np.float32([np.nan])) == bytes(4)
    with pytest.raises(ValueError, match="is a leaf"):
        native.Trees(leaf, bytes(4), b"\2", bytes(4), 1)
