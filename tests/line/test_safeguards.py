"""Safeguards through the whole line: into the release, onto its card, around what the endpoint answers."""

import json

import msgspec
import pytest

from arkwright.api import build, decide
from arkwright.api.endpoints import answer, rollout
from arkwright.api.endpoints.reproduced import reproduce
from arkwright.cli.main import main
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor
from arkwright.core.safeguards.words import Seen
from arkwright.core.signature import Signature
from arkwright.serve.tap.writer import Tap
from arkwright.sites import local

ANA, BEN = Actor(name="ana"), Actor(name="ben", role="owner")
RULES = """safeguards = [
  { name = "rich",   when = "spent > 90",           answer = "review", because = "rare" },
  { name = "unsure", when = "confidence < 0.6",     answer = "review" },
  { name = "new",    when = "unseen(country)",      answer = "review" },
  { name = "range",  when = "outside(age, within=0.9)", answer = "review" },
]
table = "limits.csv"
"""
TABLE = 'country,spent,confidence,answer,because\nFR,[10..12],,0,poor\n"FR, DE",,[0.6..0.62],1,\n'


@pytest.fixture
def guarded(shop):
    shop.edit("arkwright.toml", '["model-owner", "operations"]', '["owner"]')
    path = shop.folder / "arkwright.toml"
    path.write_text(path.read_text() + RULES)
    (shop.folder / "limits.csv").write_text(TABLE)
    return shop


def released(folder):
    site = local(folder)
    result = build.run(site, ANA, folder)
    assert result.problem is None, result.problem
    return site, result, result.outcomes["buys"].release


def text(site, release, name):
    return site.store.path(release.files[name]).read_text()


def test_rules_are_released_shown_and_applied(guarded, capsys):
    site, _, release = released(guarded.folder)
    rules = json.loads(text(site, release, "safeguards.json"))
    assert [rule["name"] for rule in rules] == ["rich", "unsure", "new", "range", "limits-2", "limits-3"]
    seen = msgspec.json.decode(text(site, release, "seen.json"), type=Seen)
    assert seen.categories == {"country": ("DE", "FR")}
    low, high = seen.ranges["age within 0.9"]
    assert 20 < low < 25
    assert 64 < high < 70
    card = text(site, release, "README.md")
    assert "| `rich` | `spent > 90` | review | rare |" in card
    assert "rows were left to the model" in card
    assert "Tensors are not taken" in card
    assert build.again(site, ANA, guarded.folder).same

    decide.sign(site, BEN, guarded.folder, release="buys")
    rollout.promote(site, ANA, guarded.folder, release="buys")

    def said(**row):
        body = json.dumps(row).encode()
        return answer.predict(site, ANA, guarded.folder, endpoint="buys", rows=body)

    assert said(country="FR", spent=95, age=30)["rule"] == "rich"
    assert said(country="IT", spent=80, age=30)["rule"] == "new"
    assert said(country="DE", spent=1, age=99)["review"] is True
    poor = said(country="FR", spent=11, age=30)
    assert (poor["prediction"], poor["rule"], poor["because"]) == ({"label": 0}, "limits-2", "poor")
    by_model = said(country="DE", spent=5, age=30)
    assert "rule" not in by_model
    assert set(by_model["prediction"]["probabilities"]) == {"0", "1"}
    reproduced(site, guarded.folder, release)
    capsys.readouterr()
    assert main(["predictions", "buys", "--project", str(guarded.folder)]) == 0
    listed = capsys.readouterr().out
    for answered in ("review by rich: rare", "review by new ", "0 by limits-2: poor"):
        assert listed.count(answered) == 2, listed  # alone and in a list


def reproduced(site, folder, release):
    """Whoever answered, a rule, a person or the model: it is computed again, alone and in a list."""
    shape = msgspec.json.decode(text(site, release, "signature.json"), type=Signature)
    asked = [
        {"country": "FR", "spent": 95, "age": 30},
        {"country": "IT", "spent": 80, "age": 30},
        {"country": "FR", "spent": 11, "age": 30},
        {"country": "DE", "spent": 5, "age": 30},
    ]
    tap = Tap(site.predictions / "buys", "buys")
    number = tap.release(release.ref, release.digest, shape)
    for id_, rows in (*((f"{i}", row) for i, row in enumerate(asked)), ("all", asked)):
        body = json.dumps(rows).encode()
        told = json.dumps(answer.predict(site, ANA, folder, endpoint="buys", rows=body)).encode()
        tap.add(number, id_.encode(), b"", body, told, 400)
    tap.close()
    for id_ in ("0", "1", "2", "3", "all"):
        found = reproduce(site, ANA, folder, endpoint="buys", id=id_)
        assert found.same, found
    assert [one.then.get("rule") for one in found.rows] == ["rich", "new", "limits-2", None]
    assert [one.now.get("review") for one in found.rows] == [True, True, None, None]


def test_another_rule_is_another_release_of_the_same_model(guarded):
    _, first, one = released(guarded.folder)
    guarded.edit("arkwright.toml", "spent > 90", "spent > 80")
    _, second, other = released(guarded.folder)
    assert second.outcomes["buys"].model == first.outcomes["buys"].model
    assert one.digest != other.digest
    (guarded.folder / "limits.csv").write_text(TABLE.replace("poor", "very poor"))
    _, _, third = released(guarded.folder)
    assert third.digest != other.digest
    _, _, same = released(guarded.folder)
    assert same == third


def test_a_class_that_only_the_data_knows_is_told_before_training(guarded):
    guarded.edit("arkwright.toml", '"confidence < 0.6",     answer = "review"', '"confidence < 0.6", answer = 2')
    place = next(
        n for n, line in enumerate((guarded.folder / "arkwright.toml").read_text().splitlines(), 1) if "unsure" in line
    )
    site = local(guarded.folder)
    with pytest.raises(Invalid, match=f"^arkwright.toml:{place}: the safeguard unsure: the answer '2' is no class"):
        build.run(site, ANA, guarded.folder)


def test_a_column_of_too_many_values_is_no_category(guarded):
    lines = ["id,country,spent,age,again"]
    for i in range(16_000):
        spent = (i * 37) % 100
        lines.append(f"{i},c{i},{spent}.5,{20 + i % 50},{int(spent > 50)}")
    (guarded.folder / "buyers.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(Invalid, match=r"unseen\(country\): the rows trained on hold 12,000 values of it"):
        build.run(local(guarded.folder), ANA, guarded.folder)
