"""Columns that are missing, added, reordered, renamed, of another type, empty, constant or twice there; odd names."""

import unicodedata

from tests.conftest import DATA_CODE, DATA_TOML, rows

LINES = rows().splitlines()


def cells(*order):
    """The file's columns in another order; a text that is no column is a constant."""
    names = LINES[0].split(",")
    for line in LINES:
        row = dict(zip(names, line.split(","), strict=True))
        yield ",".join(name if line is LINES[0] else row.get(name, "7") for name in order)


def lost(table, name):
    return sum(value is None for value in table[name])


# missing, added, reordered, renamed -----------------------------------------------------------------------------------


def test_a_missing_and_a_renamed_column(desk):
    desk.csv("buyers.csv", cells("id", "country", "spent", "again"))
    desk.fails(2, "buyers.csv has no column 'age', which the row class asks for")
    desk.csv("buyers.csv", cells("id", "spent", "again"))
    desk.fails(2, "buyers.csv has no column 'country' (nor age), which the row class asks for")
    desk.csv("buyers.csv", ["id,country,spend,age,again", *LINES[1:]])
    desk.refused(2, "buyers.csv has no column 'spent'", 'did you mean "spend"?')


def test_added_and_reordered_columns_change_nothing(desk):
    before = desk.dataset()
    desk.csv("buyers.csv", cells("again", "note", "age", "id", "spent", "more", "country"))
    answer = desk.works()
    assert "· buyers.csv: the row class leaves out 2 columns: note, more" in answer.err.splitlines()
    assert desk.dataset().digest == before.digest
    assert desk.dataset().version == before.version + 1  # another file, the same rows


def test_a_column_that_a_function_needs_goes_missing_with_its_line(shop):
    shop.edit("shop.py", "    age: int | None\n", "")
    shop.fails(2, "shop.py:17 in visits", "age", words=("check",))


def test_what_the_toml_names_must_be_a_column(shop):
    shop.edit("arkwright.toml", 'key      = ["id"]', 'key      = ["ident"]\ntime = "day"')
    shop.edit("arkwright.toml", 'target = "again"', 'target = "agian"')
    shop.edit("arkwright.toml", 'groups = ["country"]', 'groups = ["land"]')
    shop.edit("arkwright.toml", "missing(again)", "missing(agein)")
    shop.fails(
        2,
        "arkwright.toml:10: buyers has no column 'ident'",
        "arkwright.toml:11: buyers has no column 'day'",
        "arkwright.toml:19: visits has no column 'agian'; did you mean \"again\"?",
        "arkwright.toml:21: visits has no column 'land'",
        "arkwright.toml:15: missing: there is no column 'agein'; did you mean \"again\"?",
        words=("check",),
    )


def test_a_function_that_breaks_its_own_row_class(shop):
    shop.edit("arkwright.toml", "[data.visits]", '[data.visits]\nrow = "Visit"')
    row = "@dataclass\nclass Visit:\n    country: str\n    spent: str\n    ages: int | None\n    again: int\n\n\n"
    shop.edit("shop.py", "def visits", row + "def visits")
    shop.fails(
        2,
        "shop.py:25: visits makes spent as float, and the row class says str",
        "shop.py:25: visits makes no column 'ages', which the row class asks for; did you mean \"age\"?",
        "shop.py:25: visits makes a column 'age' that the row class does not know",
        words=("check",),
    )


# types ----------------------------------------------------------------------------------------------------------------


def test_a_column_of_another_type_is_bad_rows_and_no_guess(desk):
    desk.csv("buyers.csv", cells("id", "country", "spent", "age", "again"))
    desk.edit("buyers.csv", "\n7,", "\nseven,")
    desk.edit("buyers.csv", "\n8,", "\n8.0,")
    desk.edit("buyers.csv", "\n9,", '\n"9,000",')
    desk.works()
    assert desk.bad_rows() == [
        (8, 'id: "seven" is not an int'),
        (9, 'id: "8.0" is not an int'),
        (10, 'id: "9,000" is not an int'),
    ]
    assert desk.dataset().reasons == {"id is not an int": 3}
    desk.csv("buyers.csv", [LINES[0], *(line.replace(".5,", ".5 EUR,") for line in LINES[1:])])
    answer = desk.refused(4, "rows >= 100 is broken, found 0", made=("buyers",))
    assert "400" in answer.out


def test_without_a_row_class_one_odd_value_makes_texts(new):
    desk = new({"arkwright.toml": DATA_TOML.replace('row      = "Buyer"\n', ""), "shop.py": "", "buyers.csv": rows()})
    desk.works()
    assert {c.name: c.type for c in desk.dataset().columns} == {
        "id": "int", "country": "str", "spent": "float", "age": "int", "again": "int"
    }  # fmt: skip
    desk.edit("buyers.csv", "\n7,", "\nseven,")
    desk.works()
    assert {c.name: c.type for c in desk.dataset().columns}["id"] == "str"
    assert desk.table()["id"][6:9] == ["6", "seven", "8"]


# all null, constant ---------------------------------------------------------------------------------------------------


def test_a_column_of_nothing(desk):
    empty = [LINES[0], *(f"{i},DE,1.5,,0" for i in range(150))]
    desk.csv("buyers.csv", empty)
    desk.works()
    assert lost(desk.table(), "age") == 150
    desk.csv("buyers.csv", [LINES[0], *(f"{i},DE,,3,0" for i in range(150))])
    desk.fails(4, "rows >= 100 is broken, found 0", made=("buyers",))
    assert desk.dataset().reasons == {"spent is missing": 150}
    desk.restore()
    desk.works()


def test_a_column_of_nothing_without_a_row_class(new):
    toml = DATA_TOML.replace('row      = "Buyer"\n', "").replace("duplicates(key) == 0", "missing(age) == 1")
    lines = "\n".join([LINES[0], *(f"{i},DE,1.5,,0" for i in range(150))])
    desk = new({"arkwright.toml": toml, "shop.py": "", "buyers.csv": lines})
    desk.works()
    assert {c.name: (c.type, c.nullable) for c in desk.dataset().columns}["age"] == ("float", True)


def test_constant_columns_train_as_any_other(shop):
    shop.csv("buyers.csv", [LINES[0], *(f"{i},DE,{spent},33,{again}" for i, _, spent, _, again in LINES_)])
    shop.works()
    assert set(shop.table("visits")["age"]) == {33}
    answer = shop.ask("show", "release:buys@2")
    assert "kept" in answer.out


LINES_ = [line.split(",") for line in LINES[1:]]


# names ----------------------------------------------------------------------------------------------------------------


def test_a_name_that_is_there_twice(desk):
    desk.csv("buyers.csv", ["id,country,spent,age,again,spent", *(f"{line},1" for line in LINES[1:])])
    desk.refused(2, "buyers.csv: the column 'spent' occurs twice; every column needs its own name")


def test_two_columns_of_a_function_with_one_name(shop):
    shop.edit("shop.py", "import polars as pl", "import pandas as pd\nimport polars as pl")
    shop.edit("shop.py", "def visits(buyers: pl.DataFrame)", "def visits(buyers: pd.DataFrame)")
    shop.edit(
        "shop.py",
        'buyers.select("country", "spent", "age", "again")',
        'pd.concat([buyers, buyers[["age"]]], axis=1)',
    )
    shop.refused(2, "shop.py:", "visits returned two columns called 'age'", words=("check",))


ODD = ("größe", "日本", "order", "select", "group", "table", "from", "in", "limit", "user id", 'a"b', "x;y")
ODD_ROW = f"""
from typing import TypedDict

import polars as pl

Odd = TypedDict("Odd", {{name: int for name in {ODD!r}}})


def same(odd: pl.DataFrame) -> pl.DataFrame:
    return odd
"""
ODD_TOML = """
project = "odd"
owner   = "team@example.org"
purpose = "Odd names"
code    = "odd.py"

[data.odd]
source   = "odd.csv"
key      = ["order", "日本"]
promises = ["duplicates(key) == 0", "missing(größe) == 0", "largest(order) == 3", "smallest(select) == 4",
            "between(group, 5, 5) == 1", "duplicates(日本) == 2", "missing('user id') == 0",
            "mean(table) == 6"]

[data.sorted]
promises = ["rows == 3", "largest(order) == 3"]

[data.same]
promises = ["duplicates(order, größe) == 0"]
"""
ODD_SQL = """
SELECT "order" + 0 AS "order", "select", "group", "größe" FROM odd ORDER BY "order" DESC
"""


def odd(new, toml):
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in ODD)
    data = "\n".join([quoted, *(",".join(str(n if name != "order" else row) for n, name in enumerate(ODD, 1))
                                for row in (1, 2, 3))])  # fmt: skip
    toml = toml.replace("inputs", "odd")
    return new({"arkwright.toml": toml, "odd.py": ODD_ROW, "odd.csv": data, "sorted.sql": ODD_SQL})


def test_unicode_and_sql_words_are_names_like_any_other(new):
    desk = odd(new, ODD_TOML)
    desk.works()
    assert list(desk.table("odd")) == list(ODD)
    assert desk.table("sorted") == {"order": [3, 2, 1], "select": [4] * 3, "group": [5] * 3, "größe": [1] * 3}
    assert desk.table("same") == desk.table("odd")
    assert desk.ask("profile", "odd").code == 0
    assert desk.ask("show", "dataset:odd").code == 0


def test_the_same_with_a_row_class(new):
    desk = odd(new, ODD_TOML.replace('source   = "odd.csv"', 'source   = "odd.csv"\nrow = "Odd"'))
    desk.works()
    assert list(desk.table("same")) == list(ODD)
    desk.csv("odd.csv", desk.path("odd.csv").read_text().replace('"order"', '"orders"').splitlines())
    desk.fails(2, "odd.csv has no column 'order'", 'did you mean "orders"?')


def test_two_names_that_are_one_to_sql(new):
    """Without a row class only the file tells, so the run finds what the rehearsal cannot."""
    desk = odd(new, ODD_TOML)
    desk.edit("odd.csv", '"limit"', '"Order"')
    desk.refused(2, "odd has columns 'order' and 'Order', which are one name to SQL; rename one of them", made=("odd",))


def test_a_name_that_looks_the_same_and_is_spelt_otherwise(new):
    """ö may be one letter or an o with two dots; Python makes one of both, so a file may have either."""
    toml = DATA_TOML.replace("duplicates(key) == 0", "missing(größe) == 0")
    code = DATA_CODE.replace("spent: float", "größe: float")
    data = unicodedata.normalize("NFD", rows().replace("spent", "größe"))
    desk = new({"arkwright.toml": toml, "shop.py": code, "buyers.csv": data})
    desk.works()


def test_a_column_without_a_name(desk, new):
    desk.csv("buyers.csv", [f",{line}" for line in LINES])
    desk.works()  # the row class does not ask for it
    desk = new({"arkwright.toml": DATA_TOML.replace('row      = "Buyer"\n', ""), "shop.py": "", "buyers.csv": rows()})
    desk.csv("buyers.csv", [f",{line}" if n == 0 else f"{n},{line}" for n, line in enumerate(LINES)])
    desk.refused(2, "buyers.csv has a column without a name (pandas: index=False); name it or give a row class")
