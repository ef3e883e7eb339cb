import sys

import pytest

from arkwright.core.errors import Invalid, Unknown
from arkwright.project import code

SOURCE = """
import math
from helper import double

LIMIT = 3
OTHER = 4

def used(x: int) -> int:
    return double(x) + LIMIT

def made(x: int) -> int:
    return used(x)

def apart(x: int) -> int:
    return x * OTHER
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(SOURCE)
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    for name in ("own", "helper"):
        sys.modules.pop(name, None)


def digests(folder):
    sys.modules.pop("helper", None)
    loaded = code.load(folder, "own.py")
    return {name: loaded.digest(name) for name in ("made", "apart")}


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("own.py", "return double(x) + LIMIT", "return double(x) - LIMIT", {"made"}),
        ("own.py", "LIMIT = 3", "LIMIT = 5", {"made"}),
        ("own.py", "OTHER = 4", "OTHER = 5", {"apart"}),
        ("helper.py", "2 * x", "3 * x", {"made"}),
        ("own.py", "import math", "# a comment", set()),
        ("own.py", "return x * OTHER", "return  x*OTHER", set()),
    ],
)
def test_a_digest_changes_with_what_the_function_uses_and_only_then(folder, file, old, new, changed):
    before = digests(folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    after = digests(folder)
    assert {name for name in before if before[name] != after[name]} == changed


def test_code_that_looks_names_up_by_hand_depends_on_the_whole_file(folder):
    (folder / "own.py").write_text(SOURCE + "\ndef sly(x):\n    return globals()['OTHER']\n")
    before = digests(folder)
    (folder / "own.py").write_text(
        SOURCE.replace("OTHER = 4", "OTHER = 5") + "\ndef sly(x):\n    return globals()['OTHER']\n"
    )
    assert digests(folder)["made"] != before["made"]


def test_statements_at_the_top_count_for_every_function(folder):
    before = digests(folder)
    (folder / "own.py").write_text(SOURCE + "\nprint('side effect')\n")
    after = digests(folder)
    assert after["made"] != before["made"]
    assert after["apart"] != before["apart"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def broken(:\n", "own.py:1: "),
        ("x = 1\nraise ValueError('no luck')\n", "own.py:2: ValueError: no luck"),
        ("import sys\nsys.exit(3)\n", "own.py:2: it ended the process"),
        ("import surely_not_installed\n", "own.py:1: ModuleNotFoundError"),
        ("from helper import tripple\n", "own.py:1: ImportError"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_with_its_line(folder, text, says):
    (folder / "own.py").write_text(text)
    with pytest.raises(Invalid) as caught:
        code.load(folder, "own.py")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_file_has_a_near_miss(folder):
    with pytest.raises(Unknown, match=r'did you mean "own\.py"'):
        code.load(folder, "owm.py")


def test_a_row_class_by_its_name(folder):
    (folder / "own.py").write_text("class Flight:\n    x: int\n")
    loaded = code.load(folder, "own.py")
    assert loaded.row_class("Flight").__name__ == "Flight"
    with pytest.raises(Unknown, match='did you mean "Flight"'):
        loaded.row_class("Flihgt")
