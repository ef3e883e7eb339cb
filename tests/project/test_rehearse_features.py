"""Features are rehearsed: of a row alone, without chance, without the target; by frames and row by row."""

import pytest
from tests.project.rehearsed import at, features, mistakes, plan


@pytest.mark.parametrize(
    ("body", "column"),
    [
        ('return visits.select("age", pl.col("spent") / pl.col("spent").max())', "spent"),
        ('return visits.select(pl.col("age").fill_null(pl.col("age").mean()))', "age"),
        ('return visits.select(late=pl.col("spent").shift(1))', "late"),
        ('return visits.select(rank=pl.col("spent").rank())', "rank"),
        ('return visits.select(n=pl.len().over("country"))', "n"),
        ('return visits.select(pl.col("spent").cum_sum())', "spent"),
        ('return visits.sort("spent").select("spent")', "spent"),
        ('return visits.select(first=pl.col("country") == pl.col("country").first())', "first"),
        ('return visits.with_row_index("n").select("n")', "n"),
        ('return visits.select(country=pl.when(pl.len() > 1).then("country"))', "country"),
    ],
)
def test_features_that_look_at_other_rows(shop, body, column):
    features(shop, body)
    assert mistakes(shop) == [
        (
            f"{at(shop, 'shop.py', 'def features')}: features() answers otherwise for a row when other rows are there "
            f'(column "{column}"); compute from one row alone, or make it in a dataset'
        )
    ]


@pytest.mark.parametrize(
    "body",
    [
        'return visits.select(x=pl.col("spent") + random.random())',
        "return visits.with_columns(x=pl.Series([random.random() for _ in range(len(visits))], dtype=pl.Float64))",
    ],
)
def test_features_that_hang_on_chance(shop, body):
    features(shop, body)
    shop.edit("shop.py", "import polars as pl", "import random\n\nimport polars as pl")
    assert mistakes(shop) == [
        (
            f"{at(shop, 'shop.py', 'def features')}: features() answers otherwise the second time "
            '(column "x"); take chance and the clock out of it'
        )
    ]


@pytest.mark.parametrize(
    "body",
    [
        "return visits",
        'return visits.select(pl.col("spent") * (1 + 1e-12 * len(visits)))',  # the last bits may differ
        'return visits.select(pl.col("spent").log(), pl.col("age").cast(pl.Float64).sqrt())',
        'return visits.select(nan=pl.col("spent") * float("nan"), none=pl.col("age") * None)',
        'return visits.select(pl.col("country").cast(pl.Categorical), half=pl.col("age") / 0)',
        'return visits.select("spent", long=pl.col("country").str.len_chars(), same=pl.col("country") == "DE")',
        'return visits.to_pandas()[["age", "spent"]]',
        'return visits.to_arrow().select(["age"])',
    ],
)
def test_features_of_a_row_alone_pass(shop, body):
    features(shop, body)
    assert plan(shop).models[0].features == "features"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            'return visits.select("spnt")',
            'features: ColumnNotFoundError: unable to find column "spnt"; valid columns: ["c',
        ),
        ('return visits.to_pandas()[["spnt"]]', "in features: KeyError: "),
        ('return visits["spnt"]', 'in features: ColumnNotFoundError: "spnt" not found'),
        ("raise ValueError('no luck')", "in features: ValueError: no luck"),
        ("return 1 / 0", "in features: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "in features: it ended the process with exit(3); return or raise an error instead"),
        ("return visits.no_such_method()", "in features: AttributeError: 'DataFrame' object has no attribute"),
        ("assert len(visits) != 1; return visits", "in features: AssertionError"),
    ],
)
def test_features_that_fail(shop, body, says):
    features(shop, body)
    found = mistakes(shop)
    assert len(found) == 1
    assert found[0].startswith(f"{at(shop, 'shop.py', body)} in features: ")
    assert says in found[0]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return None", "features must return a frame (polars, pandas or pyarrow), not NoneType"),
        ("pass", "features must return a frame (polars, pandas or pyarrow), not NoneType"),
        ('return visits["spent"]', "features must return a frame (polars, pandas or pyarrow), not Series"),
        ("return 3", "features must return a frame (polars, pandas or pyarrow), not int"),
        ('return visits.lazy().select("spent")', "features is a polars LazyFrame; use pl.DataFrame (call .collect())"),
        ('return visits.select(pl.col("spent").mean())', "features() must give one row per row: 200 in, 1 out"),
        ("return visits.head(3)", "features() must give one row per row: 200 in, 3 out"),
        ('return visits.drop_nulls("age")', "features() must give one row per row: 200 in, 1"),
        ('return visits.to_dummies("country")', "features() makes different columns on empty and on made-up rows"),
        ("return visits.select([])", "features() makes no column; a model needs one or more"),
        ('return visits.select(s=pl.struct("age", "spent"))', "the column 's' is struct<"),
        ('return visits.select(l=pl.concat_list("age", "age"))', "the column 'l' is large_list<"),
    ],
)
def test_features_that_give_something_else(shop, body, says):
    features(shop, body)
    found = mistakes(shop)
    assert len(found) == 1
    assert found[0].startswith(f"{at(shop, 'shop.py', 'def features')}: {says}")


@pytest.mark.parametrize(
    "body",
    ['return visits.select("again", "spent")', 'return visits.to_pandas()[["again"]]', 'return visits.drop("again")'],
)
def test_features_that_use_the_target(shop, body):
    features(shop, body)
    found = mistakes(shop)
    assert len(found) == 1
    assert found[0].startswith(at(shop, "shop.py", body))
    assert found[0].endswith("(the target again is not there when the model answers)")


def test_what_the_code_prints_is_no_mistake(shop, capsys):
    features(shop, "print('at work'); return visits")
    assert plan(shop).models
    assert "at work" in capsys.readouterr().out


BY_ROW = """
@dataclass
class Visit:
    spent: float
    age: int | None


def features(visits: Visit) -> dict:
    return {"spent": visits.spent, "age": visits.age or 40}
"""


def by_row(shop, *edits):
    shop.edit("shop.py", "def features(", "def no_features(")
    with (shop.folder / "shop.py").open("a") as file:
        file.write(BY_ROW)
    for old, new in edits:
        shop.edit("shop.py", old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@dataclass\nclass Visit:", "class Visit(TypedDict):"),
        ("visits: Visit", 'visits: "Visit"'),
        ("spent: float\n    age: int | None\n\n\ndef", "age: float\n\n\ndef"),
        ("40}", "40.5}"),
    ],
    ids=["a dict", "as text", "some of the columns, and int as float", "int and float"],
)
def test_features_of_a_row_are_rehearsed(shop, old, new):
    typed = ("import polars", "from typing import TypedDict\nimport polars")
    dicts = [("visits.spent", 'visits["spent"]'), ("visits.age", 'visits["age"]')] if "TypedDict" in new else []
    by_row(shop, typed, (old, new), *dicts)
    assert plan(shop).models[0].features == "features"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    age: int | None\n\n\ndef", "    agee: int\n\n\ndef", "Visit.agee is no column of visits; did you"),
        ("    age: int | None\n\n\ndef", "    age: str\n\n\ndef", "Visit.age is hinted as str, and the column"),
        (
            "    spent: float\n    age: int | None\n\n\ndef",
            "    id: int\n    again: int\n\n\ndef",
            "Visit.id is no column of visits; there is age, country, spent; Visit.again is the target, which is not",
        ),
        ("    age: int | None\n\n\ndef", "    age: list\n\n\ndef", "Visit.age is list, which no column holds"),
        ("visits: Visit", "visits: dict", "or a row class, for one row at a time (a dataclass"),
        ("visits.age or 40", "visits.agee", "'Row' object has no attribute 'agee' (row 1), of made-up rows"),
        ("visits.age or 40", "visits.again", "(the target again is not there when the model answers)"),
        ("visits.age or 40", "visits.age + 1", "(row 2), of made-up rows"),
        ('{"spent"', '{} if visits.age is None else {"spent"', "row 1 has it; give every row the same keys"),
        ('"age": visits.age or 40', '"age": [visits.age]', "it gave 'age' as list for row 1"),
        ('{"spent": visits.spent, "age": visits.age or 40}', "{}", "it gave nothing for row 1"),
        ("visits.age or 40", "next(n)", 'features() answers otherwise the second time (column "age")'),
    ],
)  # fmt: skip
def test_mistakes_of_features_of_a_row(shop, old, new, says):
    by_row(shop, ("import polars", "from itertools import count\nn = count()\nimport polars"), (old, new))
    (found,) = mistakes(shop)
    assert says in found
