"""The rehearsal: every mistake in a project is found before a row is read, and told with file and line."""

import re
import sys

import pytest

from arkwright.core.errors import Invalid
from arkwright.infra.duckdb_tables import DuckTables
from arkwright.project import loaded, rehearse
from arkwright.project.plan import DataStep, circle, in_order

FEATURES = 'return visits.select(pl.col("spent"), pl.col("age").fill_null(40).cast(pl.Float64))'
VISITS = 'return buyers.select("country", "spent", "age", "again")'
PLACE = re.compile(r"(shop\.py|arkwright\.toml|\w+\.sql):\d+(:| in )")


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("shop", None)


def plan(shop):
    return rehearse.rehearse(loaded.load(shop.folder), DuckTables(shop.folder / "tmp"))


def mistakes(shop):
    """The lines that a person reads, each with file and line."""
    with pytest.raises(Invalid) as caught:
        plan(shop)
    found = str(caught.value).splitlines()
    for line in found:
        assert PLACE.match(line), line
    return found


def at(shop, file, text):
    """`shop.py:12` for the line that holds a text."""
    lines = (shop.folder / file).read_text().splitlines()
    return f"{file}:{next(n for n, line in enumerate(lines, 1) if text in line)}"


def features(shop, body):
    shop.edit("shop.py", FEATURES, body)


def visits(shop, body):
    shop.edit("shop.py", VISITS, body)


def by_sql(shop, sql, name="visits"):
    """Make the dataset by SQL instead of the function."""
    shop.edit("shop.py", f"def {name}(", f"def no_{name}(")
    (shop.folder / f"{name}.sql").write_text(sql)


def test_a_sound_project_has_a_plan(shop):
    found = plan(shop)
    assert [step.name for step in found.data] == ["buyers", "visits"]
    assert [column.name for column in found.step("visits").columns] == ["country", "spent", "age", "again"]
    assert (found.models[0].dataset, found.models[0].features) == ("visits", "features")
    assert {"arkwright.toml", "shop.py"} <= set(found.files)
    assert plan(shop) == found


def test_every_mistake_is_told_at_once(shop):
    features(shop, "raise ValueError('here')")
    shop.edit("arkwright.toml", "roc_auc", "roc_acu")
    shop.edit("arkwright.toml", 'key      = ["id"]', 'key      = ["ids"]')
    found = mistakes(shop)
    assert len(found) == 3
    assert len(set(found)) == 3


# features treat each row alone


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


# names that the code and the TOML must share


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        (
            "def features(visits:",
            "def features(visit:",
            "def features",
            "must take one parameter, visits, the dataset of",
        ),
        (
            "def features(visits: pl.DataFrame)",
            "def features(visits)",
            "def features",
            "say what visits is: a frame, l",
        ),
        (
            "def features(visits: pl.DataFrame)",
            "def features(visits: pl.LazyFrame)",
            "def features",
            "visits is a polars Lazy",
        ),
        (
            "def buys(features:",
            "def buys(featurs:",
            "def buys",
            "buys() asks for 'featurs', which nothing makes; did you mean ",
        ),
        (
            "again: pl.Series",
            "agian: pl.Series",
            "def buys",
            "asks for 'agian', which nothing makes; did you mean \"again\"?",
        ),
        (
            ", again: pl.Series",
            "",
            "def buys",
            "buys() must take features, again and, if it likes, seed and report, in th",
        ),
        (
            "features: pl.DataFrame, again: pl.Series",
            "again: pl.Series, features: pl.DataFrame",
            "def buys",
            "if it likes, seed and report, in this order; it takes again, features",
        ),
        (
            "def buys(features:",
            "def buys(other: int, features:",
            "def buys",
            "buys() asks for 'other', which nothing makes",
        ),
        ("def buys(features:", "def buys(visit_s: int, features:", "def buys", "buys() asks for 'visit_s'"),
        (
            "def visits(buyers:",
            "def visits(buyer:",
            "def visits",
            "visits asks for 'buyer', and no dataset is called that; did",
        ),
        (
            "(buyers: pl.DataFrame)",
            "(buyers)",
            "def visits",
            "say what kind of table buyers is, like visits(buyers: pl.Dat",
        ),
    ],
)
def test_parameters_that_nothing_gives(shop, old, new, place, says):
    shop.edit("shop.py", old, new)
    found = mistakes(shop)
    assert found[0].startswith(at(shop, "shop.py", place))
    assert says in found[0]


def test_two_tables_for_a_model(shop):
    shop.edit("shop.py", "def buys(features: pl.DataFrame,", "def buys(features: pl.DataFrame, visits: pl.DataFrame,")
    place, says = (
        at(shop, "shop.py", "def buys"),
        "must take features, again and, if it likes, seed and report, in this order",
    )
    assert mistakes(shop) == [f"{place}: buys() {says}; it takes features, visits, again"]


def test_a_model_of_the_dataset_itself(shop):
    shop.edit("shop.py", "def buys(features: pl.DataFrame", "def buys(visits: pl.DataFrame")
    assert plan(shop).models[0].features is None


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        (
            "def buys(",
            "def buy(",
            "[model.buys]",
            'shop.py has no function buys(…) that makes the model; did you mean "buy"?',
        ),
        (
            "def visits(",
            "def visit(",
            "[data.visits]",
            'neither visits.sql nor a function visits(…) exists; did you mean "visi',
        ),
        ("class Buyer", "class Buyr", "row      =", "shop.py has no class 'Buyer'; did you mean \"Buyr\"?"),
        (
            "age: int | None",
            "age: complex",
            "row      =",
            "Buyer.age is complex, which no column holds; use int, float",
        ),
        ("age: int | None", "age: list[int]", "row      =", "Buyer.age is list"),
        (
            "age: int | None",
            "age: 'Missing'",
            "row      =",
            "the row class Buyer has an annotation that does not resolve",
        ),
    ],
)
def test_what_the_toml_names_and_the_code_has_not(shop, old, new, place, says):
    shop.edit("shop.py", old, new)
    found = mistakes(shop)
    assert found[0].startswith(f"{at(shop, 'arkwright.toml', place)}: ")
    assert says in found[0]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('groups = ["country"]', 'groups = ["contry"]', "visits has no column 'contry'; did you mean \"country\"?"),
        ('target = "again"', 'target = "agian"', "visits has no column 'agian'; did you mean \"again\"?"),
        (
            'groups = ["country"]',
            'split = { by = "time", column = "spnt" }',
            "no column 'spnt'; did you mean \"spent\"?",
        ),
        ('groups = ["country"]', 'split = { by = "time" }', 'a split by time needs a column: add column = "…"'),
        ('groups = ["country"]', 'split = { by = "group" }', 'a split by group needs a column: add column = "…"'),
        ('groups = ["country"]', 'score = "roc_acu"', "no measure is called 'roc_acu'; did you mean \"roc_auc\"?"),
        ('key      = ["id"]', 'key = ["id", "cuntry"]', "buyers has no column 'cuntry'; did you mean \"country\"?"),
        ('key      = ["id"]', 'key = ["id"]\ntime = "spend"', "buyers has no column 'spend'; did you mean \"spent\"?"),
        ("roc_auc >= 0.6", "roc_acu >= 0.6", "no measure is called 'roc_acu'; did you mean \"roc_auc\"?"),
        (
            "duplicates(key) == 0",
            "duplicats(key) == 0",
            "no measure is called 'duplicats'; did you mean \"duplicates\"?",
        ),
        ("missing(again) == 0", "missing(agian) == 0", "missing: there is no column 'agian'; did you mean \"again\"?"),
        ("missing(again) == 0", "missing(again, x=3) == 0", "missing has no argument 'x'; there is column"),
        ("roc_auc >= 0.6", "recall(at_precison=0.5) >= 0.6", "'at_precison'; did you mean \"at_precision\"?"),
        ("roc_auc >= 0.6", "worst_group(recall, by=contry) >= 0.6", "no column 'contry'; did you mean \"country\"?"),
        (
            "roc_auc >= 0.6",
            "worst_group(recal, by=country) >= 0.6",
            "no measure is called 'recal'; did you mean \"recall\"?",
        ),
    ],
)
def test_a_misspelt_word_of_the_toml(shop, old, new, says):
    shop.edit("arkwright.toml", old, new)
    found = mistakes(shop)
    assert found[0].startswith(f"{at(shop, 'arkwright.toml', new.splitlines()[-1])}: ")
    assert says in found[0]


# datasets


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


def test_a_redacted_column_that_no_caller_sends(shop):
    """A misspelt one would be written, though nobody wants it to be."""
    shop.edit("arkwright.toml", 'model = "buys"\n', 'model = "buys"\nlog = { redact = ["contry", "age", "again"] }\n')
    where = at(shop, "arkwright.toml", "log = {")
    assert mistakes(shop) == [
        f"{where}: log.redact: callers send no column 'contry'; did you mean \"country\"?",
        f"{where}: log.redact: callers send no column 'again'; there is age, country, spent",
    ]
    shop.edit("arkwright.toml", '["contry", "age", "again"]', '["country", "age"]')
    assert plan(shop)
