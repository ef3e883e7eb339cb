"""The verbs that make: "new", "check", "run" and "again"."""

import subprocess
import sys

import pytest

from arkwright.api.build import again, check, run
from arkwright.api.start import new
from arkwright.core.errors import ArkwrightError, Invalid, Refused, Unknown
from arkwright.core.nouns import Actor
from arkwright.sites import local


def test_check_is_the_plan(at):
    plan = at.do(check)
    assert [(s.name, s.kind, s.inputs) for s in plan.data] == [
        ("buyers", "source", ()),
        ("visits", "python", ("buyers",)),
    ]
    assert [(m.name, m.dataset, m.features) for m in plan.models] == [("buys", "visits", "features")]


def test_again_finds_the_same_digests_from_the_recorded_code_and_keeps_nothing(at):
    at.shop.edit("shop.py", "random_state=seed", "random_state=seed, C=0.001")
    before = at.site.ledger.head()
    found = at.do(again)
    assert found.same
    assert set(found.then) == {"dataset:visits", "model:buys as skops", "model:buys as onnx"}
    assert not found.lock_changed
    assert at.site.ledger.head() == before


def test_nothing_to_make_again(shop):
    with pytest.raises(Refused, match="start one with: arkwright run"):
        again(local(shop.folder), Actor(name="ana"), shop.folder)
    with pytest.raises(Unknown, match="no run is called 'shop'"):
        again(local(shop.folder), Actor(name="ana"), shop.folder, run="shop@1")


def test_another_seed_is_another_run_of_the_same_code(at):
    at.shop.edit(
        "shop.py", "LogisticRegression(random_state=seed)", "LogisticRegression(C=1 + seed, random_state=seed)"
    )
    first, second = at.run(), at.run(seed=7)
    assert second.run.seed == 7
    assert first.outcomes["buys"].trained.digest != second.outcomes["buys"].trained.digest
    assert at.do(again).same
    assert at.do(again, run="shop@2").same


def test_a_broken_promise_about_data_stops_the_line(shop):
    shop.edit("arkwright.toml", "rows >= 100", "rows >= 1000")
    result = run(local(shop.folder), Actor(name="ana"), shop.folder)
    assert result.problem.splitlines() == [
        "dataset:buyers@1: rows >= 1000 is broken, found 400 (400 rows)",
        "nothing was trained",
    ]
    assert result.outcomes == {}
    assert result.run.state == "failed"


def test_a_failed_run_is_on_record(shop):
    shop.edit("shop.py", "return LogisticRegression", "1 / seed\n    return LogisticRegression")
    with pytest.raises(ArkwrightError, match=r"shop.py:\d+ in buys: ZeroDivisionError"):
        run(local(shop.folder), Actor(name="ana"), shop.folder)
    from arkwright.api.look import show

    glance = show(local(shop.folder), Actor(name="ana"), shop.folder)
    assert [(r.state, "ZeroDivisionError" in r.error) for r in glance.runs] == [("failed", True)]
    shop.edit("shop.py", "1 / seed\n", "\n")
    assert run(local(shop.folder), Actor(name="ana"), shop.folder).problem is None


def test_a_new_project_works_and_its_own_tests_pass(tmp_path):
    made = new(local(tmp_path), Actor(name="ana"), tmp_path, name="loyalty")
    assert made == tmp_path / "loyalty"
    result = run(local(made), Actor(name="ana"), made)
    assert result.problem is None
    assert result.run.ref == "run:loyalty@1"
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=made, capture_output=True, text=True, check=False
    )
    assert tests.returncode == 0, tests.stdout


def test_a_new_project_never_overwrites(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(Refused, match="exists already"):
        new(local(tmp_path), Actor(name="ana"), tmp_path, name="mine")
    with pytest.raises(Unknown, match='did you mean "flights"'):
        new(local(tmp_path), Actor(name="ana"), tmp_path, name="mine2", example="flight")
    for name in ("../up", "a b", "", "x" * 65, "-x"):
        with pytest.raises(Invalid):
            new(local(tmp_path), Actor(name="ana"), tmp_path, name=name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine"]


def test_a_project_from_an_application(tmp_path):
    made = new(local(tmp_path), Actor(name="ana"), tmp_path, name="delays", example="flights")
    assert check(local(made), Actor(name="ana"), made).project == "delays"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@dataclass\n", "LOOK = Path(__file__).with_name('look.txt').read_text()\n@dataclass\n"),
        ('buyers.select("country"', 'buyers.join(pl.read_csv("look.txt"), how="cross").select("country"'),
        (
            'buyers.select("country"',
            'buyers.join(pl.read_csv(Path(__file__).with_name("look.txt")), how="cross").select("country"',
        ),
    ],
    ids=["at import", "where it stands", "beside the code"],
)
def test_code_reads_nothing_that_is_not_on_record(shop, old, new):
    """Such a file could change unseen, and no run could be made again."""
    (shop.folder / "look.txt").write_text("x\n1\n")
    shop.edit("shop.py", "\nfrom dataclasses", "\nfrom pathlib import Path\nfrom dataclasses")
    shop.edit("shop.py", old, new)
    with pytest.raises(Invalid, match=r"shop\.py:\d+.*make what it reads a source, \[data\.NAME\]"):
        check(local(shop.folder), Actor(name="ana"), shop.folder)
    assert not list((shop.folder / ".arkwright" / "tmp").iterdir())
