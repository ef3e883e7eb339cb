"""Which release answers: by share, by key, by header."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.serve.traffic import route as routes
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.messages import Problem


def lane(version):
    return SimpleNamespace(loaded=SimpleNamespace(version=str(version), release=f"release:late@{version}"))


OLD, NEW, MID = lane(1), lane(3), lane(2)


def picked(route, **headers):
    return route.pick({name.replace("_", "-").encode(): value for name, value in headers.items()})


def test_alone_it_answers_everything():
    route = Route("late", [(OLD, 1.0)])
    assert {id(picked(route)), id(picked(route, arkwright_key=b"x"))} == {id(OLD)}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_shares_hold(monkeypatch, share):
    """Within four standard deviations of the binomial distribution, for requests without a key and for keys."""
    monkeypatch.setattr(routes, "random", random.Random(7).random)
    route, count = Route("late", [(NEW, share), (OLD, 1 - share)]), 20_000
    off = 4 * (count * share * (1 - share)) ** 0.5
    assert abs(sum(picked(route) is NEW for _ in range(count)) - count * share) < off
    by_key = sum(picked(route, arkwright_key=b"customer-%d" % i) is NEW for i in range(count))
    assert abs(by_key - count * share) < off


@given(st.binary(max_size=20), st.floats(0.01, 0.98), st.floats(0.001, 0.9))
def test_a_key_stays_and_moves_to_the_newest_alone(key, share, more):
    grown = min(share + more, 0.99)
    before, after = Route("late", [(NEW, share), (OLD, 1 - share)]), Route("late", [(NEW, grown), (OLD, 1 - grown)])
    was, now = picked(before, arkwright_key=key), picked(after, arkwright_key=key)
    assert picked(before, arkwright_key=key) is was
    assert (was, now) in [(OLD, OLD), (OLD, NEW), (NEW, NEW)]


def test_a_key_is_placed_alike_by_every_process_and_every_version_of_ours():
    """Workers and servers that know nothing of each other agree; whoever changes this moves callers."""
    route = Route("late", [(NEW, 0.5), (OLD, 0.5)])
    found = "".join(picked(route, arkwright_key=b"customer-%d" % i).loaded.version for i in range(16))
    assert found == "3111333111311133"


def test_two_endpoints_divide_their_keys_differently():
    keys = [b"%d" % i for i in range(2000)]
    both = [
        [picked(Route(name, [(NEW, 0.5), (OLD, 0.5)]), arkwright_key=k) is NEW for k in keys] for name in ("a", "b")
    ]
    assert 800 < sum(a == b for a, b in zip(*both, strict=True)) < 1200


def test_shares_that_do_not_add_up_by_a_rounding_lose_no_request(monkeypatch):
    monkeypatch.setattr(routes, "random", lambda: 0.9999999999)
    assert picked(Route("late", [(NEW, 0.333), (MID, 0.333), (OLD, 0.3339999)])) is OLD


@pytest.mark.parametrize("asked", [b"3", b"late@3", b"release:late@3"])
def test_a_tester_asks_for_a_release(asked):
    route = Route("late", [(NEW, 0.0), (OLD, 1.0)])
    assert picked(route, arkwright_release=asked, arkwright_key=b"x") is NEW
    assert picked(route) is OLD


@pytest.mark.parametrize("asked", [b"nonsense@3", b"release:latte@3", b"release:@late@3"])
def test_a_release_of_another_name(asked):
    """Its version is served here, and means something else."""
    with pytest.raises(Problem, match="late is answered by no release called") as refused:
        picked(Route("late", [(NEW, 0.5), (OLD, 0.5)]), arkwright_release=asked)
    assert refused.value.status == 404
    assert ("did you mean" in refused.value.message) == (asked != b"nonsense@3")


@pytest.mark.parametrize("asked", [b"4", b"release:late@7", b"", b"x" * 5000, b"\xff\xfe", b"@"])
def test_a_release_that_is_not_here(asked):
    for shares in ([(OLD, 1.0)], [(NEW, 0.5), (OLD, 0.5)]):
        with pytest.raises(Problem, match="late has no version") as refused:
            picked(Route("late", shares), arkwright_release=asked)
        assert refused.value.status == 404
