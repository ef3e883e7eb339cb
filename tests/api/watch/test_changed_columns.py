"""Two releases at one endpoint whose columns, types and classes differ: each is watched as what it is."""

from tests.api.answering import answered, rows

from arkwright.api.decide import sign
from arkwright.api.endpoints.rollout import promote
from arkwright.api.watch.over_time import over_time
from arkwright.api.watch.rounds import watch
from arkwright.core import versions
from arkwright.core.nouns import Endpoint
from arkwright.pages.watch_report import report

ONE, TWO = "release:buys@1", "release:buys@2"
PROMISES = """gate  = "production"
watch    = { window = "1d" }
promises = ["psi(spent) < 0.2", "psi(zone) < 0.2", "new_values(spent) <= 0.1", "estimated(recall) >= 0", "rows >= 1"]
"""
ROW = "class Buyer:\n    id: int\n    land: str\n    spent: str\n    zone: float\n    again: str\n"


def newer(count):
    """The country is the land, what was spent is a word, a zone came and the age went; there are three classes."""
    for i in range(count):
        zone = float((i * 37) % 100)
        word = "yes" if zone > 66 else "maybe" if zone > 33 else "no"
        yield {"id": i, "land": "DE", "spent": "much" if i % 2 else "little", "zone": zone, "again": word}


def said(row):
    return {"label": "no", "probabilities": {word: 0.8 if word == "no" else 0.1 for word in ("yes", "maybe", "no")}}


def test_each_release_is_watched_by_its_own_columns(at, monkeypatch):
    for role in (at.ben, at.cleo):
        at.do(sign, role, release="buys@1")
    at.do(promote, release="buys@1")
    table = list(newer(400))
    text = "\n".join(",".join(map(str, one)) for one in (table[0], *(row.values() for row in table)))
    (at.folder / "buyers.csv").write_text(f"{text}\n")
    code = (at.folder / "shop.py").read_text()
    at.shop.edit("shop.py", code[code.index("class Buyer") : code.index("import polars")], ROW + "\n\n")
    at.shop.edit("shop.py", '"country", "spent", "age"', '"land", "spent", "zone"')
    at.shop.edit("shop.py", 'pl.col("spent"), pl.col("age").fill_null(40).cast(pl.Float64)',
                 'much=(pl.col("spent") == "much").cast(pl.Float64), zone=pl.col("zone")')  # fmt: skip
    at.shop.edit("arkwright.toml", 'groups = ["country"]', 'groups = ["land"]')
    at.shop.edit("arkwright.toml", "roc_auc", "accuracy")
    at.shop.edit("arkwright.toml", 'gate  = "production"\n', PROMISES)
    assert at.run().problem is None
    for role in (at.ben, at.cleo):
        at.do(sign, role, release="buys@2")
    at.do(promote, release="buys@2", share=0.5)
    some = [{"land": one["land"], "spent": "much", "zone": one["zone"]} for one in newer(300)]
    for ago in (3600, 600):
        answered(at, rows(100, shift=60), monkeypatch, ago=ago)
        answered(at, some, monkeypatch, ago=ago - 300, release="buys@2", say=said)
    found = {(one.release, one.promise): one for one in at.do(watch, names=["buys"])}
    assert [found[ref, "psi(spent) < 0.2"].verdict for ref in (ONE, TWO)] == ["broken", "broken"]
    assert [found[ref, "rows >= 1"].value for ref in (ONE, TWO)] == [200, 600]
    assert found[ONE, "psi(zone) < 0.2"].note.startswith("psi: there is no column 'zone'; there is age, country")
    assert found[TWO, "psi(zone) < 0.2"].verdict == "kept"
    assert found[ONE, "new_values(spent) <= 0.1"].note.startswith("spent holds numbers")
    assert found[TWO, "new_values(spent) <= 0.1"].verdict == "kept"
    noun = versions.resolve(at.site.ledger, Endpoint, "buys")
    seen = over_time(at.site, at.ana, at.folder, endpoint=noun)
    assert {one.release: set(one.heat.columns) for one in seen.releases} == {
        ONE: {"country", "spent", "age", "prediction", "score"}, TWO: {"land", "spent", "zone", "prediction", "score"},
    }  # fmt: skip
    text = report(at.site, at.ana, at.folder, names=["buys"])
    assert "spent=much: 100 % of rows" in text
    assert "buys@1" in text
