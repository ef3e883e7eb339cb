"""Safeguards in the TOML and in tables, rehearsed: every mistake with file and line before a row is read."""

import pytest
from tests.project.rehearsed import plan

from arkwright.core.errors import Invalid
from arkwright.core.safeguards.grammar import EXAMPLE
from arkwright.core.safeguards.words import Rule


def guard(shop, *rules, table=None, endpoint="buys"):
    """Add safeguards, one per line from line 30 on."""
    lines = ["safeguards = [", *(f"  {rule}," for rule in rules), "]"] if rules else []
    lines += [f'table = "{table}"'] if table else []
    path = shop.folder / "arkwright.toml"
    text = path.read_text()
    at = text.index(f"[endpoint.{endpoint}]")
    path.write_text(text[:at] + text[at:].rstrip() + "\n" + "\n".join(lines) + "\n")


def mistakes(shop):
    with pytest.raises(Invalid) as caught:
        plan(shop)
    return str(caught.value).splitlines()


def line(shop, text, file="arkwright.toml"):
    found = (shop.folder / file).read_text().splitlines()
    return f"{file}:{next(n for n, one in enumerate(found, 1) if text in one)}"


def test_rules_and_the_rows_of_a_table_are_in_the_plan_in_order(shop):
    guard(
        shop,
        '{ name = "far", when = "spent > 90", answer = "review", because = "rare" }',
        "{ name = 'unsure', when = 'confidence < 0.6', answer = 0 }",
        table="limits.csv",
    )
    (shop.folder / "limits.csv").write_text("country,age,answer\nFR,> 60,1\n", encoding="utf-8-sig")
    found = plan(shop)
    assert found.safeguards == {
        "buys": (
            Rule(name="far", when="spent > 90", answer="review", because="rare"),
            Rule(name="unsure", when="confidence < 0.6", answer=0),
            Rule(name="limits-2", when="(country == 'FR') and (age > 60)", answer=1),
        )
    }
    assert "limits.csv" in found.files


def test_a_project_without_safeguards_has_none(shop):
    assert plan(shop).safeguards == {}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('when = "spend > 90", answer = "review"', "no column is called 'spend'; did you mean \"spent\"?"),
        ('when = "again == 1", answer = "review"', "'again' is what the model predicts, which no row holds"),
        ('when = "spent > \'9\'", answer = "review"', "they cannot be compared"),
        ('when = "confidense < 0.6", answer = "review"', 'did you mean "confidence"?'),
        ('when = "unsen(country)", answer = "review"', "there is no function 'unsen'; did you mean \"unseen\"?"),
        ('when = "spent >", answer = "review"', "cannot read 'spent >'"),
        ('when = "spent > 1", answer = "revew"', "the answer 'revew' is no number, as again is, nor \"review\""),
        ('when = "spent > 1", answer = 1.5', "the answer '1.5' is no number, as again is"),
        ('when = "prediction == \'yes\'", answer = 1', "they cannot be compared"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_told_with_its_line(shop, rule, message):
    guard(shop, '{ name = "fine", when = "spent > 3", answer = 0 }', f'{{ name = "wrong", {rule} }}')
    (found,) = mistakes(shop)
    assert found.startswith(f"{line(shop, 'wrong')}: ")
    assert message in found


def test_keys_of_a_rule_are_known(shop):
    guard(shop, '{ name = "a", whn = "spent > 3", when = "spent > 3", answer = 0 }')
    where = f"{line(shop, 'safeguards')}: endpoint.buys.safeguards"
    assert mistakes(shop) == [f"{where}: unknown key 'whn'; did you mean \"when\"?"]


def test_rules_that_are_never_reached_are_told_with_their_line(shop):
    guard(shop, '{ name = "one", when = "spent > 3", answer = 0 }', '{ name = "two", when = "spent>3", answer = 1 }')
    assert mistakes(shop) == [f"{line(shop, 'two')}: two is never reached: one has the same condition"]


def test_every_cell_of_a_table_is_told_with_row_and_column(shop):
    guard(shop, table="limits.csv")
    (shop.folder / "limits.csv").write_text("country,spend,answer\nFR,> 60,1\n> 5,,nope\n,[1..2,0\n,,1\n,,0\nFR,1\n")
    assert mistakes(shop) == [
        "limits.csv:7: the row has 2 cells, and the table 3 columns",
        "limits.csv:6: limits-6 is never reached: limits-5 has the same condition",
        "limits.csv:2: column spend: no column is called 'spend'; did you mean \"spent\"?",
        "limits.csv:3: column country: 'country' is a text and '5' is a number; they cannot be compared",
        "limits.csv:3: column answer: the answer 'nope' is no number, as again is, nor \"review\"",
        "limits.csv:4: column spend: no column is called 'spend'; did you mean \"spent\"?",
    ]


@pytest.mark.parametrize("name", ["../limits.csv", "/etc/limits.csv", "shop.py", ".hidden.csv", ".git/x.csv"])
def test_a_table_is_a_csv_file_of_the_project(shop, name):
    guard(shop, table=name)
    wanted = f"{line(shop, 'table')}: the table {name!r} must be a CSV file inside the project, like limits.csv"
    assert mistakes(shop) == [wanted]


def test_a_table_that_is_not_there_is_told_with_a_near_miss(shop):
    guard(shop, table="buyer.csv")
    assert mistakes(shop) == [
        f"{line(shop, 'table')}: there is no file 'buyer.csv' in the project; did you mean \"buyers.csv\"?"
    ]
    shop.edit("arkwright.toml", "buyer.csv", "link.csv")
    (shop.folder / "link.csv").symlink_to("/etc/hostname")
    assert "there is no file 'link.csv' in the project" in mistakes(shop)[0]


def test_a_table_that_is_no_text_is_told(shop):
    guard(shop, table="limits.csv")
    (shop.folder / "limits.csv").write_bytes(b"a,answer\n\xff\xfe,1\n")
    assert mistakes(shop) == [f"{line(shop, 'table')}: limits.csv:2: this is not UTF-8; save the file as UTF-8"]


def test_endpoints_that_take_the_same_releases_have_the_same_safeguards(shop):
    guard(shop, '{ name = "a", when = "spent > 3", answer = 0 }')
    path = shop.folder / "arkwright.toml"
    path.write_text(path.read_text() + '\n[endpoint.other]\nmodel = "buys"\ngate = "production"\n')
    (found,) = mistakes(shop)
    assert found.startswith(f"{line(shop, 'endpoint.other')}: buys and other take the same releases")
    guard(shop, '{ name = "a", when = "spent > 3", answer = 0 }', endpoint="other")
    assert set(plan(shop).safeguards) == {"buys", "other"}


def test_without_row_class_names_wait_for_the_data(shop):
    shop.edit("arkwright.toml", 'row      = "Buyer"\n', "")
    shop.edit("arkwright.toml", '[model.buys]\nfrom   = "visits"', '[model.buys]\nfrom   = "buyers"')
    guard(shop, '{ name = "a", when = "spend > 3", answer = 0 }', '{ name = "b", when = "spend >,", answer = 0 }')
    found = [one for one in mistakes(shop) if "spend" in one]
    assert found == [f"{line(shop, 'spend >,')}: cannot read 'spend >,' at column 8; {EXAMPLE}"]
