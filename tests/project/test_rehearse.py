"""The rehearsal: every mistake in a project is found before a row is read, and told with file and line."""

import pytest
from tests.project.rehearsed import at, features, mistakes, plan


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
