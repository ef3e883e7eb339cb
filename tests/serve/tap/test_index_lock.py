"""Who reads compacted predictions keeps out nobody for ever who changes them, and the other way round."""

import threading
import time
from contextlib import ExitStack

import pytest

from arkwright.core.errors import Away
from arkwright.serve.tap import index_lock
from arkwright.serve.tap.compact import Compacted, compact
from arkwright.serve.tap.index_lock import DOOR, LOCK, changing, reading
from arkwright.serve.tap.parts import Index
from arkwright.serve.tap.segment import segments


def test_a_reader_that_stands_still_puts_off_compaction_and_keeps_no_other_reader_out(place, monkeypatch):
    monkeypatch.setattr(index_lock, "PATIENCE", 0.05)
    place.log(range(3))
    with reading(place.folder):
        with pytest.raises(Away, match=r"(?s)goes on; where it stands still, end it \(fuser -v .*late/index\.lock\)"):
            compact(place.folder, place.store, place.scratch())
        with reading(place.folder):
            assert len(segments(place.folder)) == 1
    assert compact(place.folder, place.store, place.scratch()).rows == 3
    with reading(place.folder):
        assert compact(place.folder, place.store, place.scratch()) == Compacted(), "nothing is to be changed"


def test_readers_that_overlap_keep_out_nobody(tmp_path):
    over = threading.Event()

    def read():
        while not over.is_set():
            with reading(tmp_path):
                time.sleep(0.03)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for n, one in enumerate(readers):
        one.start()
        time.sleep(0.005 * n)
    begun = time.monotonic()
    try:
        with changing(tmp_path):
            assert time.monotonic() - begun < 1
    finally:
        over.set()
        for one in readers:
            one.join()


@pytest.mark.parametrize("held", [(DOOR,), (DOOR, LOCK)], ids=["that waits", "that changes them"])
def test_one_that_stands_still_keeps_out_no_reader_for_ever(tmp_path, monkeypatch, held):
    monkeypatch.setattr(index_lock, "PATIENCE", 0.01)
    monkeypatch.setattr(index_lock, "CHANGES", 0.01)
    with ExitStack() as stack:
        for name in held:
            stack.enter_context(index_lock.locked(tmp_path / name))
        if LOCK not in held:
            stack.enter_context(reading(tmp_path))
        else:
            with pytest.raises(Away, match=r"are being changed by a process that stands still; end it"):
                stack.enter_context(reading(tmp_path))


def test_who_only_reads_makes_no_door(place):
    place.log(range(3))
    compact(place.folder, place.store, place.scratch())
    (place.folder / DOOR).unlink()
    with reading(place.folder):
        assert len(Index(place.folder).parts) == 1
    assert not (place.folder / DOOR).exists()
