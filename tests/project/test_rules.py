"""A model of rules, rehearsed: what it must say and what it may not ask."""

import pytest

from arkwright.core.errors import Invalid
from arkwright.core.safeguards.words import Rule
from arkwright.infra.duckdb_tables import DuckTables
from arkwright.project import loaded, rehearse

FUNCTION = "def buys("


def rules(shop, text):
    shop.edit("arkwright.toml", 'groups = ["country"]\n', f'groups = ["country"]\n{text}\n')
    shop.edit("shop.py", FUNCTION, "def other(")
    shop.edit("arkwright.toml", "roc_auc >= 0.6", "accuracy >= 0.6")


def plan(shop):
    return rehearse.rehearse(loaded.load(shop.folder), DuckTables(shop.folder / "tmp"))


def mistakes(shop):
    with pytest.raises(Invalid) as caught:
        plan(shop)
    return str(caught.value).splitlines()


def at(shop, text):
    lines = (shop.folder / "arkwright.toml").read_text().splitlines()
    return f"arkwright.toml:{next(n for n, one in enumerate(lines, 1) if text in one)}"


def test_rules_a_table_and_a_default_are_a_model(shop):
    rules(shop, 'rules = [{ name = "poor", when = "spent < 30", answer = 0 }]\ntable = "buys.csv"\ndefault = 0')
    (shop.folder / "buys.csv").write_text("spent,age,answer\n> 70,,1\n")
    (step,) = plan(shop).models
    assert step.rules == (
        Rule(name="poor", when="spent < 30", answer=0),
        Rule(name="buys-2", when="spent > 70", answer=1),
        Rule(name="default", when="true", answer=0),
    )
    assert (step.features, step.dataset) == (None, "visits")
    assert "buys.csv" in plan(shop).files
    before = step.code
    (shop.folder / "buys.csv").write_text("spent,age,answer\n> 71,,1\n")
    assert plan(shop).models[0].code != before


def test_a_last_row_for_everything_is_a_default(shop):
    rules(shop, 'table = "buys.csv"')
    (shop.folder / "buys.csv").write_text("spent,answer\n> 70,1\n,0\n")
    assert plan(shop).models[0].rules[-1].when == "true"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('rules = [{ name = "a", when = "spent > 3", answer = 1 }]', "[model.buys]",
         "buys says nothing of a row that no rule fits; add default = …"),
        ("default = 0", "default", "a default is for a model of rules; add rules or a table"),
        ('rules = [{ name = "a", when = "spend > 3", answer = 1 }]\ndefault = 0', "spend",
         "no column is called 'spend'; did you mean \"spent\"?"),
        ('rules = [{ name = "a", when = "confidence > 3", answer = 1 }]\ndefault = 0', "confidence",
         "a speaks of the model's answer, and this model is made of rules alone"),
        ('rules = [{ name = "a", when = "unseen(country)", answer = 1 }]\ndefault = 0', "unseen",
         "a asks about rows trained on, and a model of rules learns from none"),
        ('rules = [{ name = "a", when = "spent > 3", answer = "review" }]\ndefault = 0', "review",
         "a model answers; to ask for a person, write it into the endpoint's safeguards"),
        ('rules = [{ name = "a", when = "spent > 3", answer = 1 }]\ndefault = "no"', "default",
         "the answer 'no' is no number, as again is, nor \"review\""),
        ('rules = [{ name = "a", when = "true", answer = 1 }]\ndefault = 0', "default",
         "default is never reached: a has the same condition"),
    ],
)  # fmt: skip
def test_what_a_model_of_rules_must_say(shop, text, place, message):
    rules(shop, text)
    assert f"{at(shop, place)}: {message}" in mistakes(shop)


def test_a_model_is_made_in_one_way(shop):
    rules(shop, 'rules = [{ name = "a", when = "spent > 3", answer = 1 }]\ndefault = 0')
    shop.edit("shop.py", "def other(", FUNCTION)
    (found,) = mistakes(shop)
    assert found.startswith("shop.py:")
    assert "buys has rules in arkwright.toml and the function buys(); keep one of them" in found


def test_safeguards_of_a_model_of_rules_have_names_of_their_own_and_no_confidence(shop):
    rules(shop, 'rules = [{ name = "a", when = "spent > 3", answer = 1 }]\ndefault = 0')
    path = shop.folder / "arkwright.toml"
    guards = (
        '{ name = "a", when = "unseen(country)", answer = 0 }',
        '{ name = "b", when = "confidence < 1", answer = 0 }',
    )
    path.write_text(path.read_text() + "safeguards = [\n" + "".join(f"{one},\n" for one in guards) + "]\n")
    assert mistakes(shop) == [
        f"{at(shop, 'unseen')}: the model has a rule called 'a', too; each answer names its rule",
        f"{at(shop, 'confidence')}: b speaks of the model's answer, and this model is made of rules alone",
    ]
