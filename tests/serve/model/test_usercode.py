"""A release's code and its siblings: private to the release, whatever else is installed, loaded or lies around."""

import os
import sys
import threading
from pathlib import Path

import pytest

from arkwright.core.errors import Invalid, Refused
from arkwright.serve.model.signed import Signed
from arkwright.serve.model.usercode import load_object

DIGEST = "cd" * 32


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Whatever happens: no module under a plain name, no path, no finder more than one of ours."""
    modules, paths = set(sys.modules), list(sys.path)
    yield
    left = {name.partition(".")[0] for name in set(sys.modules) - modules}
    assert not left & {"flights", "helpers", "second", "pkg", "bare", "good", "only_there", "outside", "sub", "mod"}
    assert sys.path == paths
    assert len([finder for finder in sys.meta_path if type(finder).__module__.startswith("arkwright")]) <= 1


def release(folder, **files):
    """`flights="…"` is code/flights.py, `pkg__mod="…"` is code/pkg/mod.py, `pkg____init__` its __init__."""
    for name, text in files.items():
        path = folder / "code" / f"{name.replace('__', '/', 1)}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def load(folder, name="answer", file="code/flights.py", digest=DIGEST):
    return load_object(Signed(folder, None), file, name, digest)


IMPORTS = {
    "from": "from helpers import x\ndef answer(): return x",
    "whole": "import helpers\ndef answer(): return helpers.x",
    "as": "import helpers as h\ndef answer(): return h.x",
    "star": "from helpers import *\ndef answer(): return x",
    "lazy": "def answer():\n    from helpers import x\n    return x",
    "lazy whole": "def answer():\n    import helpers\n    return helpers.x",
    "package": "import pkg.mod\ndef answer(): return pkg.mod.x",
    "package as": "import pkg.mod as m\ndef answer(): return m.x",
    "from package": "from pkg import mod\ndef answer(): return mod.x",
    "from its module": "from pkg.mod import x\ndef answer(): return x",
    "lazy package": "def answer():\n    import pkg.mod\n    return pkg.mod.x",
    "through a sibling": "from second import x\ndef answer(): return x",
    "lazily through a sibling": "import second\ndef answer(): return second.lazy()",
    "relative in a package": "from pkg.near import x\ndef answer(): return x",
    "plain from a package": "from pkg.up import x\ndef answer(): return x",
    "without __init__": "import bare.mod\ndef answer(): return bare.mod.x",
    "by hand": "answer = lambda: __import__('helpers').x",
}
SIBLINGS = {
    "helpers": "x = 41",
    "second": "from helpers import x\ndef lazy():\n    import helpers\n    return helpers.x",
    "pkg____init__": "",
    "pkg__mod": "x = 41",
    "pkg__near": "from .mod import x",
    "pkg__up": "from helpers import x",
    "bare__mod": "x = 41",
}


@pytest.mark.parametrize("how", IMPORTS)
def test_siblings_are_found(tmp_path, how):
    assert load(release(tmp_path, flights=IMPORTS[how], **SIBLINGS))() == 41


@pytest.mark.parametrize("how", IMPORTS)
def test_two_releases_never_see_each_others_siblings(tmp_path, how):
    other = {name: text.replace("41", "42") for name, text in SIBLINGS.items()}
    first = load(release(tmp_path / "a", flights=IMPORTS[how], **SIBLINGS))
    second = load(release(tmp_path / "b", flights=IMPORTS[how], **other), digest="ef" * 32)
    same_digest = load(release(tmp_path / "c", flights=IMPORTS[how], **other))
    assert (first(), second(), same_digest(), first()) == (41, 42, 42, 41)


def test_a_sibling_of_another_release_only_is_none(tmp_path):
    load(release(tmp_path / "a", flights="import only_there\ndef answer(): pass", only_there=""))
    with pytest.raises(Invalid, match="No module named 'only_there'"):
        load(release(tmp_path / "b", flights="import only_there\ndef answer(): pass"), digest="ef" * 32)


def test_modules_are_run_once_and_may_form_circles(tmp_path):
    flights = "class Flight: pass\nimport helpers\nimport pkg.mod\ndef answer(): return helpers.Flight is Flight"
    helpers = "import flights\nfrom flights import Flight\nFlight.runs = getattr(Flight, 'runs', 0) + 1"
    folder = release(tmp_path, flights=flights, helpers=helpers, pkg____init__="import helpers", pkg__mod="")
    assert load(folder)()
    assert load(folder, "Flight").runs == 1
    assert load(folder, "Flight") is load(folder, "Flight")


def test_dataclasses_and_hints_of_a_sibling(tmp_path):
    import typing

    helpers = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Row:\n    a: int\n    b: Row | None = None\n"
    )
    row = load(release(tmp_path, flights="from helpers import Row", helpers=helpers), "Row")
    assert row(1).a == 1
    assert typing.get_type_hints(row) == {"a": int, "b": row | None}


def test_an_installed_package_of_the_same_name_is_not_shadowed(tmp_path):
    import iniconfig

    folder = release(tmp_path, flights="import iniconfig\ndef answer(): return iniconfig", iniconfig="x = 1")
    assert load(folder)().x == 1
    assert sys.modules["iniconfig"] is iniconfig
    assert not hasattr(iniconfig, "x")


def test_what_is_installed_is_imported_as_ever(tmp_path):
    flights = "import os.path, numpy as np, colorsys\nfrom xml import sax\ndef answer(): return np, os, colorsys"
    import numpy as np

    found = load(release(tmp_path, flights=flights))()
    assert found[:2] == (np, os)
    assert found[2] is sys.modules["colorsys"]


def test_installed_modules_do_not_see_siblings(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "wave.py").write_text("def ask():\n    import helpers")  # stands for a package that is installed
    monkeypatch.syspath_prepend(elsewhere)
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    folder = release(tmp_path, flights="import wave\nimport helpers\ndef answer(): return wave.ask()", helpers="")
    with pytest.raises(ModuleNotFoundError, match="No module named 'helpers'"):
        load(folder)()
    del sys.modules["wave"]


def test_a_sibling_with_a_name_of_pythons_own_is_refused(tmp_path):
    folder = release(tmp_path, flights="import statistics\ndef answer(): return 1", statistics="x = 1")
    with pytest.raises(Invalid, match=r"statistics.* comes with Python; rename it"):
        load(folder)
    assert load(release(tmp_path / "b", flights="def answer(): return 1", statistics="x = 1"))() == 1


def test_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = release(tmp_path, flights=IMPORTS["lazily through a sibling"], **SIBLINGS)
    before = sorted(folder.rglob("*"))
    assert load(folder)() == 41
    assert sorted(folder.rglob("*")) == before
    assert sys.dont_write_bytecode is False


def test_no_bytecode_is_read(tmp_path):
    """A .pyc is no part of what was signed as source."""
    import py_compile

    folder = release(tmp_path, flights="from helpers import x\ndef answer(): return x", helpers="x = 42")
    helpers = folder / "code" / "helpers.py"
    py_compile.compile(str(helpers), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    helpers.write_text("x = 41")
    assert load(folder)() == 41
    (folder / "code" / "only.pyc").write_bytes(next((folder / "code" / "__pycache__").iterdir()).read_bytes())
    with pytest.raises(Invalid, match="No module named 'only'"):
        load(release(tmp_path, other="import only\ndef answer(): pass"), file="code/other.py")


def test_loaded_from_many_threads_at_once(tmp_path):
    slow = "import time\ntime.sleep(0.05)\nx = 41"
    answer = load(release(tmp_path, flights=IMPORTS["lazy"], helpers=slow))
    found = []
    threads = [threading.Thread(target=lambda: found.append(answer())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [41] * 8


# tricks with paths


@pytest.mark.parametrize(
    "file",
    [
        "",
        "code",
        "code/",
        "flights.py",
        "./flights.py",
        "../flights.py",
        "codes/flights.py",
        "code/flights.txt",
        "code/../flights.py",
        "code/../../outside.py",
        "code/../code/flights.py",
        "code/pkg/../../../outside.py",
        "code\\..\\outside.py",
        "code/flights\0.py",
        "/etc/passwd.py",
    ],
)
def test_files_outside_are_refused(tmp_path, file):
    (tmp_path / "outside.py").write_text("def answer(): return 'canary'")
    folder = release(tmp_path / "late@1", flights="def answer(): return 1")
    with pytest.raises((Refused, Invalid)) as caught:
        load(folder, file=file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("link", ["code/flights.py", "code", "code/helpers.py", "code/pkg", "code/pkg/mod.py"])
def test_links_are_refused(tmp_path, link):
    flights = "import helpers\nimport pkg.mod\ndef answer(): return 1"
    files = {"flights": flights, "helpers": "", "pkg____init__": "", "pkg__mod": ""}
    folder, outside = release(tmp_path / "late@1", **files), release(tmp_path / "outside", **files)
    path = folder / link
    path.rename(tmp_path / "gone")
    path.symlink_to(outside / link)
    with pytest.raises(Refused, match="link"):
        load(folder)


def test_links_inside_are_refused_too(tmp_path):
    folder = release(tmp_path, flights="import helpers\ndef answer(): return 1", other="")
    (folder / "code" / "helpers.py").symlink_to(folder / "code" / "other.py")
    with pytest.raises(Refused, match="link"):
        load(folder)


@pytest.mark.parametrize(
    "name", ["../outside", "..outside", "/outside", "pkg/../../outside", "helpers\0", "..", "", "."]
)
def test_names_that_are_paths_import_nothing(tmp_path, name):
    (tmp_path / "outside.py").write_text("x = 'canary'")
    text = f"def answer(): return __import__({name!r}, fromlist=['x']).x"
    answer = load(release(tmp_path / "late@1", flights=text, helpers="", pkg____init__=""))
    with pytest.raises((ImportError, ValueError)):
        answer()


def test_relative_imports_do_not_leave_the_release(tmp_path):
    for text in ("from .. import x", "from ...late import x", "from ..outside import x"):
        folder = release(tmp_path / str(len(text)), flights=f"{text}\ndef answer(): pass", outside="x = 1")
        with pytest.raises(Invalid, match="ImportError"):
            load(folder)


# code that fails


FAILING = {
    "raise ValueError('no')": r"helpers\.py.*ValueError: no|ValueError: no",
    "raise SystemExit(3)": r"exit\(3\)",
    "import sys; sys.exit('bye')": r"exit\('bye'\)",
    "def (": "SyntaxError",
    "import surely_not_installed": "No module named 'surely_not_installed'",
    "raise ValueError('a\\n' * 10_000)": "ValueError: a",
    "x = 1 / 0": "ZeroDivisionError",
}


@pytest.mark.parametrize("text", FAILING)
@pytest.mark.parametrize("where", ["flights", "helpers"])
def test_code_that_fails_is_one_line_and_leaves_nothing(tmp_path, text, where):
    files = {"flights": "import good\nimport helpers\ndef answer(): return 1", "helpers": "", "good": ""}
    folder = release(tmp_path, **(files | {where: text}))
    before = set(sys.modules)
    with pytest.raises(Invalid, match=FAILING[text]) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert "_arkwright_release_" not in str(caught.value)
    assert set(sys.modules) == before
    release(tmp_path, **files)
    assert load(folder)() == 1


def test_a_name_that_a_sibling_lacks(tmp_path):
    with pytest.raises(Invalid, match="cannot import name 'y' from 'helpers'") as caught:
        load(release(tmp_path, flights="from helpers import y", helpers="x = 1"))
    assert "_arkwright_release_" not in str(caught.value)


def test_no_such_object(tmp_path):
    with pytest.raises(Invalid, match="defines no answer; release the model again"):
        load(release(tmp_path, flights="x = 1"))
    with pytest.raises(Invalid, match=r"holds no code/missing\.py"):
        load(tmp_path, file="code/missing.py")


def test_a_file_that_is_no_identifier(tmp_path):
    folder = release(tmp_path, helpers="x = 41")
    for name in ("my-flights.v2", "1"):
        (folder / "code" / f"{name}.py").write_text(IMPORTS["lazy"])
        assert load(folder, file=f"code/{name}.py")() == 41


def test_a_file_in_a_folder_finds_what_lies_beside_the_code(tmp_path):
    flights = "import helpers\nfrom sub.near import y\ndef answer(): return helpers.x + y"
    folder = release(tmp_path, sub__flights=flights, helpers="x = 40", sub__near="y = 1")
    assert load(folder, file="code/sub/flights.py")() == 41


def test_paths_that_the_code_adds_are_taken_back(tmp_path):
    text = "import sys\nsys.path.insert(0, 'elsewhere')\ndef answer(): return 'elsewhere' in sys.path"
    assert load(release(tmp_path, flights=text))() is False


def test_the_code_knows_its_file(tmp_path):
    folder = release(tmp_path, flights="import helpers\ndef answer(): return __file__, helpers.__file__", helpers="")
    assert [Path(file).name for file in load(folder)()] == ["flights.py", "helpers.py"]


def test_a_folder_without_init_comes_last(tmp_path):
    """As beside any script: what is installed wins over a folder that only might be a package."""
    import iniconfig

    folder = release(tmp_path, flights="import iniconfig\ndef answer(): return iniconfig", iniconfig__mod="x = 1")
    assert load(folder)() is iniconfig
