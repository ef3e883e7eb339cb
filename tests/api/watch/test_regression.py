"""The errors of a regression, estimated before any label and as labels tell, and why they grew: from its rows to what
`watch` says.
"""

from contextlib import closing
from datetime import datetime

import numpy as np
import pytest
from tests.api.answering import answered
from tests.walked import Site

from arkwright.api.decide import sign
from arkwright.api.endpoints.logged import label, predictions
from arkwright.api.endpoints.rollout import promote
from arkwright.api.watch.alarms import alarms
from arkwright.api.watch.causes import Explainer, causes
from arkwright.api.watch.rounds import watch
from arkwright.core import versions
from arkwright.core.nouns import Endpoint
from arkwright.monitor.measured import Measured

PROMISES = """gate  = "production"
promises = [
  "estimated(mae) <= 100", "estimated(rmse, by=country) <= 1", "estimated(mae) <= 13", "mae <= 13", "rmse <= 13",
]
"""


def paid(spent, i):
    """What is off grows with what was spent."""
    return round(2 * spent + spent * ((i * 53) % 60 - 30) / 60)


def live(shop):
    """The endpoint `buys` of a regression, promoted."""
    spent = [(i * 37) % 100 + 0.5 for i in range(800)]
    lines = [f"{i},{'DE' if i % 3 else 'FR'},{one},30,{paid(one, i)}" for i, one in enumerate(spent)]
    (shop.folder / "buyers.csv").write_text("\n".join(["id,country,spent,age,again", *lines]) + "\n")
    shop.edit("arkwright.toml", '"classification"', '"regression"')
    shop.edit("arkwright.toml", '"roc_auc >= 0.6"', '"mae <= 100"')
    shop.edit("arkwright.toml", 'gate  = "production"\n', PROMISES)
    shop.edit("shop.py", "import LogisticRegression", "import LinearRegression")
    shop.edit("shop.py", "-> LogisticRegression", "-> LinearRegression")
    shop.edit("shop.py", "LogisticRegression(random_state=seed)", "LinearRegression()")
    at = Site(shop)
    assert at.run().problem is None
    at.do(sign, at.ben, release="buys")
    at.do(sign, at.cleo, release="buys")
    at.do(promote, release="buys")
    return at


def test_errors_are_estimated_before_any_label(shop, monkeypatch):
    at = live(shop)
    rng = np.random.default_rng(1)
    spent = rng.uniform(60, 100, 500)
    truth = np.array([paid(one, i) for i, one in enumerate(spent)])
    rows = [{"country": "DE" if i % 3 else "FR", "spent": float(one), "age": 30} for i, one in enumerate(spent)]
    answered(at, rows, monkeypatch, say=lambda row: {"value": 2 * row["spent"]})
    at.do(label, endpoint="buys", labels=[
        {"id": f"r600-{i // 100 * 100}", "row": i % 100, "label": float(one)} for i, one in enumerate(truth)
    ])  # fmt: skip
    found = {one.promise: one for one in at.do(watch, names=["buys"])}
    mae = found["estimated(mae) <= 100"]
    assert (mae.verdict, mae.n) == ("kept", 500)
    assert mae.low < np.abs(truth - 2 * spent).mean() < mae.high
    assert mae.value == pytest.approx(20, abs=3)  # of all rows, from 0 to 100, it is 12.5
    worst = found["estimated(rmse, by=country) <= 1"]
    assert (worst.verdict, worst.note[:8]) == ("broken", "country=")
    with closing(Measured(at.site.watched / "buys.measured.db")) as measured:
        beside = measured.latest("release:buys@1")
    each = [beside[f"estimated(rmse) where country is {country}"].value for country in ("DE", "FR")]
    assert worst.value == max(each) > min(each)
    explained(at, rows)


def explained(at, rows):
    """Only rows of which much was spent came: what is named is that those of little, which are hardly off, are gone."""
    raised = {one.alarm.promise: one.alarm for one in at.do(alarms).items}
    for promise in ("estimated(mae) <= 13", "mae <= 13", "rmse <= 13"):
        found = at.do(causes, alarm=raised[promise].ref)
        first = found.explained.parts[0]
        assert first.column in ("spent", "prediction")
        assert first.named
        assert (first.before, first.now) == (pytest.approx(0.6, abs=0.03), pytest.approx(0, abs=0.01))
        assert found.says == raised[promise].causes
        assert found.says[0].startswith(f"{first.column}={first.label}: ")
        assert sum(p.explains for p in found.explained.parts if p.column == "spent") == pytest.approx(1)
        (spent, places) = next((one, places) for one, places in found.columns if one.parts[0].column == "spent")
        for part, place in zip(spent.parts, places, strict=True):
            listed = at.do(predictions, endpoint="buys", where=place.where, limit=None).num_rows
            assert listed == round(part.now * len(rows))  # all others too
    alarm, explain = raised["mae <= 13"], Explainer(at.site, versions.resolve(at.site.ledger, Endpoint, "buys"))
    since, until = (int(datetime.fromisoformat(one).timestamp()) for one in (alarm.since, alarm.until))
    squared, spread, apart = (
        explain.explain("buys@1", promise, since, until)
        for promise in ("mse <= 1", "r2 >= 0.99", "gap(mae, by=country) <= 0.01")
    )
    assert spread.says == squared.says
    assert "; mse " in spread.says[0]
    assert [part.named for part in apart.explained.parts[:2]] == [True, True]
    assert {part.label for part in apart.explained.parts[:2]} == {"DE", "FR"}
    assert apart.explained.parts[0].value > apart.explained.parts[1].value
    worst = at.do(causes, alarm=raised["estimated(rmse, by=country) <= 1"].ref)
    assert {part.column for part in worst.explained.parts} == {"country"}
    assert worst.explained.parts[0].value > 10
