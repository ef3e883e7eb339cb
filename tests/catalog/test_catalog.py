"""The catalog follows the ledger: by several at once, after a kill, after damage, behind another ledger."""

import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.catalog import file as catalog_file
from arkwright.catalog.events import Wanted
from arkwright.core import versions
from arkwright.core.errors import Corrupt, Invalid
from arkwright.core.fulltext import match
from arkwright.core.nouns import Finding, Run
from arkwright.sites import Site

PLAIN = {"name": None, "state": None, "text": None, "wanted": Wanted(), "after": None}


def run(site, name="flights", author="ana", **facts):
    noun = Run(name=name, version=0, author=author, state="started", started="", seed=1, code="", lock="", **facts)
    return versions.add(site.ledger, author, noun)


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.catalog.close()
    made.ledger.close()


def listed(site, **words):
    words = PLAIN | {"sort": "-started", "limit": 100} | words
    return [r.ref for r in site.catalog.runs(**words).items]


def test_a_site_without_events(site):
    assert listed(site) == []
    assert site.catalog.keys(Wanted(), 10) == []
    assert site.catalog.search("anything", (), 10, None).items == ()
    assert site.catalog.kinds() == []


def test_what_was_written_a_moment_ago_is_there(site):
    for number in range(1, 6):
        run(site)
        assert listed(site)[0] == f"run:flights@{number}"


def test_pages_meet_without_gap_or_overlap(site):
    for number in range(25):
        run(site, name=f"r{number % 3}")
    for sort in ("started", "-started", "name", "-name", "seconds", "-seconds"):
        found, after = [], None
        while True:
            page = site.catalog.runs(**PLAIN | {"sort": sort, "limit": 7, "after": after})
            found += [r.ref for r in page.items]
            after = page.next
            if after is None:
                break
        assert len(found) == len(set(found)) == 25, sort


@pytest.mark.parametrize("after", ["x", "", "bm90", "WzFd", "../..", "é" * 9])
def test_a_place_that_is_none(site, after):
    if after:
        with pytest.raises(Invalid, match="no place in this list"):
            listed(site, after=after)


def test_a_damaged_file_is_made_anew(site):
    run(site)
    assert listed(site)
    for junk in (b"junk" * 2000, b""):
        site.catalog.close()
        for path in site.folder.glob("catalog.db*"):
            path.unlink()
        (site.folder / "catalog.db").write_bytes(junk)
        assert listed(site) == ["run:flights@1"]


def test_damage_while_it_is_open(site):
    for _ in range(50):
        run(site)
    assert len(listed(site)) == 50
    (site.folder / "catalog.db").unlink()
    assert len(listed(site)) == 50


def test_another_layout_is_made_anew(site):
    run(site)
    assert listed(site)
    site.catalog.close()
    with sqlite3.connect(site.folder / "catalog.db") as db:
        db.execute("DELETE FROM noun")
        db.execute("PRAGMA user_version = 999")
    db.close()
    assert listed(site) == ["run:flights@1"]


def test_another_ledger_is_followed_from_its_beginning(tmp_path):
    first, second = Site(tmp_path / "a"), Site(tmp_path / "b")
    for _ in range(3):
        run(first, name="old")
    assert len(listed(first)) == 3
    for number in range(5):
        run(second, name=f"new{number}")
    for site in (first, second):
        site.catalog.close()
        site.ledger.close()
    for path in (tmp_path / "a").glob("ledger.db*"):
        path.unlink()
    for path in (tmp_path / "b").glob("ledger.db*"):
        path.rename(tmp_path / "a" / path.name)
    replaced = Site(tmp_path / "a")
    assert listed(replaced) == [f"run:new{n}@1" for n in (4, 3, 2, 1, 0)]
    replaced.catalog.close()
    replaced.ledger.close()


def test_a_broken_event_is_named(site):
    for _ in range(3):
        run(site)
    site.ledger.close()
    with sqlite3.connect(site.folder / "ledger.db") as db:
        db.execute("DROP TRIGGER event_no_update")
        db.execute("UPDATE event SET \"by\" = 'eve' WHERE seq = 2")
    db.close()
    again = Site(site.folder)
    with pytest.raises(Corrupt, match=r"event 2 \(run flights@2\) is not what was written"):
        again.catalog.names(Run)
    again.catalog.close()
    again.ledger.close()


def test_stopped_in_between_it_goes_on(site, monkeypatch):
    monkeypatch.setattr(catalog_file, "BATCH", 10)
    for _ in range(35):
        run(site)
    heard = []

    def stop(text):
        heard.append(text)
        if len(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.catalog.follow(stop)
    later = []
    site.catalog.follow(later.append)
    assert "event 30 of 35" in later[0]
    assert len(listed(site)) == 35


def test_many_threads_read_while_others_write(site):
    wrong = []

    def work(number):
        try:
            for _ in range(10):
                made = run(site, name=f"n{number}")
                if made.ref not in listed(site, name=f"n{number}"):
                    wrong.append(made.ref)
        except Exception as error:  # noqa: BLE001 - told below
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(listed(site)) == 60


def test_processes_follow_at_once(site):
    for _ in range(300):
        run(site)
    code = (
        "import sys; from pathlib import Path; from arkwright.sites import Site; from arkwright.catalog.events import "
        "Wanted; site = Site(Path(sys.argv[1])); print(len(site.catalog.keys(Wanted(), 500)))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(site.folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[0].strip() for process in started] == ["300"] * 3
    assert len(site.catalog.keys(Wanted(), 500)) == 300


def test_a_clock_set_back_loses_nothing(site, monkeypatch):
    times = ["2026-01-02T00:00:00.000+00:00", "2026-01-01T00:00:00.000+00:00", "2026-01-03T00:00:00.000+00:00"]
    for at in times:
        monkeypatch.setattr("arkwright.infra.sqlite_ledger.now", lambda at=at: at)
        run(site)

    def seqs(since, until):
        wanted = Wanted(since=datetime(2026, 1, since, tzinfo=UTC), until=datetime(2026, 1, until, tzinfo=UTC))
        return sorted(seq for seq, _, _ in site.catalog.keys(wanted, 10))

    assert seqs(1, 2) == [2]
    assert seqs(2, 3) == [1]
    assert seqs(1, 4) == [1, 2, 3]
    assert seqs(3, 4) == [3]


def test_a_later_finding_takes_the_place_of_the_one_before(site):
    for value in (0.6, 0.8):
        found = Finding(subject="model:late@1", digest="d" * 64, promise="auc >= 0.7", verdict="kept", value=value)
        versions.add_findings(site.ledger, "ana", [found])
    assert [f.value for f in site.catalog.findings("d" * 64)] == [0.8]


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_is_typed_is_no_query_language(searched, text):
    try:
        asked = match(text, ("run", 'x" OR "y'))
    except Invalid:
        return
    searched.execute("SELECT 1 FROM words WHERE words MATCH ?", (asked,)).fetchall()


@pytest.fixture(scope="module")
def searched():
    from pysqlite3 import dbapi2

    db = dbapi2.connect(":memory:", check_same_thread=False)
    db.execute("CREATE VIRTUAL TABLE words USING fts5 (kind, title, text, ref UNINDEXED)")
    yield db
    db.close()
