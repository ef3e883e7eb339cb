"""A worker that the kernel kills because there is no memory left (Linux, memory control groups, version 1 or 2)."""

import os
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.serve.supervised import CODE, Supervised, who_release

LAST = "    if flight.distance < 10:"
GREEDY = CODE.replace(
    LAST, f"    if flight.distance == 777:\n        held = [bytearray(b'x') * 2**24 for _ in range(2**12)]\n{LAST}"
)
MORE = 128 << 20  # bytes that a worker may take beside what it has
PLACES = {Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes", Path("/sys/fs/cgroup"): "memory.max"}


@contextmanager
def bounded(pid):
    """The process may have little more memory than it has. Skips where this machine does not let us bound it."""
    for root, name in PLACES.items():
        group = root / f"arkwright-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if not (group / name).exists():
                continue
            (group / name).write_text(str(MORE))
            (group / "cgroup.procs").write_text(str(pid))
            yield
            return
        finally:
            group.rmdir()
    pytest.skip("this machine lets no test bound the memory of a process (root and a memory control group)")


def test_a_worker_without_memory_costs_only_what_it_was_answering(tmp_path):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who", GREEDY), 1, 1.0)]}, workers=1) as server:
        victim = server.who()
        with bounded(victim):
            found = []
            asking = threading.Thread(target=lambda: found.append(server.call("/predict", {"distance": 777})))
            asking.start()
            asking.join(60)
            server.until(lambda: victim not in server.workers())
        (answer,) = found
        assert answer[0] == 503
        assert answer[1]["Retry-After"]
        assert server.who() != victim
        assert server.said("another takes its place") == 1
