"""A release that does not load: in no time, not at all, or not in the worker. What was served goes on."""

import os
import select
import signal
from pathlib import Path

import pytest
from tests.serve.conftest import flat_release
from tests.serve.supervised import CODE, DEADLY, Supervised, calling, who_release

from arkwright.core.errors import Invalid
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes.supervisor import serve

ROW = {"km": 1.0, "aa": 0.0, "delay": 2.0}
WAITS = CODE + "\nwhile True:\n    time.sleep(0.01)\n"
NEVER = "import ctypes\nnever = ctypes.create_string_buffer(64)"  # a lock that is free, once
TAKEN = "ctypes.PyDLL(None).pthread_mutex_lock(never)"  # all the while with the interpreter's lock, and no work done
HOLDS = CODE + f"\n{NEVER}\nwhile True:\n    {TAKEN}\n"
ENOUGH = 20  # seconds for a good release on a busy machine
hangs = pytest.mark.parametrize("code", [WAITS, HOLDS], ids=["waits", "holds the lock"])


def one(folder, version):
    return [(folder, version, 1.0)]


def trials():
    """The processes that try a release, of whatever server."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if b"arkwright.serve.processes.tried" in words:
            found.append((int(entry.parent.name), words))
    return found


def release(server, name):
    body = {"distance": 100} if name == "who" else ROW
    return server.call(f"/endpoints/{name}/predict", body)[2]["release"]


@hangs
def test_nobody_waits_for_what_hangs_and_a_later_one_takes_its_place(tmp_path, code):
    good, bad = who_release(tmp_path / "who@1"), who_release(tmp_path / "who@2", code)
    flat = flat_release(tmp_path / "late@1")
    at = {"who": one(good, 1), "late": one(flat, 1)}
    with Supervised(tmp_path / "s", at, workers=2, load_time=600.0) as server:
        before = server.workers()
        server.say(at | {"who": one(bad, 2)})
        server.until(lambda: any(str(bad).encode() in words for _, words in trials()))
        at["who"] = one(bad, 2)
        server.say(at | {"late": one(flat, 2)})
        server.until(lambda: release(server, "late") == "release:late@2")
        assert release(server, "who") == "release:who@1"
        server.say({"who": one(good, 3), "late": one(flat, 2)})
        server.until(lambda: release(server, "who") == "release:who@3")
        assert not [words for _, words in trials() if str(tmp_path).encode() in words]
        assert server.workers() == before


def test_a_trial_ends_with_its_server(tmp_path):
    """However that ended: nobody is left to end what hangs."""
    begun = tmp_path / "begun"
    code = HOLDS.replace(NEVER, f"{NEVER}\nimport pathlib\npathlib.Path({str(begun)!r}).touch()")
    good, bad = who_release(tmp_path / "who@1"), who_release(tmp_path / "who@2", code)
    with Supervised(tmp_path / "s", {"who": one(good, 1)}, load_time=600.0) as server:
        server.say({"who": one(bad, 2)})
        server.until(begun.exists)
        (trial,) = [os.pidfd_open(pid) for pid, words in trials() if str(bad).encode() in words]
        server.process.kill()
        assert select.select([trial], [], [], 60)[0], "it goes on"
        os.close(trial)


@hangs
def test_what_takes_too_long_counts_as_what_cannot_be_loaded(tmp_path, code):
    good, bad = who_release(tmp_path / "who@1"), who_release(tmp_path / "who@2", code)
    with Supervised(tmp_path / "s", {"who": one(good, 1)}, workers=2, load_time=3.0) as server:
        before = server.workers()
        with calling(2, server.port, "/predict", {"distance": 100}) as callers:
            server.move({"who": one(bad, 2)})
        assert [caller.failed for caller in callers] == [[], []]
        assert server.said("endpoint:who@2 cannot be served: release:who@2 did not load within 3 s: ") == 1
        assert server.said("what is served stays as it was") == 1
        assert release(server, "who") == "release:who@1"
        os.kill(before[0], signal.SIGKILL)  # the next one has the old one too
        server.until(lambda: before[0] not in server.workers() and len(server.workers()) == 2)
        assert {release(server, "who") for _ in range(10)} == {"release:who@1"}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (DEADLY, "the process that loads it ends (SIGKILL)"),
        (CODE + "\nos._exit(3)\n", "the process that loads it ends (exit code 3)"),
        (CODE + "\nraise ValueError('no luck')\n", "in the release cannot be imported: flights.py:20: ValueError"),
    ],
    ids=["killed", "exits", "raises"],
)
def test_what_ends_its_process_ends_no_worker(tmp_path, code, why):
    good, bad = who_release(tmp_path / "who@1"), who_release(tmp_path / "who@2", code)
    with Supervised(tmp_path / "s", {"who": one(good, 1)}, load_time=float(ENOUGH)) as server:
        before = server.workers()
        server.move({"who": one(bad, 2)})
        assert server.said("endpoint:who@2 cannot be served: release:who@2: ") == server.said(why) == 1
        assert server.workers() == before
        server.move({"who": one(good, 3)})
        assert release(server, "who") == "release:who@3"


def test_a_new_endpoint_that_hangs_leaves_the_others_alone(tmp_path):
    good, bad = who_release(tmp_path / "who@1"), who_release(tmp_path / "bad@1", WAITS)
    with Supervised(tmp_path / "s", {"who": one(good, 1)}, load_time=3.0) as server:
        server.move({"who": one(good, 1), "bad": one(bad, 1)})
        assert server.call("/endpoints/bad/predict", {"distance": 1})[0] == 404
        assert release(server, "who") == "release:who@1"


@pytest.mark.parametrize("loop", ["time.sleep(0.01)", TAKEN], ids=["waits", "holds"])
def test_workers_that_are_stuck_are_replaced(tmp_path, loop):
    """It loaded when it was tried, and not in the workers: as a database that went away meanwhile."""
    only_here = f"\n{NEVER}\nimport sys\nwhile not sys.argv[0].endswith('tried.py'):\n    {loop}\n"
    good, bad = who_release(tmp_path / "who@1"), who_release(tmp_path / "who@2", CODE + only_here)
    with Supervised(tmp_path / "s", {"who": one(good, 1)}, workers=2, load_time=5.0) as server:
        before = set(server.workers())
        if "sleep" in loop:
            with calling(2, server.port, "/predict", {"distance": 100}) as callers:
                server.move({"who": one(bad, 2)})
                server.until(lambda: len(server.workers()) == 2 and not before & set(server.workers()))
            assert [caller.failed for caller in callers] == [[], []]
        else:
            server.move({"who": one(bad, 2)})
        assert server.said("endpoint:who@2 cannot be served: release:who@2 did not load within 5 s: ") == 1
        server.until(lambda: release(server, "who") == "release:who@1")
        server.move({"who": one(good, 3)})
        server.until(lambda: len(server.workers()) == 2 and not before & set(server.workers()), 120)
        assert {release(server, "who") for _ in range(10)} == {"release:who@3"}


def test_what_ends_the_workers_that_load_it_is_refused_and_they_answer_as_before(tmp_path):
    """It loaded when it was tried: there was memory for one, and not for each of them."""
    only_here = "\nimport sys\nif not sys.argv[0].endswith('tried.py'):\n    os.kill(os.getpid(), 9)\n"
    good, bad = who_release(tmp_path / "who@1"), who_release(tmp_path / "who@2", CODE + only_here)
    with Supervised(tmp_path / "s", {"who": one(good, 1)}, workers=2) as server:
        with calling(2, server.port, "/predict", {"distance": 100}) as callers:
            server.move({"who": one(bad, 2)})
            died = server.said("another takes its place")
            server.until(lambda: len(server.workers()) == 2)
            os.kill(server.workers()[0], signal.SIGKILL)
            server.until(lambda: server.said("another takes its place") == died + 1 and len(server.workers()) == 2)
        assert {failed[0] for caller in callers for failed in caller.failed} <= {503}
        why = "release:who@2: workers end while they load it (SIGKILL); what is served stays as it was"
        assert server.said(f"endpoint:who@2 cannot be served: {why}") == 1
        assert server.said("answers with") == 0
        assert died == 2 * 2
        assert {release(server, "who") for _ in range(10)} == {"release:who@1"}


@hangs
def test_a_release_that_hangs_when_the_server_starts_is_an_error(tmp_path, code):
    folder, other = who_release(tmp_path / "who@1", code), flat_release(tmp_path / "late@1")
    said = [
        {
            "late": Routing((Share(Served(other, "release:late@1", "2" * 64)),)),
            "who": Routing((Share(Served(folder, "release:who@1", "1" * 64)),)),
        }
    ]

    def ready(address):
        raise AssertionError(address)

    with pytest.raises(Invalid, match="who cannot be served: release:who@1 did not load within 2 s: its code waits"):
        serve(lambda held: said.pop() if said else None, Serving(port=0, workers=2, load_time=2.0), ready)


@hangs
def test_a_server_that_waits_for_a_release_is_stopped_at_once(tmp_path, code):
    begun = tmp_path / "begun"
    touch = f"\nimport pathlib\npathlib.Path({str(begun)!r}).touch()\n"
    folder = who_release(tmp_path / "who@1", touch + code)
    server = Supervised(tmp_path / "s", {"who": one(folder, 1)}, load_time=600.0)
    server.start()
    try:
        server.until(begun.exists)
        (worker,) = server.workers()
        fd = os.pidfd_open(worker)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0
        os.close(fd)
        assert not Path(f"/proc/{worker}").exists()
    finally:
        server.process.kill()
        server.process.communicate()
