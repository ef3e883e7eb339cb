"""Compaction of every endpoint of a site: what goes wrong at one stops no other."""

import time
from contextlib import closing

import numpy as np
import pyarrow as pa

from arkwright.core.locks import locked
from arkwright.monitor.asked import Asked
from arkwright.monitor.labelled_hours import Hour, LabelledHours
from arkwright.sites import Site
from arkwright.work import compact


def test_whatever_goes_wrong_at_one_endpoint_stops_no_other(tmp_path, monkeypatch, caplog):
    site, done = Site(tmp_path / ".arkwright"), []
    wrong = {"a": ZeroDivisionError("no such sum"), "b": OSError("no room")}
    for name in ("a", "b", "c"):
        (site.predictions / name).mkdir(parents=True)

    def one(folder, *_, **__):
        if folder.name in wrong:
            raise wrong[folder.name]
        done.append(folder.name)

    monkeypatch.setattr(compact, "compact", one)
    assert (compact.once(site), done) == ({"a", "b"}, ["c"])
    assert compact.once(site, ["c", "d"]) == set()
    assert done == ["c", "c"]
    assert [(record.getMessage().partition(":")[0], bool(record.exc_info)) for record in caplog.records] == [
        ("a", True),
        ("b", False),
    ]


def test_what_was_answered_of_hours_is_kept_no_longer_than_the_log_though_nobody_looks(tmp_path, monkeypatch):
    site, day = Site(tmp_path / ".arkwright"), 86_400
    (site.predictions / "a").mkdir(parents=True)
    monkeypatch.setattr(compact, "_keep", lambda *_: 7 * day)
    begins = [int(time.time()) - days * day for days in (9, 7)]
    with closing(Asked(site.watched / "a.rows.db")) as kept:
        kept.put("r@1", "rows", [(begin, "made of", b"1") for begin in begins])
        assert not compact.once(site)
        assert [*kept.there("r@1", "rows")] == begins[1:]


def test_rows_with_their_labels_are_kept_no_longer_than_the_log_though_nobody_looks_at_them(tmp_path, monkeypatch):
    site, day = Site(tmp_path / ".arkwright"), 86_400
    (site.predictions / "a").mkdir(parents=True)
    monkeypatch.setattr(compact, "_keep", lambda *_: 7 * day)
    path, begins = site.watched / "a.labelled.db", [int(time.time()) - days * day for days in (9, 7)]
    told = {"made_of": "", "rows": 1, "requests": np.zeros(1, np.uint64)}
    tables = dict.fromkeys(("alike", "again", "every", "earlier"), pa.table({"id": ["r0"]}))
    with closing(LabelledHours(path)) as kept:
        kept.put("r@1", [Hour(begin=one, columns=(f"of {one}",), **told, **tables) for one in begins], [], "")
    with locked(path.with_suffix(".lock")):  # by a look, which is not waited for
        assert not compact.once(site)
    assert f"of {begins[0]}".encode() in path.read_bytes()
    assert not compact.once(site)
    assert f"of {begins[0]}".encode() not in path.read_bytes()
    with closing(LabelledHours(path)) as kept:
        assert [*kept.there("r@1")] == begins[1:]
    path.unlink()
    assert not compact.once(site)
    assert not path.exists()
