"""A past span watched again: what would have been noticed and done, by today's words; nothing is."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.api.answering import answered, rows
from tests.api.watch.test_reacting import TWO, endpoint, up

from arkwright.api.endpoints.emergency import resume, stop
from arkwright.api.watch import alarms, labelled_window
from arkwright.api.watch.rehearsal import rehearse_watch
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.errors import Away, Invalid, Unknown
from arkwright.core.locks import locked
from arkwright.core.nouns import Release
from arkwright.infra import sqlite_ledger
from arkwright.monitor.measured import Found

HOUR = 3600


@pytest.fixture
def past(two, monkeypatch):
    """Two days ago a canary was let in; half a day ago its rows moved away, and later they came back."""
    with monkeypatch.context() as patched:
        ago = (datetime.now(UTC) - timedelta(days=2)).isoformat(timespec="milliseconds")
        patched.setattr(sqlite_ledger, "now", lambda: ago)
        up(
            two,
            ['of = "canary"\nto = "psi(spent) < 2"\nafter = "2h"\ndo = ["halt"]'],
            watch='window = "1h"',
            promises=("psi(spent) < 2",),
            share=0.2,
        )
    for hours in range(24, 0, -1):
        answered(two, rows(300, shift=200 if 4 <= hours <= 12 else 0), monkeypatch, ago=hours * HOUR, release="buys@2")
    return two


def told(at, **words):
    return at.do(rehearse_watch, about="buys", **{"since": datetime.now(UTC) - timedelta(hours=40), **words})


def test_what_would_have_been_noticed_and_done(past):
    mark = past.site.watched / "buys.why"  # of a look that explains just now, or was ended in it
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    a_clock_ran_ahead(past)
    before = past.site.ledger.head(), mark.stat().st_mtime_ns
    found = told(past)
    assert [one.what for one in found] == ["raised", "halt"]
    raised, halted = found
    assert (raised.release, raised.promise, raised.n) == (TWO, "psi(spent) < 2", 300)
    assert raised.value > 2
    hours = (datetime.now(UTC) - raised.at).total_seconds() / HOUR
    assert 10.9 < hours < 13
    assert (halted.at - raised.at) == timedelta(hours=2)
    assert (past.site.ledger.head(), mark.stat().st_mtime_ns) == before
    assert TWO in endpoint(past).shares


def a_clock_ran_ahead(at):
    """Of two alarms of then, the first is not known in the past, as it was raised next month."""
    for number, days in ((1, 30), (2, -1.9)):
        with pytest.MonkeyPatch.context() as patched:
            now = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="milliseconds")
            patched.setattr(sqlite_ledger, "now", lambda now=now: now)
            then = Found(f"release:buys@{6 + number}", "rows >= 1", 60, 0, "broken", 0.0, None, None, 9, "")
            alarms._raise(at.site, "buys", then, lambda _: ((), ""))


def test_by_the_words_that_the_project_has_now(past):
    past.shop.edit("arkwright.toml", 'after = "2h"', 'after = "2d"')
    assert [one.what for one in told(past)] == ["raised", "over"]
    past.shop.edit("arkwright.toml", 'window = "1h"', 'window = "1h", raise_after = "12h"')
    assert told(past) == ()


def test_only_a_part_of_the_past(past):
    end = datetime.now(UTC) - timedelta(hours=14)
    assert told(past, until=end, since=end - timedelta(hours=4)) == ()


def test_of_a_time_in_which_nothing_was_served_nobody_can_say(past, monkeypatch, capsys):
    [found] = told(past, since=None, until=datetime.now(UTC) - timedelta(days=5))
    assert (found.what, found.promise, found.value) == ("unknown", "", None)
    first = datetime.fromisoformat(next(past.site.ledger.find("endpoint", "buys@1")).at)
    assert found.note == f"nothing was served yet: buys was first promoted at {first:%Y-%m-%d %H:%M} UTC"
    assert [one.what for one in told(past, since=None)] == ["unknown", "raised", "halt"]
    monkeypatch.chdir(past.folder)
    assert main(["rehearse-watch", "buys", "--until", "5d"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"nothing was served yet: buys was first promoted at {first:%Y-%m-%d %H:%M} UTC apart from that, " in said


def test_of_a_stopped_endpoint_nobody_can_say(past, monkeypatch):
    ago = (datetime.now(UTC) - timedelta(hours=20)).isoformat(timespec="milliseconds")
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_ledger, "now", lambda: ago)
        past.do(stop, endpoint="buys", reason="wrong prices")
    assert [(one.what, one.note) for one in told(past)] == [("unknown", "nothing was served: ana had stopped buys")]
    past.do(resume, endpoint="buys")
    found = told(past)
    assert [one.what for one in found] == ["unknown"]
    assert found[0].note.startswith("nothing was served: ana had stopped buys until 20")


def test_spans_that_cannot_be(past):
    with pytest.raises(Invalid, match="a rehearsal has 1 to 5000"):
        told(past, step="1m", since=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(Invalid, match="that is 0 looks"):
        told(past, step="1d", since=datetime.now(UTC) - timedelta(hours=2))
    with pytest.raises(Invalid, match="no span of time"):
        told(past, step="often")
    with pytest.raises(Unknown, match='did you mean "buys"'):
        past.do(rehearse_watch, about="buyz")


def test_where_another_process_joins_labels_all_the_while_nobody_is_told_that_nothing_would_have_happened(
    past, monkeypatch
):
    past.shop.edit("arkwright.toml", '["psi(spent) < 2"]', '["psi(spent) < 2", "recall > 0"]')
    monkeypatch.setattr(labelled_window, "PATIENCE", 0)
    past.site.watched.mkdir()
    with locked(past.site.watched / "buys.labelled.lock"), pytest.raises(Away, match="has joined rows of buys"):
        told(past, since=datetime.now(UTC) - timedelta(hours=1))


@pytest.mark.parametrize("name", ["reference.msgpack", "signature.json"])
def test_of_a_release_with_an_altered_file_it_says_what_the_watch_would(past, name):
    """What is promised of the release is broken; of what cannot be told it is said once that nobody can say."""
    past.shop.edit("arkwright.toml", '["psi(spent) < 2"]', '["psi(spent) < 2", "tampered_files == 0", "recall > 0"]')
    release = versions.resolve(past.site.ledger, Release, TWO)
    path = past.site.store.path(release.files[name])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = told(past, since=datetime.now(UTC) - timedelta(hours=3))
    assert {one.promise for one in found if one.what == "raised" and one.release == TWO} == {"tampered_files == 0"}
    unknown = [one.promise for one in found if one.what == "unknown" and f"{name} of {TWO} cannot be" in one.note]
    assert unknown == ["psi(spent) < 2", *(["recall > 0"] if name == "signature.json" else [])]


def test_on_the_command_line(past, monkeypatch, capsys):
    monkeypatch.chdir(past.folder)
    assert main(["rehearse-watch", "buys", "--since", "1d"]) == 0
    said = capsys.readouterr().out
    assert "would halt" in said
    assert main(["rehearse-watch", "buys", "--since", "1d", "--json"]) == 0
    assert [one["what"] for one in json.loads(capsys.readouterr().out)] == ["raised", "halt"]
    past.shop.edit("arkwright.toml", 'do = ["halt"]', 'do = ["halt"]\ndry_run = true')
    assert main(["rehearse-watch", "buys", "--since", "14h", "--until", "8h"]) == 0
    assert "halt dry-run" in capsys.readouterr().out
    assert main(["rehearse-watch", "buys", "--since", "14h", "--until", "13h"]) == 0
    assert "nothing would have been noticed" in capsys.readouterr().out
