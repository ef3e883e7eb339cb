"""Workers at their places: one at each, whatever happens to whom and when."""

import os
import shutil
import signal
import threading
from pathlib import Path

from tests.serve.supervised import CODE, Supervised, who_release


def born(supervisor):
    """The process that this supervisor's workers are forked from, or nothing."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [child for child in children if named(child) == "ark-zygote"]


def named(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def test_who_dies_while_another_is_made_in_its_place_is_followed_by_that_one_alone(tmp_path):
    """Of two that took one place the first would go on for ever with what it was told at its birth."""
    before, after = who_release(tmp_path / "who@1"), who_release(tmp_path / "who@2")
    with Supervised(tmp_path / "s", {"who": [(before, 1, 1.0)]}) as server:
        (old,), zygote = server.workers(), born(server.process.pid)
        assert zygote
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: born(server.process.pid) != zygote)
        os.kill(old, signal.SIGKILL)
        server.until(lambda: server.said("another takes its place"))
        assert server.who() != old
        server.move({"who": [(after, 2, 1.0)]})
        assert len(server.workers()) == 1
        assert server.who() == server.workers()[0]
        assert {server.call("/predict", {"distance": 100})[2]["release"] for _ in range(8)} == {"release:who@2"}


WAITS = """
import sys
from pathlib import Path

here = Path(HERE) / str(os.getpid())
if not (here.parent / "open").exists() and "arkwright.serve.processes.tried" not in sys.orig_argv:
    here.touch()
    while here.exists():
        time.sleep(0.05)
"""


def test_who_comes_while_another_endpoint_is_loaded_knows_what_was_stopped(tmp_path):
    """Its release is loaded at once in the new worker, and still loaded in the others."""
    here, one = tmp_path / "loading", who_release(tmp_path / "who@1")
    here.mkdir()
    late = who_release(tmp_path / "who@2", CODE + WAITS.replace("HERE", repr(str(here))))
    answering, stopped = {"one": [(one, 1, 1.0)], "two": [(one, 1, 1.0)]}, "stopped by ana: it guesses"
    with Supervised(tmp_path / "s", answering, workers=2) as server:
        server.say(answering | {"one": [(late, 2, 1.0)]})
        server.until(lambda: len(list(here.iterdir())) == 2)
        held = server.folder / "held"
        held.unlink()
        server.until(lambda: held.exists() and held.read_text())
        assert set(held.read_text().split()) == {"release:one@1", "release:one@2", "release:two@1"}  # it may stay there
        server.say({"one": [(late, 2, 1.0)], "two": stopped})
        server.until(lambda: server.said("endpoint:two@3 is stopped by ana"))
        (here / "open").touch()
        os.kill(server.workers()[0], signal.SIGKILL)
        server.until(lambda: server.call("/endpoints/one/predict", {"distance": 100})[2].get("release", "")[-1:] == "2")
        said = [server.call("/endpoints/two/predict", {"distance": 100})[2] for _ in range(16)]
        assert said == [{"error": f"two is {stopped}"}] * 16
        for waiting in here.iterdir():
            waiting.unlink()


def test_a_stop_waits_for_no_worker_that_leaves(tmp_path):
    """It is busy until `done` is there."""
    done, stopped = tmp_path / "done", "stopped by ana: it guesses"
    waits = f"if flight.distance == 7:\n        while not os.path.exists({str(done)!r}):\n            time.sleep(0.05)"
    one = who_release(tmp_path / "who@1", CODE.replace("if flight.distance < 10:", f"{waits}\n    elif False:"))
    answers = []
    with Supervised(tmp_path / "s", {"one": [(one, 1, 1.0)], "two": [(one, 1, 1.0)]}) as server:
        (old,) = server.workers()
        slow = threading.Thread(
            target=lambda: answers.append(server.call("/endpoints/one/predict", {"distance": 7})[0]), daemon=True
        )
        slow.start()
        server.until(lambda: server.call("/endpoints/two/predict", {"distance": 100})[0] == 200)
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(server.workers()) == 2)
        server.until(lambda: server.call("/endpoints/two/predict", {"distance": 100})[2]["prediction"]["value"] != old)
        server.say({"one": [(one, 1, 1.0)], "two": stopped})
        server.until(lambda: server.call("/endpoints/two/predict", {"distance": 100})[0] == 503)
        assert old in server.workers()
        (new,) = set(server.workers()) - {old}
        os.kill(new, signal.SIGKILL)  # its place is kept, however long the one before it takes to leave
        server.until(lambda: server.call("/endpoints/one/predict", {"distance": 100})[2]["prediction"]["value"] != new)
        assert old in server.workers()
        done.touch()
        slow.join(60)
        assert answers == [200]


GATE = """
from pathlib import Path

gate = Path(HERE)
if (gate / "shut").exists():
    (gate / str(os.getpid())).touch()
    while (gate / "shut").exists():
        time.sleep(0.05)
if (gate / "burnt").exists():
    raise RuntimeError("the disk is on fire")
"""


def gated(folder, here):
    """It loads when the gate is open; what waits at the gate stands in `here`, and fails at last if that is `burnt`."""
    here.mkdir()
    return who_release(folder, CODE + GATE.replace("HERE", repr(str(here))))


def test_neither_a_stop_nor_the_end_waits_for_a_worker_that_comes(tmp_path):
    """Until it can do what the old one does, the old one answers."""
    gate, stopped = tmp_path / "gate", "stopped by ana: it guesses"
    one = gated(tmp_path / "who@1", gate)
    answering = {"one": [(one, 1, 1.0)], "two": [(one, 1, 1.0)]}
    with Supervised(tmp_path / "s", answering, load_time=600.0, drain_delay=0.0) as server:
        (gate / "shut").touch()
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(list(gate.iterdir())) == 2)
        server.say(answering | {"two": stopped})
        server.until(lambda: server.call("/endpoints/two/predict", {"distance": 100})[0] == 503)
        assert server.call("/endpoints/one/predict", {"distance": 100})[0] == 200
        server.process.terminate()
        assert server.process.wait(60) == 0


def test_who_stays_since_no_other_can_come_has_followed_meanwhile(tmp_path):
    gate = tmp_path / "gate"
    one, two = gated(tmp_path / "who@1", gate), who_release(tmp_path / "who@2")
    answering = {"stays": [(one, 1, 1.0)], "moves": [(one, 1, 1.0)]}
    with Supervised(tmp_path / "s", answering) as server:
        (old,) = server.workers()
        (gate / "shut").touch()
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(list(gate.iterdir())) == 2)
        server.move(answering | {"moves": [(two, 2, 1.0)]})  # it waits for nobody who is just coming
        assert server.call("/endpoints/moves/predict", {"distance": 100})[2]["release"] == "release:moves@2"
        assert len(list(gate.iterdir())) == 2
        (gate / "burnt").touch()
        (gate / "shut").unlink()
        server.until(lambda: server.said("the workers are not replaced: {'stays': "))
        assert server.call("/endpoints/moves/predict", {"distance": 100})[2]["release"] == "release:moves@2"
        server.until(lambda: server.workers() == [old])


def test_who_comes_while_an_endpoint_moves_takes_over_with_what_it_moved_to(tmp_path):
    """What it was told first cannot be loaded any more, and is no longer asked for."""
    gate = tmp_path / "gate"
    one, two = gated(tmp_path / "who@1", gate), who_release(tmp_path / "who@2")
    with Supervised(tmp_path / "s", {"who": [(one, 1, 1.0)]}) as server:
        (old,) = server.workers()
        (gate / "shut").touch()
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(list(gate.iterdir())) == 2)
        server.move({"who": [(two, 2, 1.0)]})
        assert server.workers()[0] == old
        (gate / "burnt").touch()
        (gate / "shut").unlink()
        server.until(lambda: old not in server.workers())
        assert server.call("/predict", {"distance": 100})[2]["release"] == "release:who@2"


def test_a_place_is_kept_while_others_load(tmp_path):
    """Who dies of what it answers is followed at once, by one that answers as before until all have loaded."""
    here = tmp_path / "loading"
    here.mkdir()
    one = who_release(tmp_path / "who@1")
    late = who_release(tmp_path / "who@2", CODE + WAITS.replace("HERE", repr(str(here))))
    with Supervised(tmp_path / "s", {"one": [(one, 1, 1.0)]}, workers=2) as server:

        def loading():
            return {path.name for path in here.iterdir() if path.name.isdigit()}

        server.say({"one": [(late, 2, 1.0)]})
        server.until(lambda: len(loading()) == 2)
        first, other = sorted(loading())
        (here / first).unlink()
        server.until(lambda: server.call("/predict", {"distance": 100})[2]["release"] == "release:one@2")
        for died in (1, 2):
            (victim,) = set(server.workers()) - {int(other)}
            os.kill(victim, signal.SIGKILL)
            server.until(lambda: server.said("another takes its place") == died)  # noqa: B023
            server.until(lambda: server.who() not in (victim, int(other)))  # noqa: B023
        assert server.call("/predict", {"distance": 100})[2]["release"] == "release:one@1"
        (here / "open").touch()
        (here / other).unlink()
        server.until(server.followed)
        assert {server.call("/predict", {"distance": 100})[2]["release"] for _ in range(8)} == {"release:one@2"}


def test_no_folder(tmp_path, monkeypatch):
    """Without the folder that all share the server ends, and says why: a place that stays empty would keep whoever
    comes to it waiting for ever. The name is short, as a socket's path has to be.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}, workers=2) as server:
        (folder,) = (tmp_path / "tmp").glob("arkwright-*")
        shutil.rmtree(folder)
        assert server.who()
        os.kill(server.workers()[0], signal.SIGKILL)
        assert server.process.wait(60)
        assert server.said(
            f"Invalid: {folder}, which the server's processes share, was removed, so no worker can begin;"
        )
