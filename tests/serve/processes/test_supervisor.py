"""Workers that share a port, die, are replaced, and follow what their supervisor says."""

import asyncio
import contextlib
import http.client
import json
import os
import select
import signal
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from tests.serve.conftest import flat_release
from tests.serve.supervised import CODE, DEADLY, Supervised, calling, who_release

from arkwright.core.errors import Invalid
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes import birth
from arkwright.serve.processes.files import Room
from arkwright.serve.processes.supervisor import Supervisor, serve

ROW = {"km": 1.0, "aa": 0.0, "delay": 2.0}


@pytest.fixture(scope="module")
def who(tmp_path_factory):
    """Two workers that answer with the number of their process."""
    folder = tmp_path_factory.mktemp("who")
    with Supervised(folder, {"who": [(who_release(folder / "who@1"), 1, 1.0)]}, workers=2) as server:
        yield server


def settle(server, count=2):
    """Until so many answer that are not those that died."""
    server.until(lambda: len(server.workers()) == count)
    found = set()

    def all_answer():
        found.add(server.who())
        return found >= set(server.workers())

    server.until(all_answer)
    return found


def test_workers_share_the_port(who):
    assert settle(who) == set(who.workers())


def test_each_worker_has_a_processor_of_its_own(who):
    free = sorted(os.sched_getaffinity(0))
    found = sorted(tuple(os.sched_getaffinity(pid)) for pid in settle(who))
    assert found == ([(cpu,) for cpu in free[:2]] if len(free) > 1 else [tuple(free)] * 2)


@pytest.mark.parametrize("pin", [True, False])
def test_a_single_worker_is_kept_on_one_processor_where_it_is_asked_for(tmp_path, pin):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who"), 1, 1.0)]}, pin=pin) as server:
        free = sorted(os.sched_getaffinity(0))
        assert os.sched_getaffinity(server.who()) == set(free[:1] if pin else free)


def test_another_takes_the_place_of_a_killed_worker(who):
    settle(who)
    before = set(who.workers())
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    who.until(lambda: victim not in who.workers() and len(who.workers()) == 2)
    after = settle(who)
    assert before - {victim} < after
    assert victim not in after


def test_who_waits_to_be_accepted_is_answered_by_the_next_worker(tmp_path):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}) as server:
        (pid,) = server.workers()
        os.kill(pid, signal.SIGSTOP)  # accepts nothing from now on
        answers, waiting = [], []
        for _ in range(8):
            waiting.append(threading.Thread(target=lambda: answers.append(server.who())))
            waiting[-1].start()
        server.until(lambda: queued(server.port) == 8)
        os.kill(pid, signal.SIGKILL)
        for thread in waiting:
            thread.join(60)
        assert answers == server.workers() * 8


def queued(port):
    """Connections of the listening sockets that nobody accepted yet."""
    return sum(int(queues.partition(":")[2], 16) for queues in sockets(port, "0A"))


def sockets(port, state):
    """The queues of this machine's sockets at a port that are in a state: 01 is connected, 0A listens."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [words[4] for words in lines if words[1].endswith(f":{port:04X}") and words[3] == state]


def test_only_what_was_in_flight_is_lost(tmp_path):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}, workers=2) as server:
        settle(server)
        with calling(4, server.port, "/predict", {"distance": 100}) as callers:
            for killed in range(1, 4):
                victim = min(server.workers())
                os.kill(victim, signal.SIGKILL)
                server.until(lambda: server.said("another takes its place") == killed and len(server.workers()) == 2)  # noqa: B023
                settle(server)
        assert sum(caller.answered for caller in callers) > 100
        # each caller has one request at a time: each death costs each of them one
        assert all(len(caller.failed) <= 3 for caller in callers)
        assert {why[0] for caller in callers for why in caller.failed} <= {503}


def test_workers_end_by_themselves_when_the_supervisor_is_killed(tmp_path, monkeypatch):
    """And leave nothing of what they shared. One that is frozen with its keeper goes on for that."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    at = {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}
    with Supervised(tmp_path / "s", at, workers=2, drain_delay=0.0) as server:
        assert list(tmp_path.glob("arkwright-*"))
        os.killpg(server.workers()[0], signal.SIGSTOP)
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        fds = [os.pidfd_open(int(pid)) for pid in children]
        server.process.kill()
        try:
            assert all(select.select([fd], [], [], 10)[0] for fd in fds), "it goes on"
        finally:
            for fd in fds:
                with contextlib.suppress(ProcessLookupError):  # it has ended
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                os.close(fd)
        assert not list(tmp_path.glob("arkwright-*"))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_what_is_in_flight_is_answered_though_the_supervisor_was_killed_before_it_had_read_all(tmp_path):
    at = {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}
    with Supervised(tmp_path / "s", at, repository=True, drain_delay=0.0) as server:
        said = []
        asking = threading.Thread(target=lambda: said.append(server.call("/predict", {"distance": 4})[0]))
        asking.start()
        server.until(lambda: in_flight(server) == 1)
        server.process.send_signal(signal.SIGSTOP)
        with socket.create_connection(("127.0.0.1", server.port)) as loads:
            loads.sendall(
                b"POST /v2/repository/models/who/load HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
            )
            server.until(lambda: in_flight(server) == 1)  # it has asked the supervisor by then
            time.sleep(0.2)
            server.process.kill()
            asking.join(60)
        assert said == [200]


def test_workers_are_replaced_one_after_the_other_and_nobody_notices(who):
    before = settle(who)
    with calling(4, who.port, "/predict", {"distance": 100}) as callers:
        for _ in range(2):
            then = set(who.workers())
            who.process.send_signal(signal.SIGHUP)
            who.until(lambda: len(who.workers()) == 2 and not then & set(who.workers()))  # noqa: B023
    assert not before & settle(who)
    assert [caller.failed for caller in callers] == [[]] * 4
    assert all(caller.answered for caller in callers)


def test_when_the_new_ones_cannot_live_the_old_ones_stay(tmp_path):
    folder = who_release(tmp_path / "who@1")
    with Supervised(tmp_path / "s", {"who": [(folder, 1, 1.0)]}, workers=2) as server:
        before = settle(server)
        (folder / "code" / "flights.py").write_text(DEADLY)
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: server.said("the workers are not replaced: the new one ended at once"))
        server.until(lambda: set(server.workers()) == before)
        (folder / "signature.json").unlink()
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: server.said("the workers are not replaced: {'who': "))
        server.until(lambda: set(server.workers()) == before)
        assert settle(server) == before


def test_on_ctrl_c_nothing_is_delayed(tmp_path):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who"), 1, 1.0)]}, drain_delay=600.0) as server:
        assert server.who()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0


def test_sigterm_answers_what_was_asked_and_accepts_for_the_drain_delay(tmp_path):
    releases = {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}
    with Supervised(tmp_path / "s", releases, workers=2, drain_delay=2.0) as server:
        settle(server)
        answers = []
        slow = [threading.Thread(target=lambda: answers.append(server.call("/predict", {"distance": 3}))) for _ in "ab"]
        for thread in slow:
            thread.start()
        server.until(lambda: len(sockets(server.port, "01")) >= 2)
        server.process.send_signal(signal.SIGTERM)

        def ready():
            client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            client.request("GET", "/v2/health/ready")
            status = client.getresponse().status
            client.close()
            return status

        server.until(lambda: ready() == 503)
        for thread in slow:
            thread.join(60)
        assert [(status, headers["Connection"]) for status, headers, _ in answers] == [(200, "close")] * 2
        assert server.process.wait(60) == 0


LOADS = (
    CODE
    + """
with open(SEEN, "a") as seen:
    seen.write("loads\\n")
while open(GATE).read() == str(open(SEEN).read().count("loads")):
    time.sleep(0.01)
"""
)


def test_a_stop_waits_for_nothing_that_is_loaded(tmp_path):
    """Another endpoint's next release is loaded just then, first aside and then in the worker."""
    seen, gate, one = tmp_path / "seen", tmp_path / "gate", who_release(tmp_path / "who@1")
    code = LOADS.replace("SEEN", repr(str(seen))).replace("GATE", repr(str(gate)))
    slow = who_release(tmp_path / "who@2", code)
    answering, stopped = {"one": [(one, 1, 1.0)], "two": [(one, 1, 1.0)]}, "stopped by ana: it guesses"
    for loads in (1, 2):
        seen.unlink(missing_ok=True)
        gate.write_text(str(loads))
        with Supervised(tmp_path / f"s{loads}", answering) as server:
            server.say(answering | {"one": [(slow, 2, 1.0)]})
            server.until(lambda: seen.exists() and seen.read_text().count("loads") == loads)  # noqa: B023
            server.say({"one": [(slow, 2, 1.0)], "two": stopped})
            server.until(lambda: server.call("/endpoints/two/predict", {"distance": 100})[0] == 503)
            _, headers, told = server.call("/endpoints/two/predict", {"distance": 100})
            assert told == {"error": f"two is {stopped}"}
            assert 1 <= int(headers["Retry-After"]) <= 30
            gate.write_text("0")
            server.until(lambda: server.call("/endpoints/one/predict", {"distance": 100})[2]["release"][-1] == "2")
            assert server.call("/endpoints/two/predict", {"distance": 100})[0] == 503  # what was loaded meanwhile, too
            os.kill(server.workers()[0], signal.SIGKILL)
            server.until(lambda: server.said("another takes its place") == 1)
            assert server.call("/endpoints/two/predict", {"distance": 100})[0] == 503  # who comes later knows it
            server.move(answering)
            assert server.call("/endpoints/two/predict", {"distance": 100})[0] == 200


def test_a_worker_that_dies_at_once_is_an_error_and_no_endless_loop(tmp_path):
    folder = who_release(tmp_path / "who@1", DEADLY)
    said = [{"who": Routing((Share(Served(folder, "release:who@1", "1" * 64)),))}]

    def ready(address):
        raise AssertionError(address)

    with pytest.raises(
        Invalid, match=r"who cannot be served: release:who@1: workers end while they load it \(SIGKILL\)"
    ):
        serve(lambda held: said.pop() if said else None, Serving(port=0), ready)


def test_where_the_shadows_cannot_have_a_process_the_endpoint_stays_as_it_was(tmp_path):
    class Crew:
        async def cast_shadows(self):
            raise OSError("no process can be forked")

        async def move(self, order, names):
            return {}

    served = Served(tmp_path, "release:who@1", "1" * 64)
    without, shadowed = Routing((Share(served),)), Routing((Share(served, 0.0, shadow=True),), version=3)

    async def applied():
        supervisor = Supervisor(list, Serving(), Room(1, 1, 1), (), None, tmp_path, print)
        supervisor._crew, supervisor._applying = Crew(), asyncio.Lock()
        await supervisor._apply("who", without)
        with pytest.raises(OSError, match="its shadows have no process: no process can be forked"):
            await supervisor._apply("who", shadowed)
        return supervisor._traffic

    assert asyncio.run(applied()) == {"who": without}


def test_who_starts_the_server_may_have_the_end_of_children_ignored(tmp_path):
    """No end of a worker would be told then."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(Invalid):
            serve(list, Serving(port=0, access_log=str(tmp_path / "there is" / "no folder")), print)
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_where_no_worker_can_be_forked_each_begins_from_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(birth, "forks", lambda: False)
    folder = who_release(tmp_path / "who@1")
    said = [{"who": Routing((Share(Served(folder, "release:who@1", "1" * 64)),))}]
    answers = []

    def ask(port):
        try:
            for _ in range(2):
                client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                client.request("POST", "/predict", '{"distance": 100}')
                answers.append(json.loads(client.getresponse().read())["prediction"]["value"])
                client.close()
                os.kill(int(answers[0]), signal.SIGKILL) if len(answers) == 1 else None
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    asking = []

    def ready(address):
        asking.append(threading.Thread(target=ask, args=[int(address.rpartition(":")[2])]))
        asking[0].start()

    serve(lambda _: said.pop() if said else None, Serving(port=0), ready)
    asking[0].join(60)
    assert len(set(answers)) == 2


def test_ready_is_said_when_every_worker_answers(tmp_path):
    """One that dies while it loads is replaced first."""
    folder = who_release(tmp_path / "who@1")
    once = f"\nimport pathlib\nonce = pathlib.Path({str(tmp_path / 'once')!r})\nif not once.exists():\n"
    with (folder / "code" / "flights.py").open("a") as code:
        code.write(once + "    once.touch()\n    os.kill(os.getpid(), 9)\n")
    with Supervised(tmp_path / "s", {"who": [(folder, 1, 1.0)]}, workers=2) as server:
        assert server.said("another takes its place") >= 1
        assert len(settle(server)) == 2


def test_a_swap_mixes_no_two_releases_and_leaves_nothing_of_the_old_one(tmp_path):
    one, two = flat_release(tmp_path / "late@1", 0.5), flat_release(tmp_path / "late@2", -3.0)
    at = {1: {"late": [(one, 1, 1.0)]}, 2: {"late": [(two, 2, 1.0)]}}
    seen = set()

    def look(answer, said):
        seen.add((answer.headers["Arkwright-Release"], answer.headers["Arkwright-Digest"], said))

    with Supervised(tmp_path / "s", at[1], workers=2) as server, calling(4, server.port, "/predict", ROW, look) as all_:
        for version in (2, 1) * 5:
            server.move(at[version])
            seen.clear()  # what follows was asked before, or is the new one's
            server.until(lambda: server.call("/predict", ROW)[0] == 200)
            answers = [server.call("/predict", ROW) for _ in range(10)]
            assert {headers["Arkwright-Release"] for _, headers, _ in answers} == {f"release:late@{version}"}
            assert {body["release"] for _, _, body in answers} == {f"release:late@{version}"}
            assert len({json.dumps(body["prediction"]) for _, _, body in answers}) == 1
    assert [caller.failed for caller in all_] == [[]] * 4
    by_release = {}
    for release, digest, said in seen:
        by_release.setdefault(release, set()).add((digest, said))
        assert json.loads(said)["release"] == release
        assert json.loads(said)["digest"] == digest
    assert all(len(answers) == 1 for answers in by_release.values())


def test_what_cannot_be_loaded_is_not_served_also_not_by_the_next_worker(tmp_path):
    one, two = flat_release(tmp_path / "late@1"), flat_release(tmp_path / "late@2")
    (two / "model.onnx").write_bytes(b"no graph")
    with Supervised(tmp_path / "s", {"late": [(one, 1, 1.0)]}, workers=1) as server:
        server.move({"late": [(two, 2, 1.0)]})
        assert server.said("endpoint:late@2 cannot be served: release:late@2: ") == 1
        assert server.call("/predict", ROW)[2]["release"] == "release:late@1"
        (pid,) = server.workers()
        os.kill(pid, signal.SIGKILL)
        server.until(lambda: server.workers() not in ([], [pid]))
        assert server.call("/predict", ROW)[2]["release"] == "release:late@1"


def test_a_worker_that_starts_during_a_swap_serves_the_new_release(tmp_path):
    one, two = who_release(tmp_path / "who@1"), who_release(tmp_path / "who@2")
    with Supervised(tmp_path / "s", {"who": [(one, 1, 1.0)]}, workers=2) as server:
        settle(server)
        for version, folder in [(2, two), (1, one)] * 3:
            os.kill(min(server.workers()), signal.SIGKILL)
            server.move({"who": [(folder, version, 1.0)]})
            settle(server)
            found = {server.call("/predict", {"distance": 100})[2]["release"] for _ in range(20)}
            assert found == {f"release:who@{version}"}


def test_a_request_that_ends_workers_is_refused_and_the_others_go_on(tmp_path):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}, workers=2) as server:
        settle(server)
        deaths = 0
        while True:
            status, _, answer = server.call("/predict", {"distance": 666})
            if status != 503:
                break
            deaths += 1
            assert deaths <= 3
            server.until(lambda: server.said("another takes its place") == deaths)  # noqa: B023
            settle(server)
        assert (status, deaths) == (422, 3)
        assert answer == {"error": "this request ended the server 3 times; it is not computed again"}
        assert server.said("refused from now on") == 1
        assert server.call("/predict", {"distance": 666.0})[0] == 503  # another; who comes later knows the first too
        server.until(lambda: server.said("another takes its place") == 4)
        settle(server)
        assert server.said("refused from now on") == 1
        before = set(server.workers())
        for _ in range(10):
            assert server.call("/predict", {"distance": 666})[0] == 422
            assert server.call("/predict", {"distance": 667})[0] == 200
        assert set(server.workers()) == before


def test_the_process_of_the_shadows_ends_with_the_last_of_them(tmp_path):
    one, two = (who_release(tmp_path / f"who@{number}") for number in (1, 2))
    alone, shadowed = [(one, 1, 1.0)], [(one, 1, 1.0), (two, 2, 0.0, True)]
    with Supervised(tmp_path / "s", {"who": alone}) as server:
        (worker,) = server.workers()
        for _ in range(2):
            server.move({"who": shadowed})
            assert len(server.workers()) == 2
            server.move({"who": alone})
            server.until(lambda: server.workers() == [worker])
        assert server.who() == worker
        assert not server.said("a worker ended")


def in_flight(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        said = answer.read().decode()
    return sum(float(line.split()[-1]) for line in said.splitlines() if line.startswith("arkwright_in_flight{"))


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_whom_somebody_else_tells_to_end_is_followed_before_it_has_answered_all(tmp_path, sign):
    at = {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}
    with Supervised(tmp_path / "s", at, drain_delay=0.0) as server:
        old, said = server.who(), []
        asking = threading.Thread(target=lambda: said.append(server.call("/predict", {"distance": 9})))
        asking.start()
        server.until(lambda: in_flight(server) == 1)
        os.kill(old, sign)
        server.until(lambda: len(server.workers()) == 2)  # the old one accepts nobody by then, who would wait behind
        assert (server.who() != old, said) == (True, [])
        asking.join(60)
        assert (said[0][0], said[0][2]["prediction"]["value"]) == (200, old)


def test_as_many_wait_as_the_queue_is_said_to_take(tmp_path):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}, queue=2) as server:
        said = []
        asking = [
            threading.Thread(target=lambda: said.append(server.call("/predict", {"distance": 3})[0])) for _ in range(6)
        ]
        asking[0].start()
        server.until(lambda: in_flight(server) == 1)  # whoever comes in the same moment is computed with it
        for thread in asking[1:]:
            thread.start()
        server.until(lambda: said.count(503) >= 3)  # one is computed, and two wait
        for thread in asking:
            thread.join(60)
        assert sorted(said) == [200, 200, 200, 503, 503, 503]


def test_who_was_computed_beside_it_is_not_refused(tmp_path):
    """The same good request is in flight whenever a worker dies, and is answered all the same."""
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}) as server:
        with calling(6, server.port, "/predict", {"distance": 0.01}) as callers:
            for killed in range(1, 6):
                count = sum(caller.answered for caller in callers)
                server.until(lambda: sum(caller.answered for caller in callers) > count + 20)  # noqa: B023
                os.kill(server.workers()[0], signal.SIGKILL)
                server.until(lambda: server.said("another takes its place") == killed)  # noqa: B023
            count = sum(caller.answered for caller in callers)
            server.until(lambda: sum(caller.answered for caller in callers) > count + 20)
        assert {why[0] for caller in callers for why in caller.failed} <= {503}
        assert server.said("refused from now on") == 0
