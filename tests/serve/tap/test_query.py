"""Predictions are found again, wherever they are by now, with their labels."""

import datetime as dt
import errno
import json
import os
import time

import msgspec
import pyarrow.parquet as pq
import pytest

from arkwright.core.errors import Invalid, Unknown
from arkwright.core.nouns import Column
from arkwright.core.where import parse
from arkwright.serve.tap import compact as compacting
from arkwright.serve.tap import label_index, query
from arkwright.serve.tap import labels as label_log
from arkwright.serve.tap.blocks import frame
from arkwright.serve.tap.compact import compact
from arkwright.serve.tap.index_lock import LOCK
from arkwright.serve.tap.labels import Label, Labels, files
from arkwright.serve.tap.query import Wanted, find, unknown
from arkwright.serve.tap.segment import segments
from arkwright.serve.tap.writer import Tap

from .conftest import COLUMNS, DIGEST, fill, row, said, signature


def found(place, **words):
    scratch = place.scratch()
    out = place.root / "out.parquet"
    count = find(place.folder, place.store, place.tables, scratch, Wanted(**words), out)
    table = pq.read_table(out)
    assert len(table) == count
    return table


def ids(place, **words):
    return found(place, **words).column("id").to_pylist()


def done(place):
    compact(place.folder, place.store, place.scratch())


def label(place, *labels):
    with Labels(place.folder) as log:
        log.add([Label(*one) for one in labels], "ana").result(60)


def test_parts_closed_and_open_segments_together_newest_first(place):
    place.log(range(2))
    done(place)
    place.log(range(2, 4))
    tap, release = place.tap()
    fill(tap, release, range(4, 6))
    tap._flush()
    assert ids(place) == [f"r{n}" for n in range(5, -1, -1)]
    assert ids(place, limit=2) == ["r5", "r4"]
    tap.close()


def test_nothing_there(place):
    assert found(place).num_rows == 0
    place.log(range(2))
    done(place)
    assert ids(place, id="it's") == []


def test_by_time_release_and_id(place, monkeypatch):
    moments = [dt.datetime(2026, 11, day, 12) for day in (1, 2, 3)]  # noqa: DTZ001
    for number, moment in enumerate(moments):
        stamp = int(moment.replace(tzinfo=dt.UTC).timestamp()) * 10**9
        with monkeypatch.context() as clock:
            clock.setattr(time, "time_ns", lambda stamp=stamp: stamp)
            tap = Tap(place.folder, "late")
            release = tap.release(f"release:late@{number + 1}", DIGEST, signature())
            fill(tap, release, [number])
            tap.close()
        if number < 2:
            done(place)
    assert ids(place) == ["r2", "r1", "r0"]
    assert ids(place, since=moments[1]) == ["r2", "r1"]
    assert ids(place, until=moments[1]) == ["r0"]
    assert ids(place, since=moments[1], until=moments[2]) == ["r1"]
    assert ids(place, since=moments[2] + dt.timedelta(microseconds=1)) == []
    assert ids(place, release="release:late@2") == ["r1"]
    assert ids(place, id="r0") == ["r0"]
    assert found(place).column("at").to_pylist() == moments[::-1]


def test_the_last_label_of_a_row_is_joined(place):
    label(place, ("r1", True))  # before the prediction is known
    place.log(range(3))
    tap, release = place.tap()
    answer = json.dumps({"predictions": [said(), said()]}).encode()
    tap.add(release, b"many", b"", json.dumps([row(1), row(2)]).encode(), answer, 1)
    tap.close()
    done(place)
    label(place, ("r1", False), ("r2", True), ("many", False, 1), ("nobody", True))
    label(place, ("r2", False), ("r2", True))
    table = found(place)
    there = {(r["id"], r["row"]): r["actual"] for r in table.to_pylist()}
    assert there == {("r0", 0): None, ("r1", 0): False, ("r2", 0): True, ("many", 0): None, ("many", 1): False}
    assert str(table.schema.field("actual").type) == "bool"
    assert found(place, id="many").column("actual").to_pylist() == [None, False]


def test_rows_are_found_by_their_labels(place):
    """As by any other column; before the first label has come, none is."""
    assert ids(place, where=(parse("actual=true"),)) == []
    place.log(range(5))
    done(place)
    assert ids(place, where=(parse("actual=true"),)) == []
    assert ids(place, where=(parse("actual="),)) == ["r4", "r3", "r2", "r1", "r0"]
    label(place, ("r0", True), ("r1", False), ("r3", True))
    assert ids(place, where=(parse("actual=true"),)) == ["r3", "r0"]
    assert ids(place, where=(parse("actual=true"),), limit=1) == ["r3"]
    assert ids(place, where=(parse("actual=false|id=r4"), parse("row=0"))) == ["r4", "r1"]
    with pytest.raises(Unknown, match="'idd'"):
        ids(place, where=(parse("actual=false|idd=r4"),))
    with pytest.raises(Invalid, match="actual is true or false, not '1'"):
        ids(place, where=(parse("actual=1"),))


@pytest.mark.parametrize(
    ("classes", "labels", "actual", "kind"),
    [
        ((0, 1), (1, 0), [1, 0], "int64"),
        (("no", "yes"), ("yes", "it's 'new'"), ["yes", "it's 'new'"], "string"),
        ((), (1.5, 2), [1.5, 2.0], "double"),
    ],
    ids=["int", "str", "number"],
)
def test_a_label_has_the_type_of_the_answers(place, classes, labels, actual, kind):
    tap = Tap(place.folder, "late")
    release = tap.release("release:late@3", DIGEST, signature(classes=classes))
    fill(tap, release, range(2))
    tap.close()
    label(place, *((f"r{n}", said) for n, said in enumerate(labels)))
    table = found(place).sort_by("id")
    assert table.column("actual").to_pylist() == actual
    assert str(table.schema.field("actual").type) == kind


def test_releases_with_other_columns_and_types_together(place):
    tap = Tap(place.folder, "late")
    other = (Column(name="distance", type="str"), Column(name="new", type="int"))
    for columns, classes in ((COLUMNS, (False, True)), (other, ("a", "b"))):
        release = tap.release("release:late@3", DIGEST, signature(columns=columns, classes=classes))
        body = row(1) if columns is COLUMNS else {"distance": "far", "new": 2}
        answer = said() if columns is COLUMNS else {"label": "a", "probabilities": {"a": 1.0, "b": 0.0}}
        tap.add(release, b"r", b"", json.dumps(body).encode(), json.dumps({"prediction": answer}).encode(), 1)
    tap.close()
    label(place, ("r", "b"))
    rows = found(place).to_pylist()
    assert sorted((r["distance"], r["new"] or 0, r["label"], r["actual"]) for r in rows) == [
        ("1.0", 0, "true", "b"), ("far", 2, "a", "b"),
    ]  # fmt: skip


def test_a_column_whose_type_is_another_is_told_as_text(place, monkeypatch):
    """Of a release that had numbers, times and truths, and of one that has none of these there."""
    monkeypatch.setattr(query, "FIRST", 1)
    kinds = ("spent", "float", "str"), ("Stops", "int", "bool"), ("left", "datetime", "float"), ("n", "int", "float")
    old, new = (tuple(Column(name=each[0], type=each[which]) for each in kinds) for which in (1, 2))
    new = (*new[:1], Column(name="stops", type="bool"), *new[2:])  # SQL knows no upper case in names
    bodies = ({"spent": 12.5, "Stops": 1, "left": "2028-02-29T23:59:59", "n": 3},
              {"spent": "much", "stops": True, "left": 7.5, "n": 0.5})  # fmt: skip
    for number, (columns, body) in enumerate(zip((old, new), bodies, strict=True)):
        tap = Tap(place.folder, "late")
        release = tap.release(f"release:late@{number}", DIGEST, signature(columns=columns))
        answer = json.dumps({"prediction": said()}).encode()
        tap.add(release, f"r{number}".encode(), b"", json.dumps(body).encode(), answer, 1)
        tap.close()
        done(place)
    there = [tuple(row[name] for name in ("id", "spent", "left", "n")) for row in found(place).to_pylist()]
    assert there == [("r1", "much", "7.5", 0.5), ("r0", "12.5", "2028-02-29 23:59:59", 3.0)]
    assert {row.get("stops", row.get("Stops")) for row in found(place).to_pylist()} == {"1", "true"}
    for text, some in [
        ("spent=much", ["r1"]), ("spent!=much", ["r0"]), ("spent>=9", ["r0"]), ("left>=2028-02-29", ["r0"]),
        ("left<8", ["r1"]), ("spent=much|left>=2028-02-29", ["r1", "r0"]), ("n<9", ["r1", "r0"]),
    ]:  # fmt: skip
        assert ids(place, where=(parse(text),)) == some, text
        assert ids(place, where=(parse(text),), limit=5) == some, text
    with pytest.raises(Invalid, match="spent holds words, which have no order"):
        ids(place, where=(parse("spent>=much"),))
    assert ids(place, where=(parse("spent=much"),), release="release:late@1") == ["r1"]
    label(place, ("r1", True))
    for text, some in [
        ("actual=true|spent>=9", ["r1", "r0"]), ("spent>=9|actual=false", ["r0"]), ("actual=false|left<8", ["r1"]),
        ("actual=false|stops=", []), ("actual=true|spent=much", ["r1"]),
    ]:  # fmt: skip
        held = found(place, where=(parse(text),), limit=5)
        assert held.column("id").to_pylist() == some, text
        assert held.column_names == found(place).column_names
    with pytest.raises(Invalid, match="spent holds words, which have no order"):
        ids(place, where=(parse("actual=true|spent>=much"),))


def test_many_parts(place, monkeypatch):
    monkeypatch.setattr(compacting, "MERGE", 10_000)
    for number in range(300):
        place.log([number])
        if number % 5 == 4:
            done(place)
    assert len(ids(place)) == 300


def test_a_query_and_a_compaction_do_not_meet(place, monkeypatch):
    """While rows move from segments to parts, each is seen exactly once."""
    place.log(range(5))
    put = place.store.put

    def look_and_put(path):
        assert len(ids(place)) == 5
        return put(path)

    monkeypatch.setattr(place.store, "put", look_and_put)
    done(place)
    assert segments(place.folder) == []
    assert len(ids(place)) == 5


def test_labels_that_belong_to_nothing_are_counted(place):
    def strangers(*given):
        return unknown(place.folder, place.store, place.tables, place.scratch(), list(given))

    place.folder.mkdir(parents=True)
    assert strangers(("r0", 0)) == 1
    place.log(range(3))
    assert strangers(("r0", 0), ("r0", 0), ("r0", 1), ("x", 0)) == 2
    done(place)
    assert strangers(("r0", 0), ("r2", 0), ("it's", 0)) == 1


def test_the_newest_are_found_without_reading_what_is_older(place, monkeypatch):
    for start in range(0, 60, 10):
        place.log(range(start, start + 10))
        done(place)
    read, write = [], place.tables.write

    def wrote(sql, inputs, out):
        read.append(len(inputs))
        return write(sql, inputs, out)

    monkeypatch.setattr(place.tables, "write", wrote)
    monkeypatch.setattr(query, "FIRST", 1)
    assert ids(place, limit=5) == [f"r{n}" for n in range(59, 54, -1)]
    assert read == [1, 2]  # one part; what was found, with its labels
    del read[:]
    assert ids(place, limit=25) == [f"r{n}" for n in range(59, 34, -1)]
    assert read == [3, 2]
    del read[:]
    assert ids(place, where=(parse("stops<12"),), limit=5) == ["r11", "r10", "r9", "r8", "r7"]
    assert sum(read) >= 6  # each once, and what was found before
    everything = [f"r{n}" for n in range(59, -1, -1)]
    for limit in (1, 10, 11, 59, 60, 61, None):
        assert ids(place, limit=limit) == everything[:limit]
    with pytest.raises(Unknown, match="no prediction has a column 'stop'; did you mean \"stops\""):
        ids(place, where=(parse("stop<12|stops>=0"),), limit=5)


def test_the_newest_are_found_where_parts_overlap_in_time(place, monkeypatch):
    monkeypatch.setattr(query, "FIRST", 1)
    (early, release), (late, same) = place.tap(), place.tap()
    for tap, which, number in ((early, release, 0), (late, same, 1), (early, release, 2)):
        fill(tap, which, [number])
    for tap in (early, late):
        tap.close()
        done(place)
    assert ids(place, limit=2) == ["r2", "r1"]


def test_labels_are_found_by_their_ids_alone_however_many_there_are(place, monkeypatch):
    place.log(range(40))
    with Labels(place.folder, roll_bytes=200) as log:
        for n in [*range(40), *range(0, 40, 3)]:  # the last one counts
            log.add([Label(f"r{n}", label=n % 2 == 0)], "ana").result(60)
        log.add([Label("r5", label=True), Label("r6", label=False)], "ana").result(60)
    before = found(place).column("actual").to_pylist()
    done(place)
    logs = files(place.folder / "labels")
    assert [path.with_suffix(".index").exists() for path in logs] == [True] * (len(logs) - 1) + [False]
    assert len(logs) > 5
    blocks = []
    seen = label_log.placed
    monkeypatch.setattr(label_log, "placed", lambda *given: (blocks.append(one) or one for one in seen(*given)))
    assert found(place, id="r5").column("actual").to_pylist() == [True]
    assert len(blocks) < 10  # of 55: r5 twice, and the log that is not full
    assert found(place).column("actual").to_pylist() == before
    assert sorted(path.suffix for path in (place.folder / "labels").iterdir()).count(".index") == len(logs) - 1
    more = frame(label_log.LABELS, msgspec.msgpack.encode([("r9", 0, True, 1, "x")]))
    logs[0].write_bytes(logs[0].read_bytes() + more)
    assert label_index.places(logs[0], label_index.numbered(["r9"])) is None  # it was appended to: read as a whole
    label_log.forget(place.folder, -60)
    assert list((place.folder / "labels").iterdir()) == []


def test_a_log_that_may_only_be_read_is_read(place, monkeypatch):
    place.log(range(3))
    done(place)
    first, open_ = ids(place), os.open

    def only_read(path, flags, *given, **more):
        if flags & (os.O_RDWR | os.O_WRONLY) and str(path).startswith(str(place.folder)):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return open_(path, flags, *given, **more)

    monkeypatch.setattr(os, "open", only_read)
    assert ids(place) == first == ["r2", "r1", "r0"]
    (place.folder / LOCK).unlink()  # a copy without it
    assert ids(place) == first
