"""Keys that nobody knows, promises that do not parse or speak of nothing, and projects that hang together badly."""

import pytest
from tests.conftest import DATA_TOML, MODEL_TOML

from .conftest import Desk


@pytest.fixture(scope="module")
def never_run(made_model, tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("bench") / "shop", made_model.files)


@pytest.fixture
def bench(never_run):
    """One project for all mistakes that a look at the project finds: nothing is ever run in it."""
    yield never_run
    assert never_run.events() == []
    never_run.restore()


def told(desk, *cases, words=("check",)):
    """Each case: (file, old, new, exit code, what is said …)."""
    for file, old, new, code, *needles in cases:
        desk.restore()
        desk.edit(file, old, new)
        answer = desk.ask(*words)
        desk.told(answer, code, *needles)
    desk.restore()


TOML_FILE = "arkwright.toml"


def test_keys_that_nobody_knows(bench):
    told(
        bench,
        (
            TOML_FILE,
            "signed_by",
            "singed_by",
            2,
            "arkwright.toml:24: unknown key 'singed_by'; did you mean \"signed_by\"?",
        ),
        (TOML_FILE, "owner ", "ownre ", 2, "arkwright.toml:3: unknown key 'ownre'; did you mean \"owner\"?"),
        (TOML_FILE, "key   ", "keys  ", 2, "arkwright.toml:10: unknown key 'keys'; did you mean \"key\"?"),
        (TOML_FILE, "[gate.production]", "[gates.production]", 2, "unknown key 'gates'", 'did you mean "gate"?'),
        (TOML_FILE, "[endpoint.buys]", "[endpoint.buys]\nrolout = 1\nshadow = true", 2, "'rolout'", "'shadow'"),
        (TOML_FILE, 'groups = ["country"]', "split = { by = 'time', tset = 0.2 }", 2, "arkwright.toml:20:", "'tset'"),
    )


def test_values_that_do_not_belong(bench):
    told(
        bench,
        (
            TOML_FILE,
            '"classification"',
            '"clasification"',
            2,
            "arkwright.toml:19: model.buys.task: nothing here is called 'clasification'; did you mean",
        ),
        (TOML_FILE, 'groups = ["country"]', 'groups = "country"', 2, "arkwright.toml:20: model.buys.groups", "a list"),
        (TOML_FILE, 'groups = ["country"]', "split = { test = 1.5 }", 2, "arkwright.toml:20:", "< 1"),
        (
            TOML_FILE,
            'project = "shop"',
            'project = "my shop"',
            2,
            "arkwright.toml:2: project: must be a plain word: use letters, digits",
        ),
        (TOML_FILE, 'project = "shop"', 'project = "shop"\nseed = -1', 2, "arkwright.toml:3: seed", ">= 0"),
        (TOML_FILE, 'project = "shop"', "", 2, "arkwright.toml", 'the key "project" is missing'),
        (
            TOML_FILE,
            'project = "shop"',
            'project = "shop"\ndata = 3',
            2,
            "arkwright.toml:8: cannot overwrite a value",
        ),
        (TOML_FILE, "[data.visits]", "[data.buyers]", 2, "arkwright.toml:13:"),
        (TOML_FILE, 'project = "shop"', 'project = "shop', 2, "arkwright.toml:2: "),
        (TOML_FILE, "[data.visits]", '[data."a b"]', 2, "arkwright.toml:13: 'a b' cannot name a data: use letters"),
        (TOML_FILE, "[data.visits]", '[data."../x"]', 2, "arkwright.toml:13: '../x' cannot name a data: use"),
    )


def test_promises_that_do_not_parse(bench):
    promise = "roc_auc >= 0.6"
    for wrong in (
        "roc_auc >> 0.6", "roc_auc", "roc_auc >= ", "roc_auc.x >= 1", "x := 1",
        ">= 0.6", "roc_auc >= high", "0.5 >= 0.6", "roc_auc >= 0.6 >= 0.5 >= 1",
        "roc_auc != 0.6", "roc_auc >= nan", "roc_auc >= 1e999", "roc_auc >= 0.6 and recall >= 1",
        "__import__('os') >= 1", "roc_auc >= " + "1" * 2000, "(" * 200 + "1", "roc_auc >= 0.6; recall >= 1", "", "…",
    ):  # fmt: skip
        bench.restore()
        bench.edit(TOML_FILE, promise, wrong)
        bench.told(bench.ask("check"), 2, "arkwright.toml:23: ")


DATA_PROMISES = {
    "missing(agian) == 0": ("'agian'", 'did you mean "again"?'),
    "references(country, lands.code) == 1": ("lands",),
    "between(spent, 1) == 1": ("between",),
    "between(spent, 9, 1, 2) == 1": ("between",),
    "roc_auc >= 0.7": ("roc_auc",),
}
MODEL_PROMISES = {
    "roc_acu >= 0.6": ("no measure is called 'roc_acu'", 'did you mean "roc_auc"?'),
    "rows >= 10": ("rows",),
    "worst_group(recall, by=land) >= 0.6": ("'land'", "country"),
    "worst_group(recal, by=country) >= 0.6": ("'recal'", 'did you mean "recall"?'),
    "rmse <= 3": ("rmse", "regression"),
    "recall(at=0.5) >= 0.6": ("recall", "'at'"),
}


def test_promises_about_what_is_not_there(bench):
    """Every one in one look, each with its line."""
    quoted = [",\n".join(f'"{text}"' for text in promises) for promises in (DATA_PROMISES, MODEL_PROMISES)]
    bench.edit(TOML_FILE, '"missing(again) == 0"', quoted[0])
    bench.edit(TOML_FILE, '"roc_auc >= 0.6"', quoted[1])
    answer = bench.ask("check")
    bench.told(answer, 2)
    lines = bench.path(TOML_FILE).read_text().splitlines()
    for text, needles in (DATA_PROMISES | MODEL_PROMISES).items():
        number = next(n for n, line in enumerate(lines, 1) if f'"{text}"' in line)
        (error,) = [line for line in answer.errors if line.startswith(f"arkwright.toml:{number}: ")]
        assert all(needle in error for needle in needles), error


def test_things_that_name_each_other_wrongly(bench):
    told(
        bench,
        (
            TOML_FILE,
            'gate  = "production"',
            'gate  = "producton"',
            2,
            "arkwright.toml:28: no gate is called 'producton'",
        ),
        (TOML_FILE, 'model = "buys"', 'model = "buy"', 2, "arkwright.toml:27: no model is called 'buy'"),
        (TOML_FILE, 'from   = "visits"', 'from   = "visit"', 2, "arkwright.toml:17: no dataset is called 'visit'"),
        (TOML_FILE, 'row      = "Buyer"', 'row      = "Buyers"', 2, "arkwright.toml:9: ", "'Buyers'", '"Buyer"'),
        (
            TOML_FILE,
            'code    = "shop.py"',
            'code    = "shp.py"',
            3,
            "'shp.py' does not exist",
            'did you mean "shop.py"?',
        ),
        (TOML_FILE, "[data.visits]", "[data.visitz]", 2, "no dataset is called 'visits'"),
    )


def test_functions_that_do_not_fit(bench):
    told(
        bench,
        ("shop.py", "def visits(buyers:", "def visits(buyer:", 2, "asks for 'buyer'", 'did you mean "buyers"?'),
        ("shop.py", "def visits(buyers:", "def visits(visits:", 2, "made from each other in a circle"),
        ("shop.py", "def visits", "def vizits", 2, "visits has no source", "vizits"),
    )
    bench.edit("shop.py", "def features(visits:", "def features(visit:")
    bench.edit("shop.py", '"spent", "age", "again"', '"spend", "age", "again"')
    bench.edit(TOML_FILE, "roc_auc >= 0.6", "roc_acu >= 0.6")
    bench.told(bench.ask("check"), 2, "features() must take one parameter, visits", "shop.py:18", "spend", "'roc_acu'")


def test_a_mistake_stops_the_run_before_it_begins(shop):
    shop.edit(TOML_FILE, "roc_auc >= 0.6", "roc_acu >= 0.6")
    before = shop.events()
    shop.fails(2, "no measure is called 'roc_acu'")
    assert shop.events() == before
    answer = shop.ask("promote", "buys", "--endpoint", "bys")
    shop.told(answer, 3, "no endpoint is called 'bys'; did you mean \"buys\"?")
    shop.restore()
    shop.works()


def test_words_that_ask_for_what_is_not_there(shop):
    before = shop.events()
    rows = '[{"country": "DE", "spent": "much", "age": 3}]'
    shop.path("rows.json").write_text(rows)
    shop.path("bad.json").write_text("{")
    for code, words, *needles in (
        (3, ("show", "buyz"), "nothing is called 'buyz'", 'did you mean "buys"?'),
        (3, ("show", "release:buys@9"), "there is no release:buys@9; the latest is release:buys@1"),
        (2, ("show", "release:buys@x"), "is not a release; write it like release:name@7"),
        (3, ("show", "modle:buys"), "'modle' is no kind of thing", 'did you mean "model"?'),
        (3, ("promote", "bus"), "no release is called 'bus'", 'did you mean "buys"?'),
        (3, ("predict", "bus", str(shop.path("rows.json"))), "no endpoint is called 'bus'"),
        (2, ("predict", "buys", "nowhere.json"), "nowhere.json cannot be read: No such file"),
        (2, ("predict", "buys", str(shop.path("bad.json"))), "bad.json is not JSON"),
        (2, ("predict", "buys", str(shop.path("rows.json"))), "spent", "float"),
        (4, ("sign", "buys", "--role", "model-owner"), "ana is the author of release:buys@1"),
        (4, ("sign", "buys", "--role", "clerk"), "does not ask for a signature as clerk"),
        (2, ("sign", "buys"), "say in which role you sign: --role model-owner or operations"),
        (4, ("rollback", "buys"), "nothing to go back to"),
        (3, ("measures", "recal"), 'did you mean "recall"?'),
        (3, ("diff", "buys@1", "buys@2"), "there is no release:buys@2"),
        (2, ("ledger", "verify", "--against", "x"), "is not an anchor"),
    ):
        shop.told(shop.ask(*words), code, *needles)
    assert shop.events() == before
    shop.sound()


def test_a_project_without_models_or_data(new):
    desk = new({"arkwright.toml": DATA_TOML.partition("[data")[0], "shop.py": ""})
    assert desk.ask("check").code == 0
    desk = new({"arkwright.toml": DATA_TOML.partition("[data")[0] + MODEL_TOML, "shop.py": ""})
    desk.told(desk.ask("check"), 2, "visits")


def test_a_pattern_that_is_none(bench):
    bench.edit(TOML_FILE, "missing(again) == 0", "matches(country, '[') == 1")
    bench.told(bench.ask("check"), 2, "arkwright.toml:14: ", "this is no regular expression")
