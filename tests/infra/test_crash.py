"""Writers are killed at any moment; what they had acknowledged is there, whole and in order.

`ARKWRIGHT_CYCLES` sets the number of kills (CI: 30; nightly: 10000).
"""

import hashlib
import os
import random
import subprocess
import sys
import time

from arkwright.infra.disk_store import DiskStore
from arkwright.infra.sqlite_ledger import SqliteLedger

CYCLES = int(os.environ.get("ARKWRIGHT_CYCLES", "30"))
WRITERS = 4

LEDGER = """
import sys
from pathlib import Path
from arkwright.core.ports import Entry
from arkwright.infra.sqlite_ledger import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]) / "ledger.db")
print("ready", flush=True)
number = 0
while True:
    number += 1
    entries = [Entry("a", f"{sys.argv[2]}/{number}/{part}", "x" * (number % 7 * 500)) for part in range(number % 3 + 1)]
    print(ledger.append(sys.argv[2], entries), entries[-1].key, len(entries), flush=True)
"""
STORE = """
import sys
from pathlib import Path
from arkwright.infra.disk_store import DiskStore
store = DiskStore(Path(sys.argv[1]) / "store")
print("ready", flush=True)
number = 0
while True:
    number += 1
    data = f"{sys.argv[2]} {number} ".encode() * (number % 5 * 20_000 + 1)
    print(store.put_bytes(data), len(data), flush=True)
"""


def kill_writers(script, folder, cycles, check):
    chance = random.Random(cycles)
    acknowledged = []
    for cycle in range(cycles):
        command = [sys.executable, "-c", script, str(folder)]
        running = [
            subprocess.Popen([*command, f"{cycle}-{n}"], stdout=subprocess.PIPE, text=True) for n in range(WRITERS)
        ]
        for process in running:
            assert process.stdout.readline() == "ready\n"
        time.sleep(chance.random() * 0.05)
        for process in running:
            process.kill()
        for process in running:
            lines = process.communicate()[0].splitlines(keepends=True)
            acknowledged += [line.split() for line in lines if line.endswith("\n")]
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
