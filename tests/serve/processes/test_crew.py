"""Workers at their places: one at each, whatever happens to whom and when."""

import os
import signal
from pathlib import Path

from tests.serve.supervised import Supervised, who_release


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
