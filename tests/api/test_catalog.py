"""Looking at what is on record: the verbs "runs", "search", "ledger" and "live"."""

from datetime import UTC, datetime, timedelta

import pytest

from arkwright.api.catalog import export, ledger, live, runs
from arkwright.api.decide import refuse, sign
from arkwright.api.endpoints.rollout import promote
from arkwright.api.search import search
from arkwright.core.errors import Invalid, Unknown


def test_runs(at):
    assert [r.ref for r in at.do(runs).items] == ["run:shop@1"]
    assert at.do(runs, state="failed").items == ()
    assert at.do(runs, author="ANA", text="SHO").items
    assert at.do(runs, since=datetime.now(UTC) + timedelta(days=1)).items == ()
    with pytest.raises(Invalid, match='did you mean "failed"'):
        at.do(runs, state="faild")
    with pytest.raises(Invalid, match='did you mean "seconds"'):
        at.do(runs, sort="-second")
    with pytest.raises(Invalid, match="limit: 0 is none; it goes from 1 up to 500"):
        at.do(runs, limit=0)


def test_search(at):
    at.do(sign, at.ben, release="buys", reason="the unicorn column is fine")
    (hit,) = at.do(search, text="unicorn").items
    assert (hit.kind, hit.ref) == ("decision", "release:buys@1")
    assert hit.snippet[1] == "unicorn"
    assert "release" in {h.kind for h in at.do(search, text="model-owner", kinds=("release",)).items}
    assert at.do(search, text="unicorn zebra").items == ()
    for text in ("", "   ", '"', "***", "x" * 500):
        with pytest.raises(Invalid, match="search for 1 to 20 words"):
            at.do(search, text=text)


def test_the_ledger_in_pages(at):
    everything = [e.seq for e in at.do(ledger, last=500)]
    assert everything == list(range(1, len(everything) + 1))
    found, page = [], at.do(ledger, last=7)
    while page:
        found = [e.seq for e in page] + found
        page = at.do(ledger, last=7, before=page[0].seq)
    assert found == everything
    assert [e.seq for e in at.do(ledger, last=3, after=4)] == [5, 6, 7]
    assert {e.kind for e in at.do(ledger, kinds=("model", "run"))} == {"model", "run"}
    assert at.do(ledger, who="nobody") == ()
    assert {e.kind for e in at.do(ledger, about="release:buys@1")} == {"release", "run"}
    with pytest.raises(Unknown, match='did you mean "model"'):
        at.do(ledger, kinds=("modle",))
    assert [e.seq for e in at.do(export)] == everything


def test_what_was_live(at):
    with pytest.raises(Unknown, match="no endpoint is called 'buys'"):
        at.do(live, endpoint="buys")
    at.do(sign, at.ben, release="buys")
    at.do(sign, at.cleo, release="buys", reason="fine")
    at.do(promote, release="buys")
    found = at.do(live, endpoint="buys")
    (one,) = found.releases
    assert (one.release, one.share, one.missing, found.by, found.until) == ("release:buys@1", 1.0, (), "ana", None)
    assert [d.by for d in one.signatures] == ["ben", "cleo"]
    at.do(refuse, at.ben, release="buys", reason="a doubt")
    at.do(sign, at.ben, release="buys", reason="again")
    moved = datetime.fromisoformat(found.since)
    assert at.do(live, endpoint="buys", at=moved).releases[0].signatures[0].reason == ""
    with pytest.raises(Unknown, match="nothing was live at buys then; its first release came at"):
        at.do(live, endpoint="buys", at=moved - timedelta(seconds=1))
    now = datetime.now(UTC)
    for later in (now + timedelta(minutes=2), (now + timedelta(days=900)).replace(tzinfo=None)):
        with pytest.raises(
            Invalid, match="UTC has not happened yet, and nobody knows what will be live; here it is 20"
        ):
            at.do(live, endpoint="buys", at=later)
    ahead = at.do(live, endpoint="buys", at=now + timedelta(seconds=30))  # a clock that is a little fast
    assert ahead.releases
    assert datetime.fromisoformat(ahead.asked) <= datetime.now(UTC)
