"""A quota for each client."""

import pytest
from tests.serve.conftest import Live, late_release
from tests.serve.raw import HOST, LIVE, POST, exchange, statuses

from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.quota import MOST_CLIENTS, Quota

ROW = b'{"km": 1.0, "aa": 0.0, "delay": 2.0}'
ASK = POST + b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW


def taken(quota, client, at):
    return quota.wait(client, at) == 0.0


def test_a_second_at_once_and_then_the_rate():
    quota = Quota(10)
    assert [taken(quota, "a", 0.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert quota.wait("a", 0.0) == pytest.approx(0.1)
    assert taken(quota, "b", 0.0)
    assert [taken(quota, "a", 0.1), taken(quota, "a", 0.1)] == [True, False]
    assert [taken(quota, "a", 100.0) for _ in range(11)] == [True] * 10 + [False]


def test_who_is_refused_is_not_charged():
    quota = Quota(2)
    for _ in range(100):
        quota.wait("a", 0.0)
    assert taken(quota, "a", 0.5)


def test_less_than_one_a_second():
    quota = Quota(0.1)
    assert taken(quota, "a", 0.0)
    assert quota.wait("a", 0.0) == pytest.approx(10)
    assert taken(quota, "a", 10.0)


def test_over_a_long_time_the_rate_is_what_was_said():
    quota = Quota(7)
    assert abs(sum(taken(quota, "a", i / 1000) for i in range(60_000)) - 7 * 60) <= 7


def test_clients_are_forgotten():
    quota = Quota(1)
    for i in range(2000):
        quota.wait(f"{i}", 0.0)
    quota.wait("late", 5.0)
    quota.forget(5.0)
    assert list(quota._due) == ["late"]
    for i in range(MOST_CLIENTS + 1):
        quota.wait(f"{i}", 6.0)
    quota.forget(6.0)
    assert not quota._due


def test_429_says_when_to_come_back_and_looking_is_free(tmp_path):
    with Live([late_release(tmp_path)], Limits(rate=0.05)) as live:
        assert statuses(exchange(live, ASK * 3)) == [200, 429, 429]
        refused = exchange(live, ASK)
        later = int(refused.partition(b"Retry-After: ")[2].partition(b"\r\n")[0])
        assert 1 <= later <= 20
        assert b'{"error":"you sent more requests than one client may' in refused
        about = b"GET /v2/models/late HTTP/1.1\r\n" + HOST + b"\r\n"
        assert statuses(exchange(live, (LIVE + LIVE.replace(b"live", b"ready") + about) * 50)) == [200] * 150
        assert live.server.front.bodies == 0
