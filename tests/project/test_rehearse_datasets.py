"""Datasets are rehearsed: by functions and by SQL, and what they are made from."""

import pytest
from tests.project.rehearsed import VISITS, at, by_sql, features, mistakes, plan, visits

from arkwright.core.errors import Invalid
from arkwright.project.plan import DataStep, circle, in_order


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('no luck')", "in visits: ValueError: no luck"),
        ('return buyers.select("cuntry")', 'in visits: ColumnNotFoundError: unable to find column "cuntry"'),
        ("raise SystemExit", "in visits: it ended the process with exit(None)"),
        ("return None", "visits must return a frame (polars, pandas or pyarrow), not NoneType"),
        ("return buyers.lazy()", "visits is a polars LazyFrame; use pl.DataFrame (call .collect())"),
        ('return buyers["id"]', "visits must return a frame (polars, pandas or pyarrow), not Series"),
        ("return buyers.select(l=pl.lit([1]))", "the column 'l' is large_list<item: int64>, which no column holds"),
        ("return buyers.to_pandas().rename(columns={'id': 'age'})", "visits returned two columns called 'age'"),
    ],
)
def test_a_dataset_that_fails(shop, body, says):
    visits(shop, body)
    found = mistakes(shop)
    assert found[0].startswith((at(shop, "shop.py", "def visits"), at(shop, "shop.py", body)))
    assert says in found[0]


def test_a_dataset_that_prints(shop, capsys):
    visits(shop, f"print('making'); {VISITS}")
    assert plan(shop).data
    assert "making" in capsys.readouterr().out


ROW = """@dataclass
class Visit:
    country: str
    spend: float
    age: str
    again: float


def visits"""


def test_a_function_that_makes_other_columns_than_its_row_class(shop):
    shop.edit("arkwright.toml", "[data.visits]", '[data.visits]\nrow = "Visit"')
    shop.edit("shop.py", "def visits", ROW)
    features(shop, "return visits")
    place = at(shop, "shop.py", "def visits")
    assert mistakes(shop) == [
        f"{place}: visits makes no column 'spend', which the row class asks for; did you mean \"spent\"?",
        f"{place}: visits makes age as int, and the row class says str",
        f"{place}: visits makes a column 'spent' that the row class does not know",
    ]


def test_a_function_that_makes_the_columns_of_its_row_class(shop):
    shop.edit("arkwright.toml", "[data.visits]", '[data.visits]\nrow = "Visit"')
    shop.edit("shop.py", "def visits", ROW.replace("spend", "spent").replace("age: str", "age: int | None"))
    assert [c.type for c in plan(shop).step("visits").columns] == ["str", "float", "int", "float"]


def test_a_dataset_by_sql(shop):
    by_sql(shop, "SELECT country, spent, age, again FROM buyers")
    assert plan(shop).step("visits").kind == "sql"


@pytest.mark.parametrize(
    ("sql", "line", "says"),
    [
        ("SELECT country, spent\nFROM buyers\nWHERE (spent > 3", 3, "Expecting )"),
        ("SELECT country,\n  cuntry\nFROM buyers", 2, 'Referenced column "cuntry" not found'),
        (
            "SELECT *\nFROM\n  buyer",
            3,
            "visits asks for 'buyer', and no dataset is called that; did you mean \"buyers\"?",
        ),
        ("SELECT *\nFROM 'x.csv'", 2, "visits asks for 'x.csv', and no dataset is called that"),
        ("SELECT *,\n medain(spent)\nFROM buyers", 2, "name medain does not exist"),
        ("SELECT 1;\nSELECT 2", 1, "it must hold one SELECT"),
        ("DROP TABLE buyers", 1, "it must hold one SELECT"),
        ("", 1, "it must hold one SELECT"),
        ("SELECT * FROM read_csv('x.csv')", 1, "it may read only the project's datasets, not"),
        ("SELECT *\nFROM buyers\nGROUP BY country", 1, ""),
        ("SELECT [id] AS l FROM buyers", 1, ""),
    ],
)
def test_a_mistake_in_sql(shop, sql, line, says):
    by_sql(shop, sql)
    found = mistakes(shop)
    assert found[0].startswith(f"visits.sql:{line}: ")
    assert says in found[0]


def test_a_dataset_made_in_two_ways(shop):
    (shop.folder / "visits.sql").write_text("SELECT * FROM buyers")
    (shop.folder / "buyers.sql").write_text("SELECT 1 AS id")
    assert mistakes(shop) == [
        f"{at(shop, 'arkwright.toml', '[data.buyers]')}: buyers has a source and a SQL file; keep one of them",
        f"{at(shop, 'arkwright.toml', '[data.visits]')}: visits has a SQL file and a function; keep one of them",
    ]


def test_datasets_made_from_each_other(shop):
    shop.edit("shop.py", "def visits(buyers: pl.DataFrame", "def visits(buyers: pl.DataFrame, more: pl.DataFrame")
    shop.edit("arkwright.toml", "[model.buys]", "[data.more]\n[data.most]\n[model.buys]")
    (shop.folder / "more.sql").write_text("SELECT * FROM visits")
    (shop.folder / "most.sql").write_text("SELECT * FROM more")  # beyond the circle, not in it
    assert mistakes(shop) == [
        "more.sql:1: these datasets are made from each other in a circle: more from visits from more"
    ]


def test_a_dataset_made_from_itself(shop):
    by_sql(shop, "SELECT * FROM visits")
    assert mistakes(shop) == ["visits.sql:1: these datasets are made from each other in a circle: visits from visits"]


def test_the_order_of_datasets():
    steps = [DataStep(name=n, kind="sql", inputs=i) for n, i in [("c", ("a", "b")), ("b", ("a",)), ("a", ("outside",))]]
    assert [step.name for step in in_order(steps)] == ["a", "b", "c"]
    assert circle(steps) == ()
    steps[2] = DataStep(name="a", kind="sql", inputs=("outside", "c"))
    assert circle(steps) == ("a", "c", "a")
    with pytest.raises(Invalid, match="in a circle: a from c from a"):
        in_order(steps)


def test_a_source_outside_the_project_is_spelt_from_the_root(shop):
    outside = shop.folder.parent / "outside.csv"
    (shop.folder / "buyers.csv").rename(outside)
    shop.edit("arkwright.toml", '"buyers.csv"', '"../outside.csv"')
    (found,) = mistakes(shop)
    assert found == (
        f"{at(shop, 'arkwright.toml', '../outside.csv')}: the source '../outside.csv' leaves the project's folder; "
        "write the whole path, from the root"
    )
    shop.edit("arkwright.toml", '"../outside.csv"', f'"{outside}"')
    assert plan(shop).data[0].name == "buyers"
