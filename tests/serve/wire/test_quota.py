"""A quota for each client, one for all workers."""

import os
import signal
from pathlib import Path

import grpc
import numpy as np
import pytest
import tritonclient.grpc
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.conftest import Live, flat_release, late_release
from tests.serve.raw import HOST, LIVE, POST, exchange, statuses
from tests.serve.supervised import Supervised

from arkwright.core.errors import ArkwrightError
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.quota import FILE, PLACES, Quota

VALUES = {"km": 1.0, "aa": 0.0, "delay": 2.0}
ROW = b'{"km": 1.0, "aa": 0.0, "delay": 2.0}'
ASK = POST + b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW


@pytest.fixture
def made(tmp_path):
    """A quota at this rate, as one more worker has it."""
    Quota.create(tmp_path)
    return lambda rate: Quota(tmp_path, rate)


def taken(quota, client, at):
    return quota.wait(client, at) == 0.0


def test_a_second_at_once_and_then_the_rate(made):
    quota = made(10)
    assert [taken(quota, "a", 5.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert quota.wait("a", 5.0) == pytest.approx(0.1)
    assert taken(quota, "b", 5.0)
    assert [taken(quota, "a", 5.1), taken(quota, "a", 5.1)] == [True, False]
    assert [taken(quota, "a", 100.0) for _ in range(11)] == [True] * 10 + [False]


def test_who_is_refused_is_not_charged(made):
    quota = made(2)
    for _ in range(100):
        quota.wait("a", 0.0)
    assert taken(quota, "a", 0.5)


def test_less_than_one_a_second(made):
    quota = made(0.1)
    assert taken(quota, "a", 0.0)
    assert quota.wait("a", 0.0) == pytest.approx(10)
    assert taken(quota, "a", 10.0)


def test_over_a_long_time_the_rate_is_what_was_said(made):
    quota = made(7)
    assert abs(sum(taken(quota, "a", i / 1000) for i in range(60_000)) - 7 * 60) <= 7


class Model:
    """The rule as its definition has it, for clients without number."""

    def __init__(self, rate):
        self.gap, self.due = 1 / rate, {}

    def taken(self, client, now):
        due = max(self.due.get(client, now), now)
        if due - now > max(1.0, self.gap) - self.gap + 1e-9:
            return False
        self.due[client] = due + self.gap
        return True


requests = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcdef"), st.integers(0, 400)), max_size=200)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([0.5, 1, 3, 10, 1000.0]), requests)
def test_workers_together_do_as_one_that_remembers_everybody(tmp_path_factory, rate, asked):
    folder = tmp_path_factory.mktemp("quota")
    Quota.create(folder, PLACES)  # one bucket, which is enough for these
    workers, model, now = [Quota(folder, rate) for _ in range(4)], Model(rate), 1000.0
    for worker, client, passed in asked:
        now += passed / 1000
        assert taken(workers[worker], client, now) == model.taken(client, now)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 400)), max_size=200))
def test_with_more_clients_than_places_nobody_is_refused_who_would_not_be(tmp_path_factory, asked):
    folder = tmp_path_factory.mktemp("quota")
    Quota.create(folder, PLACES)
    quota, model, now = Quota(folder, 3), Model(3), 0.0
    for client, passed in asked:
        now += passed / 1000
        before = dict(model.due)
        if not taken(quota, str(client), now):
            model.due = before
            assert not model.taken(str(client), now)
        else:
            model.due[str(client)] = max(before.get(str(client), now), now) + model.gap


def test_whose_quota_is_whole_again_first_makes_room(tmp_path):
    Quota.create(tmp_path, PLACES)
    quota = Quota(tmp_path, 1)
    for place in range(PLACES):
        assert taken(quota, str(place), place / 100)
    assert taken(quota, "newcomer", 0.5)
    assert not taken(quota, "1", 0.5)
    assert not taken(quota, "newcomer", 0.5)
    assert taken(quota, "0", 0.5)  # who was forgotten for it
    assert taken(quota, "1", 2.0)  # and then it goes round
    assert not taken(quota, "1", 2.0)


def test_very_many_clients_are_counted_at_once(made):
    quota, clients = made(0.001), [f"2001:db8::{number:x}" for number in range(30_000)]
    assert all(taken(quota, client, 1.0) for client in clients)
    again = sum(taken(quota, client, 2.0) for client in clients)
    assert again < len(clients) / 1000  # whose bucket was full


def test_each_server_hashes_by_a_secret_of_its_own(tmp_path):
    found = set()
    for name in "ab":
        (tmp_path / name).mkdir()
        Quota.create(tmp_path / name)
        Quota(tmp_path / name, 1).wait("127.0.0.1", 1.0)
        found.add((tmp_path / name / FILE).read_bytes()[64:])
    assert len(found) == 2


def test_no_room_is_said_before_anybody_is_answered(tmp_path):
    with pytest.raises(ArkwrightError, match=r"no quotas can be kept in .*: File too large"):
        Quota.create(tmp_path, 2**56)


def ask(server):
    """The status, on a connection of its own: it may meet any worker."""
    return server.call("/predict", VALUES)[0]


def test_workers_of_both_protocols_let_a_client_through_once(tmp_path):
    """The quota is whole again after a thousand seconds, so it is one request, whoever is asked."""
    releases = {"late": [(flat_release(tmp_path / "late@1"), 1, 1.0)]}
    with Supervised(tmp_path / "s", releases, workers=4, rate=0.001, grpc_port=0) as server:
        said = [ask(server) for _ in range(40)]
        assert sorted(said) == [200] + [429] * 39
        for _ in range(12):
            with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
                tensor = tritonclient.grpc.InferInput("features", [1, 3], "FP32")
                tensor.set_data_from_numpy(np.zeros((1, 3), "f4"))
                with pytest.raises(tritonclient.grpc.InferenceServerException, match="one client may") as refused:
                    client.infer("late", [tensor])
                assert refused.value.status() == str(grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_who_follows_a_dead_worker_knows_what_was_sent_before(tmp_path):
    releases = {"late": [(flat_release(tmp_path / "late@1"), 1, 1.0)]}
    with Supervised(tmp_path / "s", releases, workers=2, rate=0.001) as server:
        assert ask(server) == 200
        for how in (signal.SIGKILL, signal.SIGHUP):
            before = set(server.workers())
            if how == signal.SIGKILL:
                for pid in before:
                    os.kill(pid, how)
            else:
                server.process.send_signal(how)
            server.until(lambda: len(server.workers()) == 2 and not before & set(server.workers()))  # noqa: B023
            assert [ask(server) for _ in range(8)] == [429] * 8


def test_without_a_rate_there_is_no_table(tmp_path):
    releases = {"late": [(flat_release(tmp_path / "late@1"), 1, 1.0)]}
    with Supervised(tmp_path / "s", releases) as server:
        maps = Path(f"/proc/{server.workers()[0]}/maps").read_text()
        assert "/counters" in maps
        assert f"/{FILE}" not in maps


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
