"""`arkwright top` against a real worker: once for programs and people, live in a terminal, and without a server."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from arkwright.api.verbs import VERBS
from arkwright.cli.main import main
from arkwright.serve.telemetry.counters import Counters

WORKER = Path(__file__).parents[1] / "serve" / "telemetry" / "worker.py"
ARKWRIGHT = str(Path(sys.executable).with_name("arkwright"))


@pytest.fixture
def url(tmp_path):
    Counters.create(tmp_path, 1)
    process = subprocess.Popen([sys.executable, WORKER, tmp_path, "0", "0"], stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.terminate()
    process.wait(60)
    process.stdout.close()


def test_it_is_a_verb():
    assert VERBS["top"].place == "arkwright.api.endpoints.top:top"


def test_once_for_programs(url, capsys):
    assert main(["top", url, "--once", "--json", "--every", "0.1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["url"], told["gone"]) == (url, "")
    shares = {row["release"]: row["share"] for row in told["rows"] if row["endpoint"] == "late"}
    assert shares == {"release:late@3": 0.9, "release:late@4": 0.1}
    assert [worker["worker"] for worker in told["workers"]] == ["0"]


def test_once_for_people(url, capsys):
    assert main(["top", url.removeprefix("http://"), "--every", "0.1"]) == 0  # no terminal: one window
    out = capsys.readouterr().out
    assert "0 requests/s" in out
    assert [line.split()[:3] for line in out.splitlines() if "late@" in line] == [
        ["late", "late@3", "90%"],
        ["late", "late@4", "10%"],
    ]
    assert "worker" in out
    assert "(none)" not in out  # nothing was asked of it


def test_no_server_is_one_line_and_3(capsys):
    assert main(["top", "http://127.0.0.1:9", "--once"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: nothing answers at http://127.0.0.1:9 (Connection refused); start it with: ")
    assert err.count("\n") == 1


def test_no_address_is_2(capsys):
    assert main(["top", "ftp://x"]) == 2
    assert "is no server's address" in capsys.readouterr().err


class Terminal:
    """`arkwright top` in a terminal of its own."""

    def __init__(self, url):
        self.ours, theirs = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "160", "LINES": "30"}
        command = [ARKWRIGHT, "top", url, "--every", "0.1"]
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        self.said, self.drawn = b"", threading.Event()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self.ours, 65536)
            except OSError:  # the other side is closed
                break
            self.said += data
            if self.said.count(b"late@3") >= 2:
                self.drawn.set()
        self.drawn.set()

    def close(self):
        code = self.process.wait(60)
        self.reader.join(60)
        os.close(self.ours)
        return code


@pytest.mark.parametrize("how", ["q", "ctrl-c"])
def test_live_in_a_terminal_until_it_is_ended(url, how):
    terminal = Terminal(url)
    assert terminal.drawn.wait(60)
    if how == "q":
        os.write(terminal.ours, b"q")
    else:
        os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.close() == 0, terminal.said
    assert b"\x1b[?1049h" in terminal.said  # a screen of its own
    assert terminal.said.endswith(b"\x1b[?25h\x1b[?1049l")  # left as it was, with a cursor
    assert b"Traceback" not in terminal.said
