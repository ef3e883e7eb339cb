"""Runs side by side: the verb "compare"."""

import json

import pytest

from arkwright.api.runs.compared import compare
from arkwright.cli.main import main
from arkwright.core.errors import Invalid, Unknown
from arkwright.tracking import runs


def test_what_differs_and_what_does_not(at):
    at.shop.edit("shop.py", "fill_null(40)", "fill_null(41)")
    at.shop.edit("arkwright.toml", "roc_auc >= 0.6", "roc_auc >= 0.9999")
    at.run(seed=7)
    found = at.do(compare, runs=("shop@1", "run:shop@2"))
    assert found.runs == ("run:shop@1", "run:shop@2")
    facts = {(fact.about, fact.what): fact for fact in found.facts}
    assert facts["parameter", "seed"].values == (0, 7)
    assert facts["parameter", "model.buys.target"].differs is False
    assert facts["data", "visits"].values == ("dataset:visits@1", "dataset:visits@1")
    assert facts["metric", "buyers: rows"].values == (400, 400)
    assert facts["run", "state"].values == ("finished", "failed")
    promise = facts["promise", "model:buys: roc_auc >= 0.9999"]
    assert (promise.values[0], promise.verdicts, promise.differs) == (None, (None, "broken"), True)
    assert facts["promise", "model:buys: agreement >= 0.9"].verdicts == ("kept", "kept")
    changed = {change.path: change.diff for change in found.code}
    assert set(changed) == {"shop.py", "arkwright.toml"}
    assert '-    return visits.select(pl.col("spent"), pl.col("age").fill_null(40)' in changed["shop.py"]
    assert changed["shop.py"].startswith("--- run:shop@1/shop.py\n+++ run:shop@2/shop.py\n@@")
    uid = at.site.tracking.submit(runs.begin, experiment=0, name="trial", user="ana").result()
    at.site.tracking.submit(runs.log, uid, metrics=[], params=[("lr", "0.1")]).result()
    facts = {fact.what: fact.differs for fact in at.do(compare, runs=("shop@1", "shop@2", f"tracked:{uid}")).facts}
    assert (facts["seed"], facts["lr"]) == (True, True)
    assert facts["model.buys.target"] is False, "what no client ever logs is no difference"
    assert facts["model:buys: agreement >= 0.9"] is False
    alone = {fact.what: fact.differs for fact in at.do(compare, runs=("shop@1", f"tracked:{uid}")).facts}
    assert (alone["model.buys.target"], alone["lr"]) == (True, True)


def test_on_the_command_line(at, capsys):
    at.shop.edit("shop.py", "fill_null(40)", "fill_null(41)")
    at.run(seed=7)
    words = ["compare", "shop@1", "shop@2", "--project", str(at.folder), "--by", "ana"]
    capsys.readouterr()
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "seed" in told
    assert "model.buys.target" not in told
    assert "shop.py +1 -1" in told
    assert main([*words, "--all", "--code"]) == 0
    told = capsys.readouterr().out
    assert "model.buys.target" in told
    assert "fill_null(41)" in told
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == ["run:shop@1", "run:shop@2"]


def test_what_cannot_be_compared(at):
    for named in ((), ("shop@1",), ("shop@1",) * 21):
        with pytest.raises(Invalid, match="2 to 20 runs"):
            at.do(compare, runs=named)
    with pytest.raises(Invalid, match="not with itself"):
        at.do(compare, runs=("shop@1", "run:shop@1"))
    with pytest.raises(Unknown, match="no run:shop@9"):
        at.do(compare, runs=("shop@1", "shop@9"))
