"""What works beside a server is there as long as the server is."""

import logging
import os
import signal
import sys
import time

from arkwright.work.beside import kept_alive

ENDS = "import os, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
HERE = ENDS + "open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"


def born(path, count):
    """Those that were started, when they are so many."""
    end = time.monotonic() + 60
    while not path.exists() or path.read_text().count("\n") < count:
        assert time.monotonic() < end
        time.sleep(0.01)
    return [int(line) for line in path.read_text().split()]


def test_another_takes_the_place_of_one_that_is_killed_and_none_stays(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        with kept_alive([sys.executable, "-c", HERE, str(tmp_path / "born")], "sweeps", again=0.01):
            (first,) = born(tmp_path / "born", 1)
            os.kill(first, signal.SIGKILL)
            _, second = born(tmp_path / "born", 2)
            os.kill(second, signal.SIGSTOP)  # who is halted ends all the same
        assert not os.path.exists(f"/proc/{second}")  # noqa: PTH110
        assert caplog.messages == ["what sweeps ended (-9); another takes its place"]


def test_one_that_cannot_be_started_is_told_and_tried_again(tmp_path, caplog):
    with kept_alive([str(tmp_path / "none")], "sweeps", again=0.01):
        end = time.monotonic() + 60
        while len(caplog.messages) < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert caplog.messages[0] == "what sweeps cannot be started: No such file or directory; trying again"
