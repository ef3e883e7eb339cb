"""Datasets as people look at them: the verb "quarantine", versions, history, what was made of what."""

import pytest

from arkwright.api import datasets
from arkwright.api.lineage import lineage
from arkwright.cli.main import main
from arkwright.core.errors import Invalid, Unknown


def dirty(at, count=60):
    path = at.folder / "buyers.csv"
    bad = [f"{1000 + i},DE,{'none' if i % 2 else 'half'},20,0" for i in range(count)]
    path.write_text(path.read_text() + "\n".join(bad) + "\n")


def test_quarantined_rows_in_pages(at, capsys):
    dirty(at)
    at.run()
    first = at.do(datasets.quarantine, dataset="buyers@2")
    assert [one.row for one in first.items] == list(range(401, 451))
    assert first.items[0].reason == 'spent: "half" is not a float'
    assert '"id": "1000"' in first.items[0].raw
    rest = at.do(datasets.quarantine, dataset="buyers@2", after=first.next)
    assert ([one.row for one in rest.items], rest.next) == (list(range(451, 461)), None)
    some = at.do(datasets.quarantine, dataset="buyers", text="none", limit=20)
    assert [one.row for one in some.items] == list(range(402, 442, 2))
    some = at.do(datasets.quarantine, dataset="buyers", text="none", limit=20, after=some.next)
    assert [one.row for one in some.items] == list(range(442, 462, 2))
    assert at.do(datasets.quarantine, dataset="buyers@1").items == ()
    capsys.readouterr()
    words = ["quarantine", "buyers", "--project", str(at.folder), "--by", "ana"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert 'spent: "half" is not a float' in told
    assert "more: --after" in told
    assert main([*words[:2], "zebra", *words[2:]]) == 0
    assert "no such row" in capsys.readouterr().out
    for words in ({"limit": 0}, {"after": "nowhere"}):
        with pytest.raises(Invalid):
            at.do(datasets.quarantine, dataset="buyers", **words)
    with pytest.raises(Unknown, match="buyers"):
        at.do(datasets.quarantine, dataset="byers")


def test_what_is_promised_now_and_what_was_once(at):
    at.shop.edit("arkwright.toml", "rows >= 100", "rows >= 1000")
    assert at.run().problem
    whole = at.do(datasets.dataset, reference="buyers")
    assert [f.promise for f in whole.data.findings] == ["rows >= 1000", "duplicates(key) == 0"]
    assert [f.promise for f in whole.data.before] == ["rows >= 100"]
    past = whole.history["rows >= 1000"]
    assert [(one.promise, one.verdict, one.value) for one in past] == [
        ("rows >= 100", "kept", 400.0),
        ("rows >= 1000", "broken", 400.0),
    ]
    assert whole.runs == ("run:shop@2", "run:shop@1")
    assert [d.noun.ref for d in at.do(datasets.datasets)] == ["dataset:buyers@1", "dataset:visits@1"]


def test_lineage_leads_down_from_a_source_and_says_what_it_leaves_out(at, monkeypatch):
    at.run(seed=5)
    found = at.do(lineage, reference="dataset:buyers@1")
    refs = {node.ref for node in found.nodes}
    assert {"dataset:visits@1", "model:buys@2", "model:buys@4", "release:buys@1", "release:buys@2"} <= refs
    assert ("dataset:buyers@1", "dataset:visits@1") in found.edges
    assert found.more == 0
    monkeypatch.setattr("arkwright.api.lineage.MOST", 3)
    found = at.do(lineage, reference="dataset:buyers@1")
    assert len(found.nodes) == 3
    assert found.more > 0
