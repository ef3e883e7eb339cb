"""Writers are killed at any moment; what they had acknowledged is there, whole and in order.

`ARKWRIGHT_CYCLES` sets the number of kills (CI: 30; nightly: 10000).
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time

from arkwright.infra.disk_store import DiskStore
from arkwright.infra.sqlite_ledger import SqliteLedger

CYCLES = int(os.environ.get("ARKWRIGHT_CYCLES", "30"))
WRITERS = 4

LEDGER = """
from arkwright.core.ports import Entry
from arkwright.infra.sqlite_ledger import SqliteLedger

def write(folder, name):
    ledger = SqliteLedger(folder / "ledger.db")
    print("ready", flush=True)
    number = 0
    while True:
        number += 1
        entries = [Entry("a", f"{name}/{number}/{part}", "x" * (number % 7 * 500)) for part in range(number % 3 + 1)]
        print(ledger.append(name, entries), entries[-1].key, len(entries), flush=True)
"""
STORE = """
from arkwright.infra.disk_store import DiskStore

def write(folder, name):
    store = DiskStore(folder / "store")
    print("ready", flush=True)
    number = 0
    while True:
        number += 1
        data = f"{name} {number} ".encode() * (number % 5 * 20_000 + 1)
        print(store.put_bytes(data), len(data), flush=True)
"""
FORKED = """
import os, sys
from pathlib import Path

for number, pipe in enumerate(sys.argv[3:]):
    if os.fork() == 0:
        sys.stdout = os.fdopen(int(pipe), "w")
        write(Path(sys.argv[1]), f"{sys.argv[2]}-{number}")
os.wait()
"""


def kill_writers(script, folder, cycles, check):
    """Writers are processes that share nothing but their imports, which take longest."""
    chance = random.Random(cycles)
    acknowledged = []
    for cycle in range(cycles):
        pipes = [os.pipe() for _ in range(WRITERS)]
        ends = [end for _, end in pipes]
        command = [sys.executable, "-c", script + FORKED, str(folder), str(cycle), *map(str, ends)]
        running = subprocess.Popen(command, pass_fds=ends, start_new_session=True)
        for end in ends:
            os.close(end)
        said = [os.fdopen(begin) for begin, _ in pipes]
        assert [pipe.readline() for pipe in said] == ["ready\n"] * WRITERS
        time.sleep(chance.random() * 0.05)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        for pipe in said:
            with pipe:
                acknowledged += [line.split() for line in pipe if line.endswith("\n")]
        check(acknowledged)
    return acknowledged


def test_the_ledger_keeps_what_it_acknowledged(tmp_path):
    def check(acknowledged):
        begin = time.monotonic()
        ledger = SqliteLedger(tmp_path / "ledger.db")
        there = {event.key: event.seq for event in ledger.find()}
        assert ledger.verify() == len(there)
        assert sorted(there.values()) == list(range(1, len(there) + 1))
        for seq, key, size in acknowledged:
            assert there[key] == int(seq)
            whole = [there[f"{key.rsplit('/', 1)[0]}/{part}"] for part in range(int(size))]
            assert whole == list(range(int(seq) - int(size) + 1, int(seq) + 1))
        ledger.close()
        assert time.monotonic() - begin < 5

    assert len(kill_writers(LEDGER, tmp_path, CYCLES, check)) > 2 * CYCLES


def test_the_store_keeps_what_it_acknowledged(tmp_path):
    def check(acknowledged):
        store = DiskStore(tmp_path / "store")
        assert all(store.path(digest).stat().st_size == int(size) for digest, size in acknowledged)

    acknowledged = kill_writers(STORE, tmp_path, max(3, CYCLES // 3), check)
    assert len(acknowledged) > 20
    store = DiskStore(tmp_path / "store")
    assert list(store.verify()) == []
    orphans = list((store.root / "tmp").iterdir())
    store.sweep(older_than_s=-1)
    assert not list((store.root / "tmp").iterdir())
    assert len(orphans) <= WRITERS * CYCLES
    for digest, _ in acknowledged[:20]:
        assert hashlib.sha256(store.path(digest).read_bytes()).hexdigest() == digest
