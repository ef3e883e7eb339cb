"""It is there where it was compiled, and nobody misses it where it was not."""

import os
import subprocess
import sys

import pytest

from arkwright.serve.native import native

PYTHON = "arkwright.serve.wire.standing"
ASK = """
from arkwright.serve.native import native
import arkwright.serve.traffic.turn
from arkwright.serve.wire import standing
print(native is not None, standing.Stand.__module__)
"""


def test_here_it_is_there():
    assert native is not None, "nothing was compiled: is there a C compiler?"


@pytest.mark.parametrize(("said", "found"), [("1", "True arkwright.serve.native._native"), ("0", f"False {PYTHON}")])
def test_it_can_be_left_out(said, found):
    environment = os.environ | {"ARKWRIGHT_NATIVE": said}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found
