"""A dataset's past gone through again, by what each look kept: by the promises of now, and by what was measured."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.api.watch.test_data import Data, buyers
from tests.pages.test_data_watch import FRESH, READABLE, ROWS, alive, dead, looked

from arkwright.api.watch.rehearsal import rehearse_watch
from arkwright.cli.main import main
from arkwright.core.errors import Invalid, Unknown

AGO = datetime.now(UTC) - timedelta(hours=13)


def says(at, *promises, watch="", more=""):
    promised = ", ".join(f'"{one}"' for one in promises)
    at.says(buyers=buyers(more, watch=watch, promises=f"promises = [{promised}]\n"))


@pytest.fixture
def past(tmp_path, monkeypatch):
    """Looked at each hour for half a day: dead three times, six times with too few rows."""
    at = Data(tmp_path / "shop")
    says(at, FRESH, ROWS)
    looked(
        at,
        [alive(12), *map(dead, (11, 10, 9)), *(alive(ago, rows=50) for ago in range(8, 2, -1)), alive(2)],
        monkeypatch,
    )
    return at


def told(at, **words):
    before = at.site.ledger.head()
    found = at.do(rehearse_watch, about="data.buyers", **{"since": AGO, **words})
    assert at.site.ledger.head() == before
    return [(one.what, one.promise) for one in found if one.what != "unknown" or one.promise]


def hours(one):
    return round((datetime.now(UTC) - one.at).total_seconds() / 3600)


def test_what_was_noticed_is_what_would_have_been(past):
    noticed = [("raised", READABLE), ("over", READABLE), ("raised", ROWS), ("raised", FRESH), ("over", ROWS)]
    assert sorted(told(past)) == sorted(noticed)


def test_another_limit_is_held_against_the_values_of_then(past):
    says(past, "freshness_hours(at) <= 30", "rows >= 40")
    assert told(past) == [("raised", READABLE), ("over", READABLE)]
    says(past, "rows > 400")
    assert ("raised", "rows > 400") in told(past)


def test_by_the_words_that_the_project_has_now(past):
    more = '[[data.buyers.reactions]]\nto = "readable == 1"\nafter = "1h"\ndo = ["notify", "run"]\ntell = ["ana"]\n'
    says(past, watch='raise_after = "1h", clear_after = "1h"', more=more)
    found = past.do(rehearse_watch, about="data.buyers", since=AGO)
    assert [(one.what, hours(one)) for one in found[1:]] == [("raised", 10), ("notify", 9), ("run", 9), ("over", 7)]
    assert found[1].note == "it <script>alert(1)</script> hangs"


def test_what_was_not_measured_then_nobody_can_say(past, capsys):
    says(past, ROWS, "missing(age) == 0")
    assert ("unknown", "missing(age) == 0") in told(past)
    assert main(["rehearse-watch", "data.buyers", "--since", "3d", "--project", str(past.folder), "--by", "ana"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "data.buyers was not looked at before 2" in said
    assert "missing(age) == 0: what it is about was not measured in this time" in said
    [found] = past.do(rehearse_watch, about="data.buyers", until=AGO)
    assert (found.what, found.note) == ("unknown", "data.buyers was not looked at in this time")


def test_what_cannot_be_rehearsed(past):
    with pytest.raises(Invalid, match="leave the step out"):
        told(past, step="1h")
    with pytest.raises(Unknown, match='did you mean "buyers"'):
        past.do(rehearse_watch, about="data.buyer")
    past.says(buyers=buyers().replace("watch = {  }", ""))
    with pytest.raises(Invalid, match=r"data\.buyers is not watched"):
        told(past)
