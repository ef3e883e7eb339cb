"""Each request is one line of strict JSON, whatever a caller sends; what cannot be written is counted."""

import errno
import json
import logging
import os
import subprocess
import sys
import threading
import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.serve.telemetry import access_log
from arkwright.serve.telemetry.access_log import AccessLog

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=600)
HOSTILE = st.one_of(
    ANY, st.sampled_from(['"}\n{"status":200', "\x1b[2J", "\u2028\u202e", "\ud800", "\\", "a\r\nb", "\x9b"])
)


def add(log, **facts):
    said = {"caller": "127.0.0.1", "method": "POST", "path": "/", "status": 200, "size": 12, "seconds": 0.0004123}
    log.add(**(said | facts))


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_line_says_who_what_and_how_long(tmp_path):
    log = AccessLog(str(tmp_path / "log"))
    add(log, path="/endpoints/late/predict", request_id="a-1", release="release:late@3", trace_id="ab" * 16)
    log.close()
    [line] = lines(tmp_path / "log")
    assert abs(datetime.fromisoformat(line.pop("time")).timestamp() - time.time()) < 600
    assert line == {
        "caller": "127.0.0.1", "method": "POST", "path": "/endpoints/late/predict", "status": 200, "bytes": 12,
        "ms": 0.412, "request_id": "a-1", "release": "release:late@3", "trace_id": "ab" * 16,
    }  # fmt: skip
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


@given(caller=HOSTILE, method=HOSTILE, path=HOSTILE, request_id=HOSTILE)
def test_whatever_is_sent_stays_in_its_string(tmp_path_factory, caller, method, path, request_id):
    file = tmp_path_factory.getbasetemp() / "hostile"
    file.unlink(missing_ok=True)
    log = AccessLog(str(file))
    add(log, caller=caller, method=method, path=path, request_id=request_id)
    add(log)
    log.close()
    written = file.read_bytes()
    assert written.count(b"\n") == 2
    assert all(0x20 <= byte < 0x80 or byte == 0x0A for byte in written)
    assert all(len(line) < 4096 for line in written.splitlines())  # a pipe keeps such a line in one piece
    first, second = lines(file)
    assert (first["status"], first["path"], first["caller"]) == (200, path[:320], caller[:96])
    assert (first["method"], first["request_id"], second["path"]) == (method[:96], request_id[:96], "/")


def test_lines_share_texts_and_never_mix_them(tmp_path):
    log = AccessLog(str(tmp_path / "log"))
    count = 2 * access_log.MOST_KNOWN + 7
    for turn in range(2):
        for i in range(count):
            add(log, path=f"/{i}", method="PUT" if i % 2 else "GET", status=200 + i % 3, seconds=i / 1e6, size=i,
                release=f"r@{i % 5}", request_id=f"{turn}.{i}")  # fmt: skip
    log.close()
    assert [
        (x["path"], x["method"], x["status"], x["ms"], x["bytes"], x["release"], x["request_id"])
        for x in lines(tmp_path / "log")
    ] == [
        (f"/{i}", "PUT" if i % 2 else "GET", 200 + i % 3, int(i / 1e6 * 1e6) / 1e3, i, f"r@{i % 5}", f"{turn}.{i}")
        for turn in range(2)
        for i in range(count)
    ]
    assert max(len(log._known), len(log._times)) <= access_log.MOST_KNOWN


def test_each_line_has_the_time_it_was_made_at(tmp_path, monkeypatch):
    log = AccessLog(str(tmp_path / "log"))
    for now in (0.0009, 0.001, 1764028800.9996, 1764028801.0, 1764028801.0004, 1764028801.9):
        monkeypatch.setattr(access_log, "time", lambda now=now: now)
        add(log)
    log.close()
    assert [line["time"] for line in lines(tmp_path / "log")] == [
        "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z", "2025-11-25T00:00:00.999Z", "2025-11-25T00:00:01.000Z",
        "2025-11-25T00:00:01.000Z", "2025-11-25T00:00:01.900Z",
    ]  # fmt: skip


@pytest.mark.parametrize("there", [True, False], ids=["made by the rotation", "not there"])
def test_after_a_file_was_moved_away_the_new_one_is_written(tmp_path, there):
    log = AccessLog(str(tmp_path / "log"))
    add(log, path="/1")
    log.flush()
    (tmp_path / "log").rename(tmp_path / "log.1")
    if there:
        (tmp_path / "log").touch()
    add(log, path="/2")
    log.close()
    assert [line["path"] for line in lines(tmp_path / "log.1")] == ["/1"]
    assert [line["path"] for line in lines(tmp_path / "log")] == ["/2"]


def test_memory_is_bounded_and_what_is_lost_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(access_log, "MOST_WAITING", 10_000)
    log = AccessLog(str(tmp_path / "log"))
    for _ in range(1000):
        add(log)
    log.close()
    assert log.full > 900
    assert log.written == 1000 - log.full == len(lines(tmp_path / "log"))


def test_a_full_disk_costs_lines_and_is_told_once(tmp_path, caplog):
    log = AccessLog("/dev/full")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            add(log)
            log.flush()
    assert (log.failed, log.written) == (3, 0)
    assert [r.getMessage() for r in caplog.records] == [
        f"the access log cannot be written, lines are lost and counted: {os.strerror(errno.ENOSPC)}"
    ]
    log.close()


def test_the_line_after_a_torn_one_begins_anew(tmp_path, monkeypatch):
    log, write = AccessLog(str(tmp_path / "log")), os.write

    def half(file, data):
        if len(data) > 50:
            return write(file, data[:50])
        raise OSError(errno.ENOSPC, "full")

    add(log, path="/" + "x" * 30)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda f, d: half(f, d) if len(d) > 100 else half(f, b""))
        log.flush()
    add(log, path="/2")
    log.close()
    good = [json.loads(text)["path"] for text in (tmp_path / "log").read_text().splitlines()[-1:]]
    assert good == ["/2"]
    assert (log.failed, log.written) == (1, 1)


def test_several_writers_never_mix_their_lines(tmp_path):
    def many(number):
        log = AccessLog(str(tmp_path / "log"))
        for i in range(2000):
            add(log, path=f"/{number}/{i}")
            if i % 50 == 0:
                log.flush()
        log.close()

    threads = [threading.Thread(target=many, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({line["path"] for line in lines(tmp_path / "log")}) == 8000


def test_standard_output():
    code = (
        "from arkwright.serve.telemetry.access_log import AccessLog\nlog = AccessLog('-')\nfor i in range(100):\n"
        "    log.add(caller='', method='GET', path=f'/{i}', status=200, size=0, seconds=0.0)\nlog.close()\nprint('end')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    *said, end = done.stdout.splitlines()
    assert [json.loads(line)["path"] for line in said] == [f"/{i}" for i in range(100)]
    assert end == "end"


def test_a_file_that_cannot_be_opened_is_told(tmp_path):
    with pytest.raises(Invalid, match=r"access log .* cannot be written: No such file"):
        AccessLog(str(tmp_path / "no" / "log"))


def test_what_cannot_be_opened_yet_is_opened_when_it_can(tmp_path):
    """A worker that follows another comes without its log: without a worker nobody is answered."""
    log = AccessLog(str(tmp_path / "gone" / "log"), later=True)
    add(log, path="/lost")
    log.flush()
    assert (log.written, log.failed) == (0, 1)
    (tmp_path / "gone").mkdir()
    add(log, path="/kept")
    log.close()
    assert [line["path"] for line in lines(tmp_path / "gone" / "log")] == ["/kept"]
    AccessLog(str(tmp_path / "never" / "log"), later=True).close()
