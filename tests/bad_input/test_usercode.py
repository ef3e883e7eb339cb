"""User code that raises, prints, exits, or returns the wrong thing: a line with its place, never a crash of ours."""

import pytest
from tests.conftest import DATA_CODE, DATA_TOML, rows

from .conftest import Desk

VISITS = """

def visits(buyers: pa.Table) -> pa.Table:
    return buyers
"""
FILES = {
    "arkwright.toml": DATA_TOML + '\n[data.visits]\npromises = ["rows >= 100"]\n',
    "shop.py": "import os, sys, time\nimport pyarrow as pa\n" + DATA_CODE + VISITS,
    "buyers.csv": rows(),
}
LINE = FILES["shop.py"].splitlines().index("    return buyers") + 1
HERE = f"shop.py:{LINE} in visits: "
LAST = "    return buyers\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("made") / "shop", FILES)
    desk.works()
    return desk


@pytest.fixture
def desk(made):
    """One project for all: every test leaves it as it was."""
    yield made
    made.restore()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('first line\\n' + 'many more\\n' * 35_000)", HERE + "ValueError: first line"),
        ("raise KeyError('x' * 100_000)", HERE + "KeyError: 'xxx"),
        ("raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()", HERE + "Odd"),
        ("return visits(buyers)", HERE + "RecursionError: maximum recursion depth exceeded"),
        ("sys.exit('enough')", HERE + "it ended the process with exit('enough'); return or raise an error instead"),
        ("return None", "visits must return a frame (polars, pandas or pyarrow), not NoneType"),
        ("return [1, 2]", "visits must return a frame (polars, pandas or pyarrow), not list"),
        ("return buyers.schema", "visits"),
        ("return pa.table([[1], [2]], ['a', 'a'])", "visits returned two columns called 'a'"),
        ("return pa.table({'a': [[1]]})", "the column 'a' is list"),
        ("os._exit(7)", "the code ended the process that worked on plan (exit code 7)"),
        ("os.kill(os.getpid(), 11)", "the process that worked on plan was ended by SIGSEGV"),
        ("raise KeyboardInterrupt", "the process that worked on plan was ended by SIGINT"),
    ],
)
def test_a_function_that_fails_when_it_is_rehearsed(desk, body, said):
    before = desk.events()
    desk.edit("shop.py", LAST, f"    {body}\n")
    desk.fails(2, said)
    assert desk.events() == before, "nothing ran"


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ("raise RuntimeError('no')", "shop.py:1: RuntimeError: no"),
        ("sys.exit(0)", "shop.py:1: NameError"),
        ("exit(0)", "shop.py:1: it ended the process with exit(0) while being imported"),
        ("import nowhere_to_be_found", "shop.py:1: ModuleNotFoundError: No module named 'nowhere_"),
        ("import other", "other.py:2: ZeroDivisionError: division by zero"),
        ("def visits(buyers", "shop.py:1: '(' was never closed"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_imported(desk, top, said):
    desk.path("other.py").write_text("x = 1\nx / 0\n")
    desk.path("shop.py").write_text(top + "\n" + FILES["shop.py"])
    desk.fails(2, said)


@pytest.mark.usefixtures("cold")
def test_what_it_prints_goes_to_the_log_of_the_run(desk):
    desk.edit("shop.py", "\n\ndef visits", "\nprint('at the top')\n\n\ndef visits")
    noise = "    print('x' * 1_000_000)\n    print('out', flush=True)\n    print('err', file=sys.stderr)\n"
    close = "    if len(buyers) == 400:\n        sys.stdout.close()\n        sys.stderr.close()\n"
    desk.edit("shop.py", LAST, noise + close + LAST)
    answer = desk.ask("run", "--json")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("{\n")
    assert answer.err == ""
    text = desk.site().store.path(desk.last_run().log).read_text()
    assert all(word in text for word in ("at the top", "are not kept", "\nout\n", "\nerr\n"))


@pytest.mark.usefixtures("cold")
def test_it_cannot_read_what_is_meant_for_the_worker(desk):
    desk.edit("shop.py", LAST, "    input('go on? ')\n" + LAST)
    desk.fails(2, "EOFError")


@pytest.mark.usefixtures("cold")
def test_it_may_move_and_start_things_that_go_with_the_run(desk):
    start = "    import subprocess\n    child = subprocess.Popen(['sleep', '600'])\n"
    keep = f"    open({str(desk.path('child'))!r}, 'a').write(f'{{child.pid}}\\n')\n    os.chdir('/')\n"
    desk.edit("shop.py", LAST, start + keep + LAST)
    desk.works()
    for pid in desk.path("child").read_text().split():
        assert not desk.alive(int(pid))


@pytest.mark.usefixtures("cold")
def test_a_function_that_fails_on_real_rows_only(desk):
    fails = "    if len(buyers) == 399:\n        raise ValueError(f'{len(buyers)} is too many')\n"
    for body, said in (
        (fails, f"shop.py:{LINE + 1} in visits: ValueError: 399 is too many"),
        ("    if len(buyers) == 399:\n        sys.exit(1)\n", f"shop.py:{LINE + 1} in visits: it ended the process"),
        ("    if len(buyers) == 399:\n        os._exit(1)\n", "the code ended the process that worked on transform"),
        ("    if len(buyers) == 399:\n        os.abort()\n", "that worked on transform was ended by SIGABRT"),
        ("    if len(buyers) == 399:\n        return 1\n", "visits must return a frame"),
    ):
        desk.path("buyers.csv").write_text(rows(399))
        desk.edit("shop.py", LAST, body + LAST)
        desk.fails(2, said, made=("buyers",))
        assert desk.last_run().state == "failed"
        desk.restore()
    desk.works()


def test_a_model_that_is_none(shop):
    """One project for all: what was made before a mistake is not made again."""
    fit = "LogisticRegression(random_state=seed).fit(features, again)"
    for body, said in (
        ("None", "shop.py:25 in buys: it returned nothing; end it with: return estimator.fit(...)"),
        ("LogisticRegression()", "the LogisticRegression it returned is not fitted"),
        ("{'weights': [1, 2]}", "it returned dict, which has no predict"),
        ("1 / 0", "shop.py:26 in buys: ZeroDivisionError: division by zero"),
        ("LogisticRegression(C=-1).fit(features, again)", "InvalidParameterError"),
        ("LogisticRegression().fit(features[['spent']], again)", "cannot answer"),
        ("LogisticRegression().fit(features, 1 - again * 2)", "is no class of the target"),
    ):
        shop.restore()
        shop.edit("shop.py", fit, body)
        shop.fails(2, said, made=("buyers", "visits", "buys") if "fit(" in body else ("buyers", "visits"))
    shop.restore()
    shop.works()


def test_features_that_do_not_give_a_row_for_each_row(shop):
    shop.edit("shop.py", "return visits.select(", "return (visits.head(399) if len(visits) == 400 else visits).select(")
    shop.refused(2, "features() gave 399 rows for 400; one for each is due")
