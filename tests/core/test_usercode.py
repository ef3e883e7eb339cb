import importlib.util
import inspect
import sys
from functools import partial

import pytest

from arkwright.core.errors import Invalid, Refused
from arkwright.core.usercode import call, describe, execute, where


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of the user's own with the given text, beside a helper."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("helper_beside", "installed_here"):
        monkeypatch.delitem(sys.modules, name, raising=False)  # of another test's folder
    (tmp_path / "helper_beside.py").write_text("def halve(x):\n    return x / 0\n")

    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location("mine_of_a_test", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return write


def told(function, *args):
    with pytest.raises(Invalid) as caught:
        call(function, *args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_a_function_gives_is_given_back(mine):
    assert call(mine("def f(a, b): return a + b").f, 1, b=2) == 3


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('no luck')", "mine.py:2 in f: ValueError: no luck"),
        ("raise ValueError", "mine.py:2 in f: ValueError"),
        ("raise ValueError('\\n\\n  first \\n second')", "mine.py:2 in f: ValueError: first"),
        ("return {}['a']", "mine.py:2 in f: KeyError: 'a'"),
        ("assert 1 == 2", "mine.py:2 in f: AssertionError"),
        ("raise ExceptionGroup('two', [ValueError(), TypeError()])", "mine.py:2 in f: ExceptionGroup: two"),
        ("import helper_beside\n    return helper_beside.halve(1)", "helper_beside.py:2 in f: ZeroDivisionError"),
        ("import json\n    return json.loads('{')", "mine.py:3 in f: JSONDecodeError: Expecting property name"),
        ("return g()\ndef g():\n    return 1 / 0", "mine.py:4 in f: ZeroDivisionError: division by zero"),
        ("import sys\n    sys.exit(2)", "mine.py:3 in f: it ended the process with exit(2); return or raise an error"),
        ("raise SystemExit('x' * 9000)", "mine.py:2 in f: it ended the process with exit('xxx"),
        ("return f()", "mine.py:2 in f: RecursionError: maximum recursion depth exceeded"),
        ("raise MemoryError", "mine.py:2 in f: MemoryError"),
        ("import no_such_module", "mine.py:2 in f: ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_line(mine, body, says):
    text = told(mine(f"def f():\n    {body}\n").f)
    assert text.startswith(says)
    assert len(text) < 400


def test_an_exit_is_told_in_full_when_it_is_short(mine):
    text = told(mine("def f():\n    raise SystemExit\n").f)
    assert text == "mine.py:2 in f: it ended the process with exit(None); return or raise an error instead"


def test_a_message_that_cannot_be_made(mine):
    module = mine(
        "class Bad(Exception):\n    def __str__(self):\n        raise RuntimeError\n\ndef f():\n    raise Bad('x')\n"
    )
    assert told(module.f) == "mine.py:6 in f: Bad"


def test_wrong_arguments_name_where_the_function_begins(mine):
    text = told(mine("\n\ndef f(a): ...\n").f, 1, 2)
    assert text == "mine.py:3 in f: TypeError: f() takes 1 positional argument but 2 were given"


def test_the_cause_stays_for_whoever_debugs(mine):
    with pytest.raises(Invalid) as caught:
        call(mine("def f():\n    raise OSError(2, 'gone')\n").f)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_errors_of_ours_and_ctrl_c_pass(mine, tmp_path):
    module = mine("def f(error):\n    raise error\n")
    for error in (Refused("not so"), KeyboardInterrupt()):
        for runs in (lambda: call(module.f, error), lambda: execute(lambda: module.f(error), tmp_path)):  # noqa: B023
            with pytest.raises(type(error)) as caught:
                runs()
            assert caught.value is error


def test_a_panic_is_a_mistake_like_any_other(mine, tmp_path):
    """Rust's, which polars raises, are no Exception."""
    module = mine("class Panic(BaseException): ...\ndef f():\n    raise Panic('no luck')\n")
    assert told(module.f) == "mine.py:3 in f: Panic: no luck"
    with pytest.raises(Invalid, match=r"mine\.py:3: Panic: no luck"):
        execute(module.f, tmp_path)


DECORATED = """
import functools
def logged(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner

@logged
def f(x):
    return 1 / x
"""


def test_a_decorated_function_is_named_by_its_own_line(mine):
    function = mine(DECORATED).f
    assert where(function) == "mine.py:9 in f"  # where its decorators begin
    assert told(function, 0) == "mine.py:11 in f: ZeroDivisionError: division by zero"


def test_what_has_no_line_has_a_name():
    assert where(len) == "len"
    assert where(partial(len)) == "partial"
    assert told(partial(len), 3) == "partial: TypeError: object of type 'int' has no len()"


def test_frames_of_installed_packages_are_not_the_users(mine, tmp_path):
    package = tmp_path / "venv" / "site-packages" / "installed_here.py"
    package.parent.mkdir(parents=True)
    package.write_text("def fail():\n    raise ValueError('deep')\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(package.parent))
        module = mine("import installed_here\ndef f():\n    return installed_here.fail()\n")
        assert told(module.f) == "mine.py:3 in f: ValueError: deep"


def test_describe_is_bounded():
    assert describe(ValueError("x" * 9000)) == "ValueError: " + "x" * 288 + " …"
    assert describe(ValueError("  \n \n")) == "ValueError"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\nraise ValueError('no luck')", "top.py:2: ValueError: no luck"),
        ("import sys\nsys.exit('bye')", "top.py:2: it ended the process with exit('bye') while being imported"),
        (
            "import surely_not_there",
            "top.py:1: ModuleNotFoundError: No module named 'surely_not_there'; is it installed",
        ),
        ("from helper_beside import double", "top.py:1: ImportError: cannot import name 'double'"),
        ("from helper_beside import halve\n\nhalve(1)", "helper_beside.py:2: ZeroDivisionError"),
    ],
)
def test_the_top_of_a_file(mine, tmp_path, text, says):
    mine("")
    (tmp_path / "top.py").write_text(text)
    code = compile(text, str(tmp_path / "top.py"), "exec")
    with pytest.raises(Invalid) as caught:
        execute(lambda: exec(code, {}), tmp_path)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_a_mistake_outside_the_folder_names_the_folder(tmp_path):
    with pytest.raises(Invalid, match=f"^{tmp_path.name}: ZeroDivisionError"):
        execute(lambda: 1 / 0, tmp_path)


def test_the_file_of_a_function_is_where_it_was_written(mine):
    function = mine("def f(): ...").f
    assert where(function).startswith(inspect.getfile(function).rsplit("/", maxsplit=1)[-1] + ":1 ")
