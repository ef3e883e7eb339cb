"""A process that may have few files open."""

import contextlib
import json
import resource
import socket
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from tests.serve.conftest import flat_release
from tests.serve.supervised import Supervised

from arkwright.serve.processes.files import KEPT, room

ROW = json.dumps({"km": 1.25, "aa": 0.0, "delay": 2.5}).encode()
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ASKED = HEAD % len(ROW) + ROW


@given(files=st.integers(16, 2**20), calls=st.booleans())
def test_whoever_comes_fits_beside_what_the_server_opens(files, calls):
    found = room(files, calls=calls)
    assert min(found) >= 1
    protocols = 1 + calls
    assert found.connections * protocols + found.refused + found.waiting <= max(files - KEPT, files // 2)
    assert found.connections <= 4096


def test_as_many_files_as_the_system_gives_are_asked_for(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with Supervised(tmp_path / "s", {"late": [(flat_release(tmp_path / "late"), 1, 1.0)]}, files=(256, hard)) as server:
        for process in (server.process.pid, *server.workers()):
            assert resource.prlimit(process, resource.RLIMIT_NOFILE)[0] == min(hard, 2**16)
        assert not server.said("files open")


def test_where_there_are_few_whoever_is_too_many_is_told_so_and_the_log_has_its_own(tmp_path):
    logs = {"late": {"folder": str(tmp_path / "predictions")}}
    release = {"late": [(flat_release(tmp_path / "late"), 1, 1.0)]}
    with Supervised(tmp_path / "s", release, logs, files=(512, 512)) as server, contextlib.ExitStack() as held:
        assert server.said("may have 512 files open here, so a worker takes 128 connections") == 1
        said = Counter()
        socks = [held.enter_context(socket.create_connection(("127.0.0.1", server.port), 60)) for _ in range(400)]
        for sock in socks:
            with contextlib.suppress(BrokenPipeError):  # it is told already
                sock.sendall(ASKED)
            said[sock.recv(65536)[9:12]] += 1
        assert said == {b"200": 128, b"503": 272}
        server.until(lambda: logged(tmp_path / "predictions") > 128 * 40)
        assert not server.said("too many open files")


def logged(folder):
    """Bytes in the log of predictions, of which a record takes more than 40."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
