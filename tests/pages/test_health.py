"""An endpoint at a glance, from what its server says of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from arkwright.core.nouns import Endpoint
from arkwright.pages import health, render

LATE = Endpoint(name="late", version=1, shares={"release:late@3": 1.0})
LABELS = 'endpoint="late",release="release:late@3"'


@pytest.fixture
def seen(monkeypatch):
    """A look at an endpoint whose server counted this many answers of each status."""
    said = {}
    monkeypatch.setattr(health.plane, "ask", lambda *_: SimpleNamespace(body=said["body"]))
    monkeypatch.setattr(health.context, "context", lambda _: SimpleNamespace(endpoints=None, site=None))

    def look(**counts):
        lines = ['arkwright_build_info{version="1"} 1', f"arkwright_in_flight{{{LABELS}}} 0"]
        lines += [f'arkwright_requests_total{{{LABELS},code="{code[1:]}"}} {n}' for code, n in counts.items()]
        said["body"] = "\n".join([*lines, ""]).encode()
        return health.look(None, (LATE,))[0]

    return look


@pytest.mark.parametrize(
    ("counts", "word", "says"),
    [
        ({"_200": 307}, "answers", "307 requests, 0 refused"),
        ({"_200": 302, "_422": 5}, "answers", "307 requests, 5 refused (1.63 %)"),
        ({"_200": 80, "_422": 20}, "refuses many", "100 requests, 20 refused (20 %)"),
        ({"_200": 2, "_422": 1}, "answers", "3 requests, 1 refused (33.3 %)"),
        ({"_200": 302, "_500": 5}, "errors", "307 requests, 5 refused (1.63 %), 1.63 % failed"),
        ({"_200": 306, "_503": 1}, "answers", "307 requests, 1 refused (0.326 %)"),
    ],
)
def test_by_the_share_that_failed(seen, counts, word, says):
    found = seen(**counts)
    assert (found.word, found.says) == (word, says)


@pytest.mark.parametrize(("age", "word"), [(1, "loading"), (health.LOADING - 5, "loading"), (3600, "not served")])
def test_what_was_just_moved_is_being_loaded(age, word):
    at = (datetime.now(UTC) - timedelta(seconds=age)).isoformat()
    site = SimpleNamespace(ledger=SimpleNamespace(last=lambda kind, prefix: SimpleNamespace(at=at)))
    endpoint = Endpoint(name="churn", version=1, shares={"release:churn@1": 1.0})
    assert health._of(site, endpoint, ()).word == word


@pytest.mark.parametrize(("age", "word"), [(1, "loading"), (3600, "as before")])
def test_what_cannot_be_loaded_leaves_what_answered_before(seen, monkeypatch, age, word):
    monkeypatch.setattr(health, "_age", lambda *_: age)
    rows = tuple(replace(row, release="release:late@2") for row in seen(_200=7).rows)
    assert health._of(None, LATE, rows).word == word


def test_a_shadow_answers_copies_and_no_share(seen):
    found = seen(_200=7)
    copied = {"shadow": True, "share": 0.0, "requests_per_s": 0.0, "copies_per_s": 7.0}
    rows = (replace(found.rows[0], share=1.0), replace(found.rows[0], release="release:late@4", **copied))
    text = '{% import "macros.html" as m %}{% include "traffic_now.html" %}'
    page = render._environment().from_string(text).render(health=replace(found, rows=rows), endpoint=LATE)
    assert '<td class="number">copies</td><td class="number">7</td>' in page
    assert '<td class="number">0 %</td>' not in page
