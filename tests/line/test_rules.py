"""A model of rules walks the line as any other: measured, released, signed, served."""

import json

import pytest

from arkwright.api import build, decide
from arkwright.api.endpoints import answer, rollout
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor
from arkwright.sites import local

ANA, BEN = Actor(name="ana"), Actor(name="ben", role="owner")
RULES = """
rules = [{ name = "poor", when = "spent < 30", answer = 0, because = "a small purse" }]
table = "buys.csv"
default = 0
"""


@pytest.fixture
def ruled(shop):
    shop.edit("arkwright.toml", '["model-owner", "operations"]', '["owner"]')
    shop.edit("arkwright.toml", 'groups = ["country"]\n', f'groups = ["country"]{RULES}')
    shop.edit("arkwright.toml", '"roc_auc >= 0.6"', '"accuracy >= 0.6", "recall >= 0.3", "latency_p99_ms <= 50"')
    shop.edit("shop.py", "def buys(", "def not_used(")
    (shop.folder / "buys.csv").write_text("spent,age,answer\n> 70,,1\n> 40,missing,1\n")
    return shop


def test_rules_are_measured_released_and_served(ruled):
    site = local(ruled.folder)
    result = build.run(site, ANA, ruled.folder)
    assert result.problem is None, result.problem
    outcome = result.outcomes["buys"]
    found = {f.promise.split()[0]: f for f in outcome.findings}
    assert {f.verdict for f in found.values()} == {"kept"}
    assert found["accuracy"].n == 100
    assert found["agreement"].value == 1
    assert (outcome.trained.format, outcome.model.format) == ("rules as written", "rules")
    assert not {"model.onnx", "safeguards.json", "seen.json"} & set(outcome.release.files)
    rules = json.loads(site.store.path(outcome.release.files["rules.json"]).read_bytes())
    assert [rule["name"] for rule in rules] == ["poor", "buys-2", "buys-3", "default"]
    card = site.store.path(outcome.release.files["README.md"]).read_text()
    assert "This model is made of rules that people wrote" in card
    assert "| `poor` | `spent < 30` | 0 | a small purse |" in card
    assert build.again(site, ANA, ruled.folder).same

    decide.sign(site, BEN, ruled.folder, release="buys")
    rollout.promote(site, ANA, ruled.folder, release="buys")
    rows = [{"country": "DE", "spent": spent} for spent in (5, 80, 50, 35)]
    body = json.dumps(rows).encode()
    said = answer.predict(site, ANA, ruled.folder, endpoint="buys", rows=body)
    assert [p["label"] for p in said["predictions"]] == [0, 1, 1, 0]
    assert [r["rule"] for r in said["rules"]] == ["poor", "buys-2", "buys-3", "default"]
    assert said["rules"][0]["because"] == "a small purse"


def test_safeguards_stand_before_the_rules_of_the_model(ruled):
    path = ruled.folder / "arkwright.toml"
    path.write_text(path.read_text() + 'safeguards = [{ name = "new", when = "unseen(country)", answer = "review" }]\n')
    site = local(ruled.folder)
    result = build.run(site, ANA, ruled.folder)
    assert {"rules.json", "safeguards.json", "seen.json"} <= set(result.outcomes["buys"].release.files)
    decide.sign(site, BEN, ruled.folder, release="buys")
    rollout.promote(site, ANA, ruled.folder, release="buys")

    def said(country):
        body = json.dumps({"country": country, "spent": 80}).encode()
        return answer.predict(site, ANA, ruled.folder, endpoint="buys", rows=body)

    assert (said("IT")["prediction"], said("IT")["rule"]) == (None, "new")
    assert said("DE")["rule"] == "buys-2"


def test_a_broken_promise_refuses_rules_as_it_does_any_model(ruled):
    ruled.edit("arkwright.toml", "accuracy >= 0.6", "accuracy >= 0.95")
    result = build.run(local(ruled.folder), ANA, ruled.folder)
    assert "accuracy >= 0.95 is broken" in result.problem


def test_a_regression_by_rules(ruled):
    ruled.edit(
        "arkwright.toml", 'target = "again"\ntask   = "classification"', 'target = "spent"\ntask   = "regression"'
    )
    ruled.edit(
        "arkwright.toml", RULES, '\nrules = [{ name = "back", when = "again == 1", answer = 75.5 }]\ndefault = 30\n'
    )
    ruled.edit("arkwright.toml", '"accuracy >= 0.6", "recall >= 0.3"', '"mae <= 30"')
    site = local(ruled.folder)
    result = build.run(site, ANA, ruled.folder)
    assert result.problem is None, result.problem
    decide.sign(site, BEN, ruled.folder, release="buys")
    rollout.promote(site, ANA, ruled.folder, release="buys")
    body = json.dumps([{"country": "DE", "again": again} for again in (1, 0)]).encode()
    said = answer.predict(site, ANA, ruled.folder, endpoint="buys", rows=body)
    assert said["predictions"] == [{"value": 75.5}, {"value": 30}]


def test_a_class_that_is_not_in_the_data_is_told_with_its_rule(ruled):
    ruled.edit("arkwright.toml", '"spent < 30", answer = 0', '"spent < 30", answer = 7')
    place = next(
        n for n, one in enumerate((ruled.folder / "arkwright.toml").read_text().splitlines(), 1) if "poor" in one
    )
    with pytest.raises(Invalid, match=f"^arkwright.toml:{place}: the rule poor: the answer '7' is no class"):
        build.run(local(ruled.folder), ANA, ruled.folder)
