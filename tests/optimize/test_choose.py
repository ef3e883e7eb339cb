"""The rule by which one candidate is served."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from arkwright.optimize.choose import choose
from arkwright.optimize.table import Candidate


def candidate(name, **facts):
    usual = {"score": 0.8, "low": 0.7, "high": 0.9, "agreement": 1.0, "p50_ms": 1.0, "p99_ms": 2.0, "size_bytes": 1000}
    return Candidate(name=name, **{**usual, "servable": True, **facts})


TRAINED = candidate("as trained", servable=False, p50_ms=10.0, size_bytes=10)
PLAIN = candidate("onnx")


def chosen(*candidates, limit=0.999):
    table = choose(candidates, limit)
    assert sum(c.chosen for c in table) == 1
    assert all(c.why for c in table)
    return {c.name: c.why for c in table}, next(c.name for c in table if c.chosen)


def test_the_smallest_that_agrees():
    why, best = chosen(
        TRAINED, PLAIN, candidate("half", size_bytes=500), candidate("quarter", size_bytes=250, agreement=0.98)
    )
    assert best == "half"
    assert why["half"] == "answers as the trained model, the smallest that does, 10 times as fast as it"
    assert why["quarter"] == "answers otherwise on 2.00% of the rows; at most 0.10% may be"
    assert why["onnx"] == "larger than the chosen one"


def test_agreement_decides_as_the_gate_says():
    half = candidate("half", size_bytes=500, agreement=0.99)
    assert chosen(TRAINED, PLAIN, half, limit=0.999)[1] == "onnx"
    assert chosen(TRAINED, PLAIN, half, limit=0.99)[1] == "half"


def test_features_in_the_graph_come_before_size():
    why, best = chosen(TRAINED, PLAIN, candidate("onnx, features inside", inside=True, size_bytes=2000, p50_ms=0.1))
    assert best == "onnx, features inside"
    assert why["onnx"] == "its features run in Python"


def test_smaller_and_much_slower_is_no_bargain():
    why, best = chosen(TRAINED, PLAIN, candidate("8-bit weights", size_bytes=300, p50_ms=5.0))
    assert best == "onnx"
    assert why["8-bit weights"] == "takes 5.0 times as long as the plain graph"


def test_the_object_that_was_trained_is_never_served():
    assert chosen(replace(TRAINED, size_bytes=1), PLAIN)[1] == "onnx"


@given(st.lists(st.floats(0.5, 1.9), min_size=3, max_size=3))
def test_noise_of_the_clock_does_not_change_the_choice(times):
    made = [replace(c, p50_ms=t) for c, t in zip((PLAIN, candidate("half", size_bytes=500)), times, strict=False)]
    made = [replace(made[0], p50_ms=1.0), made[1]]
    assert chosen(TRAINED, *made)[1] == "half"
