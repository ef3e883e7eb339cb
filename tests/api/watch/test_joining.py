"""Labelled rows that are kept by the hour are those that a join of the whole log finds, whatever came in what order."""

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from tests.api.watch import test_labelled
from tests.api.watch.test_labelled import Logged, yes

from arkwright.api.watch import joining, labelled_window
from arkwright.core.errors import Away
from arkwright.core.locks import locked
from arkwright.monitor.labelled_hours import ALIKE, LabelledHours
from arkwright.serve.tap import compact as compacting
from arkwright.serve.tap import index_lock, label_index, labels
from arkwright.serve.tap import window as logged
from arkwright.serve.tap.hours import HOUR
from arkwright.serve.tap.parts import Index

COLUMNS = ["country", "vip"]


class Killed(Exception):
    """In the place of a process that is."""


@pytest.fixture(autouse=True)
def reader(monkeypatch):
    """Who reads what was predicted is not entered again within: whoever waits to change it would wait for both."""
    locked, held = index_lock.locked, []

    @contextmanager
    def alone(path, **words):
        assert path.name not in held
        held.append(path.name)
        try:
            with locked(path, **words) as got:
                yield got
        finally:
            held.remove(path.name)

    monkeypatch.setattr(index_lock, "locked", alone)


def found(window):
    """(rows that came, the labelled ones, those alike), from what is kept."""
    with labelled_window.kept(window) as kept:
        with window.site.scratch("test") as scratch, window.came(scratch) as came:
            rows = labelled_window.Labelled(window, kept, came, COLUMNS)
        return rows.rows, rows.every(), rows.alike()


def at_once(window):
    """The labelled rows, joined as a whole."""
    names = [*COLUMNS, *window.layout.answer]
    with window.site.scratch("test") as scratch, window.came(scratch) as came:
        out = scratch / "labelled.parquet"
        logged.labelled(window.folder, window.site.tables, scratch, came, names, out)
        return pq.read_table(out)


def as_rows(table):
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def check(window, came):
    """`came`: so many rows did in the window."""
    rows, every, alike = found(window)
    wanted = at_once(window)
    assert rows == came
    assert as_rows(every.select(wanted.column_names)) == as_rows(wanted)
    told = [name for name in alike.column_names if name != ALIKE]
    assert Counter({one[:-1]: one[-1] for one in as_rows(alike)}) == Counter(as_rows(wanted.select(told)))


def killed_after(monkeypatch, writes):
    """Whoever writes once more is."""
    put, done = LabelledHours.put, []

    def dies(*given):
        done.append(1)
        if len(done) > writes:
            raise Killed
        put(*given)

    monkeypatch.setattr(LabelledHours, "put", dies)


def ended(window, hours):
    """One that began so many hours ago or more, and ended earlier."""
    return replace(window, until=window.until - timedelta(hours=hours))


def test_as_joined_at_once(tmp_path, monkeypatch):
    """What comes late, again, before its row, contradicts, or is cut in two by who is killed is in its hours."""
    made = Logged(tmp_path / "site", monkeypatch)
    row = {"country": "DE", "vip": True}
    made.answer([row] * 4, map(yes, (0.9, 0.1, 0.8, 0.2)), ago=5 * HOUR)
    made.answer([row], [yes(0.9)], "s", ago=2 * HOUR)
    made.label([1, None, None, 0])
    found(made.window())
    made.label([0, 1])  # of an hour that nothing else came in; r0 is contradicted
    made.label([None, 1], "s")  # nobody asked this yet
    check(made.window(), 5)
    made.answer([{}], [yes(0.2)], ago=600)  # r0 again
    made.answer([{}, {}], [yes(0.3), yes(0.7)], "s", ago=500)
    made.label([None, 0])
    with monkeypatch.context() as patched:
        killed_after(patched, 1)
        with pytest.raises(Killed):
            found(made.window())
    check(made.window(), 8)
    check(ended(made.window(), 1), 5)
    made.label([None, None, 1])
    found(made.window(0.1))  # which does not reach back to it
    check(made.window(), 8)
    labels.forget(made.folder, -60)
    made.label([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])  # the log has the number of the one before
    check(made.window(), 8)
    with monkeypatch.context() as patched:
        killed_after(patched, 0)  # nothing is new
        found(made.window())


def test_hours_that_are_joined_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(joining, "MOST", 2)
    made = Logged(tmp_path / "site", monkeypatch)
    for hours in (6, 4, 2):
        made.answer([{}] * 2, map(yes, (0.9, 0.1)), f"h{hours % 4}-", ago=hours * HOUR)
    made.label([1, 1], "h2-")
    found(made.window())
    made.label([0, 0, 1, 1], "h0-")  # more at once than are worked in
    check(made.window(), 6)


def test_of_an_hour_that_goes_on_only_what_came_is_read(tmp_path, monkeypatch):
    made, read, requests = Logged(tmp_path / "site", monkeypatch), [], joining.sql.requests

    def counted(*given):
        read.append(0)
        for table in requests(*given):
            read[-1] += len(table)
            yield table

    monkeypatch.setattr(joining.sql, "requests", counted)
    half = int(time.time()) % HOUR + HOUR // 2  # seconds since the last half past
    made.answer([{}] * 3, map(yes, (0.9, 0.1, 0.8)), ago=half)
    made.label([1, 0])
    found(made.window())
    made.answer([{}] * 2, map(yes, (0.2, 0.3)), ago=half - 2)  # again, together with a new hour
    made.answer([{}], [yes(0.7)], "s", ago=half + 3 * HOUR)
    made.label([None, None, 1])
    made.label([1], "s")
    with monkeypatch.context() as patched:
        killed_after(patched, 1)
        with pytest.raises(Killed):
            found(made.window())
    check(made.window(), 6)
    assert read == [3, *[2, 1], *[2, 1]]
    monkeypatch.setattr(compacting, "MERGE", 2)
    made.answer([{}], [yes(0.4)], "t", ago=half - 4)  # in one file with those before
    made.label([0], "t")
    check(made.window(), 7)
    assert sum(read[5:]) > 5


def test_requests_with_one_number_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(label_index, "crc32", lambda _: 7)
    made = Logged(tmp_path / "site", monkeypatch)
    made.answer([{}] * 3, map(yes, (0.9, 0.1, 0.8)), ago=3 * HOUR)
    made.label([1, 0])
    found(made.window())
    made.answer([{}] * 2, map(yes, (0.2, 0.3)), ago=60)
    made.label([None, 1, 0])
    check(made.window(), 5)


def test_an_hour_is_left_alone_that_has_no_request_of_which_anything_is_new(tmp_path, monkeypatch):
    """Of two hours of 100,000 requests some have the same checksum, as these two have."""
    made = Logged(tmp_path / "site", monkeypatch)
    made.answer([{}], [yes(0.9)], "plumless", ago=3 * HOUR)
    made.label([1], "plumless")
    found(made.window())
    made.answer([{}], [yes(0.9)], "buckeroo", ago=0)
    made.label([1], "buckeroo")
    with monkeypatch.context() as patched:
        patched.setattr(LabelledHours, "hour", None)  # what is there is not read
        found(made.window())
    check(made.window(), 2)


def test_a_log_of_labels_that_was_only_begun_hides_none(tmp_path, monkeypatch):
    made = Logged(tmp_path / "site", monkeypatch)
    made.answer([{}] * 2, map(yes, (0.9, 0.1)))
    made.label([1, 0])
    found(made.window())
    made.label([0])
    (made.folder / labels.FOLDER / "000002.log").write_bytes(labels.MAGIC)  # by who was killed then
    check(made.window(), 2)


def test_of_a_machine_that_began_in_1970_the_years_between_have_no_hours(tmp_path, monkeypatch):
    made = Logged(tmp_path / "site", monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(test_labelled, "compact", lambda *_: None)
        made.answer([{}], [yes(0.9)], "old", ago=int(time.time()) - 5)
    made.answer([{}] * 2, map(yes, (0.9, 0.1)))  # in the same file
    made.label([1, 0])
    made.label([1], "old")
    window = replace(made.window(), since=datetime.fromtimestamp(0, UTC))
    assert len(joining.hours_of(window, Index(made.folder).parts)) == 2
    check(window, 3)


def test_who_stands_still_with_a_lock_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(labelled_window, "PATIENCE", 0)
    monkeypatch.setattr(labels, "PATIENCE", 0)
    made = Logged(tmp_path / "site", monkeypatch)
    made.answer([{}] * 2, map(yes, (0.9, 0.1)))
    found(made.window())
    made.label([1, 0])
    with locked(made.folder / labels.LOCK):
        _, every, _ = found(made.window())
    assert not len(every)  # they are worked in the next time
    check(made.window(), 2)
    with locked(made.site.watched / "buys.labelled.lock"):
        with pytest.raises(Away, match="fuser -v"):
            found(made.window())
        recall, rate = made.found("recall > 0", "positive_rate > 0")
    assert (recall.failed, "fuser -v" in recall.note, rate.value) == (True, True, 0.5)
