"""A full disk, two runs at once, a clock set back, a flipped byte, too little memory, a killed run."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from arkwright.core import record, versions
from arkwright.core.nouns import Dataset, Model, Release, Run

from .conftest import PROGRAM, Answer, Desk, leftovers, rows

ROW = '[{"country": "DE", "spent": 90.5, "age": 30}]'


def command(desk, *words):
    return [str(PROGRAM), *words, "--project", str(desk.folder), "--by", "ana"]


def start(desk, *words, **how):
    return subprocess.Popen(
        command(desk, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **how
    )


def ended(process):
    out, err = process.communicate(timeout=300)
    return Answer(process.returncode, out, err)


def unclaimed(desk):
    """Every artefact on record is wholly there."""
    site = desk.site()
    for kind in (Dataset, Model, Release):
        for noun in versions.all_of(site.ledger, kind):
            files = noun.files.values() if kind is not Dataset else [noun.digest]
            assert all(site.store.has(digest) for digest in files), noun.ref


# disk full ------------------------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing_and_room_heals_it(made_data, small_disk):
    """With a little more room each time: first the ledger has none, then the rows, then the store."""
    place = small_disk(6)
    desk = Desk(place / "shop", made_data.files)
    desk.works()
    desk.csv("buyers.csv", rows(20_000).splitlines())
    filler, refused = place / "filler", 0
    for room in (0, 8_000, 30_000, 80_000, 130_000, 180_000, 300_000, 2_000_000):
        before = desk.events()
        filler.write_bytes(bytes(max(0, shutil.disk_usage(place).free - room)))
        answer = desk.shell("run")
        filler.unlink()
        assert desk.events()[: len(before)] == before
        desk.sound()
        unclaimed(desk)
        if answer.code == 0:
            break
        code = 1 if "under the ledger" in answer.err else 15  # there SQLite does not say why it failed
        desk.told(answer, code, "the disk is full", "make room")
        refused += 1
    assert refused >= 3
    desk.works()
    assert desk.dataset().rows == 20_000


# two at once ----------------------------------------------------------------------------------------------------------


def test_two_runs_at_once_make_one_release(made_model, tmp_path):
    desk = Desk(tmp_path / "both", made_model.files)
    answers = [ended(process) for process in [start(desk, "run"), start(desk, "run")]]
    assert [answer.code for answer in answers] == [0, 0], [answer.err for answer in answers]
    site = desk.site()
    for kind, count in ((Dataset, 2), (Model, 2), (Release, 1)):
        made = list(versions.all_of(site.ledger, kind))
        assert len(made) == len({noun.recipe for noun in made}) == count, made
    runs = list(versions.all_of(site.ledger, Run))
    assert [(run.version, run.state) for run in runs] == [(1, "finished"), (2, "finished")]
    desk.sound()


def test_everything_at_once_while_a_run_goes_on(shop):
    shop.csv("buyers.csv", rows(500).splitlines())
    shop.path("rows.json").write_text(ROW)
    predict = ("predict", "buys", str(shop.path("rows.json")))
    words = [("run",), predict, predict, predict, ("promote", "buys@1"), ("show",)]
    answers = [ended(process) for process in [start(shop, *some) for some in words]]
    assert [answer.code for answer in answers] == [0] * len(words), [answer.err for answer in answers]
    shop.sound()


# killed ---------------------------------------------------------------------------------------------------------------


def test_a_killed_run_leaves_nothing_that_the_next_does_not_sweep(desk):
    desk.csv("buyers.csv", rows(20_000).splitlines())
    for pause in (0.3, 0.7, 1.1):
        process = start(desk, "run")
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert desk.ask("ledger", "verify").code == 0
        unclaimed(desk)
    for half in desk.path(".arkwright/store/tmp").iterdir():
        os.utime(half, (0, 0))  # what a store has half written is swept when it is a day old
    desk.works()
    assert leftovers(desk.folder) == []


# the clock ------------------------------------------------------------------------------------------------------------


def test_a_clock_set_back_changes_no_order(desk, monkeypatch):
    first = desk.dataset()
    now = record.now
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="milliseconds")
    for module in ("arkwright.core.record", "arkwright.infra.sqlite_ledger", "arkwright.line.line"):
        assert sys.modules[module].now is now
        monkeypatch.setattr(f"{module}.now", lambda: yesterday)
    desk.csv("buyers.csv", rows(300).splitlines())
    desk.works()
    events = desk.events()
    assert events[-1].at == yesterday < events[0].at
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert desk.dataset().version == first.version + 1
    assert [run.version for run in versions.all_of(desk.site().ledger, Run)] == [1, 2]
    assert desk.ask("show", "buyers").out.splitlines()[0].startswith("dataset:buyers@2")
    monkeypatch.undo()  # from here on with workers as they are
    desk.restore()
    desk.works()
    assert "reused" in desk.works().out


# flipped bytes --------------------------------------------------------------------------------------------------------


def flip(path, at):
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def ledger_bytes(desk):
    """The ledger as one file, nothing of it waiting beside it."""
    base = sqlite3.connect(desk.path(".arkwright/ledger.db"))
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    return desk.path(".arkwright/ledger.db").read_bytes()


def test_a_flipped_byte_in_the_ledger(shop):
    """In the body of an event: everything that reads it refuses and names it."""
    shop.path("rows.json").write_text(ROW)
    (release,) = [event for event in shop.events() if event.kind == "release"]
    before = ledger_bytes(shop)
    flip(shop.path(".arkwright/ledger.db"), before.index(release.body.encode()[:200]) + 11)
    said = f"event {release.seq} (release buys@1) is not what was written: its seal does not fit"
    rows_file = str(shop.path("rows.json"))
    for words in (("ledger", "verify"), ("ledger",), ("why", "buys"), ("show",), ("promote", "buys"),
                  ("sign", "buys", "--role", "model-owner"), ("predict", "buys", rows_file), ("serve",)):  # fmt: skip
        shop.told(shop.ask(*words), 6, said)
    doctor = shop.ask("doctor")
    assert doctor.code == 1
    assert said.partition(":")[0] in " ".join(doctor.out.split())
    shop.path(".arkwright/ledger.db").write_bytes(before)
    shop.works()
    flip(shop.path(".arkwright/ledger.db"), ledger_bytes(shop).index(release.body.encode()[:200]) + 11)
    shop.told(shop.ask("run"), 6, said)


def test_a_flipped_byte_in_the_structure_of_the_ledger(desk):
    """Not in a text but in what holds the pages together: still one line and no traceback."""
    path, before = desk.path(".arkwright/ledger.db"), ledger_bytes(desk)
    for at in (0, 18, 100, 103, 4096, 4099, 4105, 8192, len(before) - 4096):
        flip(path, at)
        answer = desk.ask("ledger", "verify")
        assert answer.code in (0, 6), (at, answer.err)  # a byte that nothing reads may be anything
        if answer.code:
            desk.told(answer, 6, "ledger")
        path.write_bytes(before)
    desk.works()


def test_a_flipped_byte_in_the_store(shop):
    """What is damaged is refused by name, and a run makes it anew."""
    shop.path("rows.json").write_text(ROW)
    rows_file = str(shop.path("rows.json"))
    site = shop.site()
    model = versions.resolve(site.ledger, Release, "buys").files["model.onnx"]
    data = shop.dataset("visits").digest
    for digest, refuse in ((model, True), (data, False)):
        path = site.store.path(digest)
        good = path.read_bytes()
        flip(path, len(good) // 2)
        shop.told(shop.ask("profile", "visits"), 6, path.name, "run again to make it anew") if not refuse else None
        if refuse:
            for words in (("predict", "buys", rows_file), ("serve", "buys")):
                shop.told(shop.ask(*words), 6, path.name, "run again to make it anew, or put a backup back")
        doctor = shop.ask("doctor")
        assert doctor.code == 1
        assert f"1 files are not what was written: {digest[:12]}" in " ".join(doctor.out.split())
        shop.works()
        assert path.read_bytes() == good
        assert shop.ask("doctor").code == 0
        assert shop.ask("predict", "buys", rows_file).code == 0


# memory ---------------------------------------------------------------------------------------------------------------


def test_a_large_file_needs_little_memory(desk):
    """The run with its worker, interpreter and libraries included: what it needs does not grow with the file."""
    block = "".join(f"{i},{i % 7:090d},{i % 100}.5,{20 + i % 50},{i % 2}\n" for i in range(40_000)).encode()
    with desk.path("buyers.csv").open("wb") as file:
        file.write(b"id,country,spent,age,again\n")
        for _ in range(150):
            file.write(block)
    size = desk.path("buyers.csv").stat().st_size
    assert size > 600e6
    desk.edit("arkwright.toml", '"rows >= 100", "duplicates(key) == 0"', '"rows == 6000000"')
    watch = f"import resource, subprocess, sys; code = subprocess.run({command(desk, 'run')!r}).returncode; "
    watch += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.splitlines()[-1]) / 1024
    assert desk.dataset().rows == 6_000_000
    assert peak < 480, f"{peak:.0f} MiB for {size / 1e6:.0f} MB"


def limited():
    resource.setrlimit(resource.RLIMIT_DATA, (60 << 20, 60 << 20))


def test_too_little_memory_is_said(desk):
    answer = desk.shell("run", preexec_fn=limited, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    desk.told(answer, 2, "its log ends: ")  # how far it comes decides what says so: the loader, a thread, or Python
    desk.sound()
    desk.works()
