"""Every row is counted once: however the time is cut, whoever is killed, wherever a clock goes."""

from contextlib import closing
from dataclasses import replace
from itertools import chain

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.core.errors import Corrupt
from arkwright.measures import latencies
from arkwright.monitor import following
from arkwright.monitor.counting import reference
from arkwright.monitor.following import Block, File, Log, follow, window
from arkwright.monitor.kept import DAY, HOUR, Kept

REFERENCE = reference(pa.table({"x": np.arange(100.0), "word": ["a", "b"] * 50}))
START = 1_700_000_000 // HOUR * HOUR


def log(files, settled):
    """`files`: seconds behind the start at which a row came, file by file, each named by its place."""

    def blocks(since, until):
        for seconds in files:
            at = np.array([START + s for s in seconds if since <= START + s < until], np.int64)
            if len(at):
                took = np.where(at % 3, at % 100 / 7, np.nan)
                yield Block(at, pa.table({"x": at % 100 * 1.0, "word": ["a"] * len(at)}), took=took)

    return Log(
        files=[File(f"{n}: {f}", START + min(f), START + max(f)) for n, f in enumerate(files)],
        scan=blocks,
        rows=lambda since, until: (
            block.table.append_column("at", pa.array(block.seconds * 10**6, pa.timestamp("us")))
            for block in blocks(since, until)
        ),
        settled=START + settled,
    )


def rows(kept, until=10**9):
    return kept.window("r", REFERENCE, START, START + until).rows


times = st.lists(st.lists(st.integers(0, 5 * HOUR), min_size=1, max_size=30), min_size=1, max_size=4)


@settings(max_examples=60)
@given(times, st.lists(st.integers(0, 5 * HOUR), max_size=4))
def test_however_the_time_is_cut_every_row_counts_once(tmp_path_factory, files, cuts):
    with closing(Kept(tmp_path_factory.mktemp("kept") / "x.db")) as kept:
        done = 0
        for settled in sorted(cuts):
            seen = [[s for s in file if s < settled] for file in files]  # a file is there when its rows are
            done += follow(kept, "r", REFERENCE, log([f for f in seen if f], settled))
        done += follow(kept, "r", REFERENCE, log(files, 6 * HOUR))
        assert rows(kept) == done == sum(map(len, files))
        assert follow(kept, "r", REFERENCE, log(files, 6 * HOUR)) == 0
        whole = kept.window("r", REFERENCE, START, START + 6 * HOUR)
        again = REFERENCE.count(pa.concat_tables(log(files, 0).rows(START, START + 6 * HOUR)))
        assert whole.columns["x"].counts.tolist() == again.columns["x"].counts.tolist()
        assert whole.columns["word"].counts.tolist() == again.columns["word"].counts.tolist()
        took = np.concatenate([block.took for block in log(files, 0).scan(START, START + 6 * HOUR)])
        assert whole.took.tolist() == latencies.counted(took).tolist()


@settings(max_examples=40)
@given(times, st.integers(0, 5 * HOUR))
def test_rows_that_come_late_because_a_clock_went_back_are_counted(tmp_path_factory, files, settled):
    with closing(Kept(tmp_path_factory.mktemp("kept") / "x.db")) as kept:
        follow(kept, "r", REFERENCE, log(files[:1], settled))
        follow(kept, "r", REFERENCE, log(files, settled))
        assert rows(kept) == sum(s < settled // 60 * 60 for file in files for s in file)
        follow(kept, "r", REFERENCE, log([list(chain(*files))], 6 * HOUR))  # joined to one file meanwhile
        assert rows(kept) == sum(map(len, files))


@pytest.mark.parametrize("marked", [None, -START + 3600, 0])
def test_a_machine_that_began_in_1970_costs_no_day_of_all_those_years(tmp_path, marked):
    files = [[0, 5, 100], [-START + 7, 60, 200]]
    with closing(Kept(tmp_path / "x.db")) as kept:
        if marked is not None:
            follow(kept, "r", REFERENCE, log([files[1][:1]] if marked < 0 else files[:1], marked + 60))
        told, asked = log(files, 6 * HOUR), []
        watched = replace(told, rows=lambda *a: asked.append(a) or told.rows(*a),
                          scan=lambda *a: asked.append(a) or told.scan(*a))  # fmt: skip
        follow(kept, "r", REFERENCE, watched)
        assert kept.window("r", REFERENCE, 0, START + HOUR).rows == 6
        assert kept.mark("r") == START + 6 * HOUR
        assert len(asked) < 8


def test_who_is_killed_on_the_way_counts_the_same_again(tmp_path, monkeypatch):
    files = [list(range(0, 40 * HOUR, 600))]
    monkeypatch.setattr(following, "AT_ONCE", 1)
    with closing(Kept(tmp_path / "x.db")) as kept:
        put, left = kept.put, iter(range(7))

        def killed(*given):
            if next(left, None) is None:
                raise KeyboardInterrupt
            put(*given)

        monkeypatch.setattr(kept, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            follow(kept, "r", REFERENCE, log(files, 41 * HOUR))
    with closing(Kept(tmp_path / "x.db")) as kept:
        assert 0 < rows(kept) < len(files[0])
        follow(kept, "r", REFERENCE, log(files, 41 * HOUR))
        assert rows(kept) == len(files[0])


def test_a_new_minute_costs_a_minutes_work(tmp_path):
    files = [list(range(0, 3 * HOUR, 10))]
    asked = []
    with closing(Kept(tmp_path / "x.db")) as kept:
        follow(kept, "r", REFERENCE, log(files, 2 * HOUR + 600))
        told = log(files, 2 * HOUR + 660)
        scan = told.scan
        watched = Log(files=told.files, rows=told.rows, settled=told.settled,
                      scan=lambda a, b: asked.append((a - START, b - START)) or scan(a, b))  # fmt: skip
        assert follow(kept, "r", REFERENCE, watched) == 6
    assert asked == [(2 * HOUR + 600, 2 * HOUR + 660)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 40 * HOUR - 1), min_size=1, max_size=60),
    st.lists(st.integers(0, 40 * 60), max_size=3),
    st.lists(st.tuples(st.integers(0, 40 * 60), st.integers(0, 25 * 60)), min_size=1, max_size=4),
)
def test_a_window_of_up_to_a_day_has_its_rows_to_the_minute_whenever_it_was(tmp_path_factory, seconds, looks, asked):
    with closing(Kept(tmp_path_factory.mktemp("kept") / "x.db")) as kept:
        for settled in (*sorted(look * 60 for look in looks), 40 * HOUR):
            told = log([[s for s in seconds if s < settled]] if min(seconds) < settled else [], settled)
            follow(kept, "r", REFERENCE, told)
        for begin, long in asked:
            since, until = begin * 60, min(begin + long, 40 * 60) * 60
            found = window(kept, "r", REFERENCE, told, START + since + 7, START + until + 7)
            there = [s for s in seconds if since <= s < until]
            assert found.rows == len(there)
            assert found.columns["x"].counts.sum() == len(there) if there else True
        assert rows(kept) == len(seconds)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 100 * HOUR - 1), min_size=1, max_size=60),
    st.lists(st.integers(0, 100 * 60), max_size=3),
    st.lists(st.integers(0, 100 * HOUR - 1), max_size=9),
    st.lists(st.tuples(st.integers(0, 100), st.integers(26, 100)), min_size=1, max_size=4),
)
def test_a_long_window_has_its_rows_whatever_came_late(tmp_path_factory, seconds, looks, late, asked):
    with closing(Kept(tmp_path_factory.mktemp("kept") / "x.db")) as kept:
        for settled in (*sorted(look * 60 for look in looks), 100 * HOUR):
            told = log([[s for s in seconds if s < settled]] if min(seconds) < settled else [], settled)
            follow(kept, "r", REFERENCE, told)
        days = {day for s in seconds if (day := (START + s) // DAY) < (START + 100 * HOUR) // DAY}
        assert kept._db.run("SELECT count(*) FROM day").fetchone() == (len(days),)
        if late:
            follow(kept, "r", REFERENCE, log([seconds, late], 100 * HOUR))
        for begin, long in asked:
            since, until = begin * HOUR, min(begin + long, 100) * HOUR
            found = kept.window("r", REFERENCE, START + since, START + until)
            there = [START + s for s in (*seconds, *late) if since <= s < until]
            assert found.rows == len(there)
            if there:
                took = np.array(there)[np.array(there) % 3 > 0]
                assert found.took.tolist() == latencies.counted(took % 100 / 7).tolist()
                assert (found.columns["x"].low, found.columns["x"].high) == (
                    min(s % 100 for s in there), max(s % 100 for s in there)
                )  # fmt: skip


def test_minutes_stay_for_a_day_and_are_read_once_more_only_where_none_are_kept(tmp_path):
    seconds = list(range(0, 30 * HOUR, 30))
    with closing(Kept(tmp_path / "x.db")) as kept:
        for settled in (10 * HOUR + 600, *range(10 * HOUR + 660, 12 * HOUR, 60), 30 * HOUR):
            told = log([[s for s in seconds if s < settled]], settled)
            follow(kept, "r", REFERENCE, told)
        asked = []
        told = replace(told, scan=lambda a, b: asked.append((a - START, b - START)) or log([seconds], 0).scan(a, b))
        hour = 20 * HOUR + 600
        for _ in range(2):
            assert window(kept, "r", REFERENCE, told, START + hour, START + hour + HOUR).rows == 120
        assert asked == [(20 * HOUR, 21 * HOUR), (21 * HOUR, 22 * HOUR)]
        assert window(kept, "r", REFERENCE, told, START + 11 * HOUR - 600, START + 11 * HOUR + 600).rows == 40
        longer = window(kept, "r", REFERENCE, told, START + 600, START + 29 * HOUR + 600)
        assert longer.rows == 28 * 120
        assert len(asked) == 2
        kept.hours("other", REFERENCE, START + 48 * HOUR + 600)  # of a release that answers no more, too
        assert window(kept, "r", REFERENCE, told, START + hour, START + hour + HOUR).rows == 120
        assert len(asked) == 4
        assert rows(kept) == len(seconds)


def test_of_rows_that_are_gone_no_minutes_are_made(tmp_path):
    seconds = list(range(0, 3 * HOUR, 30))
    with closing(Kept(tmp_path / "x.db")) as kept:
        follow(kept, "r", REFERENCE, log([seconds], 3 * HOUR))
        gone = log([[s for s in seconds if s >= HOUR]], 3 * HOUR)
        assert window(kept, "r", REFERENCE, gone, START + 600, START + 2 * HOUR).rows == 120
        assert rows(kept) == len(seconds)


def test_hours_that_are_over_are_one_slot(tmp_path):
    with closing(Kept(tmp_path / "x.db")) as kept:
        for settled in range(0, 3 * HOUR + 120, 60):
            follow(kept, "r", REFERENCE, log([list(range(0, settled + 1, 30))], settled))
        slots = list(kept.slots("r", REFERENCE, START, START + 9 * HOUR))
        assert [(begin - START, seconds, counts.rows) for begin, seconds, counts in slots] == [
            (0, HOUR, 120), (HOUR, HOUR, 120), (2 * HOUR, HOUR, 120), (3 * HOUR, 60, 2),
        ]  # fmt: skip


def test_what_columns_do_together_is_counted_by_the_minute_in_which_rows_came(tmp_path):
    seconds = list(range(0, 2 * HOUR + 600, 20))
    with closing(Kept(tmp_path / "x.db")) as kept:
        for settled in (HOUR + 90, 2 * HOUR, 2 * HOUR + 600):
            follow(kept, "r", REFERENCE, log([[s for s in seconds if s < settled]], settled))
        whole = kept.window("r", REFERENCE, START, START + 9 * HOUR).joint
    assert whole.moments.n == whole.moments.rows == len(seconds)
    assert whole.trail.minutes.tolist() == [START // 60 + minute for minute in range(130)]
    assert (whole.trail.rows == 3).all()
    with closing(Kept(tmp_path / "y.db")) as kept:
        follow(kept, "r", REFERENCE, log([[1, 2, 3]], 60))  # all of a block are of one minute
        assert kept.window("r", REFERENCE, START, START + 60).joint.moments.n == 3


def test_what_is_no_count_is_told_and_can_be_counted_anew(tmp_path):
    path = tmp_path / "x.db"
    with closing(Kept(path)) as kept:
        follow(kept, "r", REFERENCE, log([[1, 2, 3]], HOUR))
        kept._db.run("UPDATE slot SET body = x'00'")
        with pytest.raises(Corrupt, match="remove it, and it is begun anew"):
            rows(kept)
    path.write_bytes(b"nothing" * 1000)
    with pytest.raises(Corrupt, match="remove it, and it is begun anew"):
        Kept(path)


def test_the_last_so_many_rows_begin_with_the_slot_that_makes_them_full(tmp_path):
    with closing(Kept(tmp_path / "x.db")) as kept:
        follow(kept, "r", REFERENCE, log([list(range(0, 2 * HOUR, 30))], HOUR + 600))
        until = START + HOUR + 600  # 120 rows in the hour, then two a minute
        assert kept.begins("r", 1, until) == until - 60
        assert kept.begins("r", 20, until) == START + HOUR
        assert kept.begins("r", 21, until) == START
        assert kept.begins("r", 10**6, until) == START
        assert kept.begins("nothing", 5, until) == until
