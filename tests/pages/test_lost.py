"""Pages of a site whose store has lost files: what depends on them says so, all else is there, the buttons first."""

import pytest
from tests.web.conftest import Door

from arkwright.core import versions
from arkwright.core.nouns import Dataset, Model, Release, Run

LOST = "is gone from the folder store; run again to make it anew"


@pytest.fixture
def lost(second):
    """`buys@1` answers and `buys@2` may; the store holds no file of either, nor of their models."""
    site = second.site
    door = Door(second.folder, project=second.folder, site=site)
    door.enter("ben", "viewer")
    releases = [versions.resolve(site.ledger, Release, f"buys@{number}") for number in (1, 2)]
    for made in (*releases, *(versions.resolve(site.ledger, Model, one.model) for one in releases)):
        for digest in made.files.values():
            site.store.remove(digest)
    return door


def page(door, path):
    answer = door.ask("GET", path, **door.bearer("owner"), Accept="text/html")
    return answer.status, answer.body.decode()


def test_what_is_decided_is_decided_without_the_files(lost):
    status, text = page(lost, "/endpoints/buys")
    assert status == 200
    for button in ("promote", "stop"):
        assert f'action="/endpoints/buys/{button}"' in text
    assert "signature.json of release:buys@1: " in text
    assert LOST in text
    assert 'name="row.spent"' not in text
    status, text = page(lost, "/releases/buys@2")
    assert status == 200
    assert 'action="/releases/buys@2/promote"' in text
    assert text.count(LOST) == 2, "the card, and the table of candidates"
    assert "roc_auc &gt;= 0.6" in text.partition("Compared with what is live")[2]
    for path in ("/", "/releases", "/endpoints", "/live", "/models/buys"):
        assert page(lost, path)[0] == 200, path


def test_a_run_and_a_dataset_are_shown_without_what_is_gone(lost):
    """The curves, the table of candidates and the rows."""
    ledger, store = lost.site.ledger, lost.site.store
    made = versions.resolve(ledger, Run, "shop@1").made
    for ref in made:
        if ref.startswith("model:"):
            for digest in versions.resolve(ledger, Model, ref).files.values():
                store.remove(digest)
    for path in ("/runs/shop@1", "/runs/compare?run=run:shop@1&run=run:shop@2&show=all"):
        status, text = page(lost, path)
        assert status == 200, path
        assert "measured.json of model:buys@" in text
        assert str(lost.folder) not in text
    assert LOST in page(lost, "/runs/shop@1")[1]
    data = versions.resolve(ledger, Dataset, next(ref for ref in made if ref.startswith("dataset:")))
    store.remove(data.digest)
    status, text = page(lost, f"/data/{data.name}@{data.version}/profile")
    assert (status, LOST in text, 'id="profile"' in text) == (200, True, True)
    assert page(lost, f"/data/{data.name}@{data.version}")[0] == 200


def test_a_row_that_is_tried_all_the_same_is_refused_in_its_place(lost):
    sent = lost.ask(
        "POST", "/endpoints/buys/try", b"row.spent=1", **lost.bearer("owner"),
        Accept="text/html", Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert (sent.status, LOST in sent.body.decode()) == (500, True)
    assert "</html>" in sent.body.decode()
