"""What was answered is kept by the minute, of all workers, whoever dies on the way."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from arkwright.serve.telemetry import layout as at
from arkwright.serve.telemetry import minutes
from arkwright.serve.telemetry.minutes import Minute, Minutes, forget, read
from arkwright.serve.telemetry.slot import Slot

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
LATE = "release:late@3"


@pytest.fixture
def kept(counters, tmp_path, monkeypatch):
    monkeypatch.setattr(minutes.time, "time", lambda: NOON)
    monkeypatch.setattr(minutes.time, "process_time", lambda: 0.0)
    return Minutes(counters, tmp_path / "predictions")


def found(tmp_path, since=NOON, until=NOON + 86_400, release=LATE):
    return list(read(tmp_path / "predictions" / "late", release, since, until))


def quiet(*told, **words):
    """A minute in which workers computed nothing that could be told."""
    return Minute(*told, **words, busy=0.0)


def served(slot, release=LATE, **words):
    number = slot.counters.declare("late", {release: 1.0}, **words)[release]
    return slot.series(number)


def test_of_all_workers_by_status_and_only_once(counters, kept, tmp_path):
    slots = [Slot(counters, worker) for worker in (0, 1)]
    for slot in slots:
        series = served(slot)
        for kind, status in ((at.PREDICT, 200), (at.INFER, 200), (at.GRPC, 500), (at.PREDICT, 422)):
            series.begin()
            series.observe(kind, status, 0.001, rows=3)
        series.refused(at.PREDICT)
        series.rate_limited()
    kept.note(NOON + 60)
    slots[0].close()  # its worker is gone
    kept.note(NOON + 120)
    series.begin()
    series.observe(at.PREDICT, 200, 0.001, rows=1)
    kept.note(NOON + 180)
    whole = quiet(LATE, NOON, NOON + 60, {"200": 4, "500": 2, "422": 2, "503": 2}, rows=12, limited=2)
    idle = quiet(LATE, NOON + 60, NOON + 120, {})
    assert found(tmp_path) == [whole, idle, quiet(LATE, NOON + 120, NOON + 180, {"200": 1}, rows=1)]
    assert found(tmp_path, since=NOON + 60, until=NOON + 120) == [idle]
    assert found(tmp_path, release="release:late@2") == []
    slots[1].close()


def test_a_release_that_left_is_told_to_its_last_request(counters, kept, tmp_path):
    slot = Slot(counters, 0)
    old = served(slot, version=1)
    kept.note(NOON + 60)
    served(slot, "release:late@4", version=2)
    old.begin()
    old.observe(at.PREDICT, 200, 0.001, rows=1)  # it was on its way
    kept.note(NOON + 120)
    kept.note(NOON + 180)
    assert [one.codes for one in found(tmp_path)] == [{}, {"200": 1}]
    began = found(tmp_path, release="release:late@4")
    assert [(one.since, one.until) for one in began] == [(NOON + 60, NOON + 120), (NOON + 120, NOON + 180)]
    slot.close()


def test_a_shadow_tells_of_its_copies(counters, kept, tmp_path):
    slot = Slot(counters, 0)
    number = counters.declare("late", {LATE: 0.0})[LATE]
    series = slot.series(number, shadow=True)
    series.begin()
    series.observe(at.PREDICT, 200, 0.001, rows=2)
    kept.note(NOON + 60)
    assert found(tmp_path) == [quiet(LATE, NOON, NOON + 60, {"200": 1}, rows=2)]
    slot.close()


def test_what_cannot_be_written_is_told_once_and_kept_for_the_next_time(counters, kept, tmp_path, caplog):
    slot = Slot(counters, 0)
    series = served(slot)
    series.refused(at.PREDICT)
    counters.declare("early", {"release:early@1": 1.0})  # of which they can be
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "late").write_text("in the way")
    with caplog.at_level(logging.ERROR, "arkwright.serve"):
        kept.note(NOON + 60)
        kept.note(NOON + 120)
    assert len(caplog.records) == 1
    (tmp_path / "predictions" / "late").unlink()
    kept.note(NOON + 180)
    assert found(tmp_path) == [quiet(LATE, NOON, NOON + 180, {"503": 1})]
    slot.close()


def test_how_busy_the_workers_of_the_server_are(counters, kept, tmp_path, monkeypatch):
    slots = [Slot(counters, worker) for worker in (0, 1)]
    served(slots[0])
    began = kept._work.at
    for ran, clock, used in ((60, 60, 30.0), (120, 120, 90.0), (180, 3600, 105.0), (240, 180, 135.0), (300, 240, 500)):
        slots[0].floats[at.CPU] = used
        monkeypatch.setattr(minutes, "time", SimpleNamespace(monotonic=lambda ran=ran: began + ran))
        kept.note(NOON + clock)
    could = kept._processors
    shares = (30 / 60, 60 / 60, 15 / 60, 30 / 60, could)
    assert [one.busy for one in found(tmp_path)] == [round(share / could, 4) for share in shares], (
        "an hour ahead, and back"
    )
    for slot in slots:
        slot.close()


def test_a_torn_line_is_skipped(counters, kept, tmp_path):
    slot = Slot(counters, 0)
    served(slot)
    kept.note(NOON + 60)
    (path,) = (tmp_path / "predictions" / "late" / "minutes").iterdir()
    path.write_bytes(path.read_bytes() + path.read_bytes()[:30])
    kept.note(NOON + 120)
    path.write_bytes(path.read_bytes() + b'\n{"release":"x"}\n\xff\xfe')
    assert [one.until for one in found(tmp_path)] == [NOON + 60, NOON + 120]
    slot.close()


def test_days_that_are_older_go(counters, kept, tmp_path, monkeypatch):
    slot = Slot(counters, 0)
    served(slot)
    for day in range(4):
        kept.note(NOON + day * 86_400 + 60)
    monkeypatch.setattr(minutes.time, "time", lambda: NOON + 3 * 86_400 + 120)
    assert forget(tmp_path / "predictions" / "late", 86_400) == 1
    assert len(found(tmp_path, until=NOON + 5 * 86_400)) == 3
    assert forget(tmp_path / "nothing", 1) == 0
    slot.close()


def test_the_last_of_it_is_told_when_a_server_stops(counters, kept, tmp_path):
    slot = Slot(counters, 0)
    with kept:
        served(slot).refused(at.PREDICT)
    assert [one.codes for one in found(tmp_path, since=NOON - 1)] == [{"503": 1}]
    with Minutes(counters, None):
        pass
    slot.close()
