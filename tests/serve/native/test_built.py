"""It is there where it was compiled, and nobody misses it where it was not."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from arkwright.serve.native import native

PYTHON = "arkwright.serve.wire.standing"
ASK = """
from arkwright.serve.native import native
import arkwright.serve.traffic.turn
from arkwright.serve.wire import standing
print(native is not None, standing.Stand.__module__)
"""


def test_it_is_there_where_there_is_a_compiler():
    assert native is not None or shutil.which("cc") is None


HERE = "True arkwright.serve.native._native" if native is not None else f"False {PYTHON}"


@pytest.mark.parametrize(("said", "found"), [("1", HERE), ("0", f"False {PYTHON}")])
def test_it_can_be_left_out(said, found):
    environment = os.environ | {"ARKWRIGHT_NATIVE": said}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found


class Compiler:
    """Stands in for setuptools' where that is not installed."""

    def __init__(self, *_, **__):
        pass

    def ensure_finalized(self):
        pass

    def get_ext_filename(self, _):
        return "made.so"

    def run(self):
        pass


class ReadOnly(Compiler):
    def run(self):
        raise OSError


@pytest.mark.parametrize("compiler", [Compiler, ReadOnly], ids=["no compiler", "a tree that is read only"])
def test_where_nothing_is_compiled_none_of_an_older_source_is_taken_along(tmp_path, monkeypatch, compiler):
    made = tmp_path / "src" / "made.so"
    made.parent.mkdir()
    made.touch()
    kinds = SimpleNamespace(BuildHookInterface=object, Distribution=dict, Extension=Compiler, build_ext=compiler)
    for name in ("hatchling.builders.hooks.plugin.interface", "setuptools", "setuptools.command.build_ext"):
        monkeypatch.setitem(sys.modules, name, kinds)
    hook = runpy.run_path(str(Path(__file__).parents[3] / "hatch_build.py"))
    assert hook["_compiled"](tmp_path) is None
