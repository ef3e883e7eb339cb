"""The campaign in its short form: what is right or wrong in it. How fast it goes is for `make siege` to say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SIEGE = Path(__file__).parents[2] / "benchmarks" / "siege.py"
ALWAYS = {  # what must hold on any machine, however busy
    "overload-wait": {"the others 429 or 503", "each with Retry-After", "memory bounded"},
    "overload-python": {"the others 429 or 503", "each with Retry-After", "memory bounded"},
    "overload-loop": {"the others 429 or 503", "each with Retry-After", "memory bounded"},
    "soak": {"0 failed"},
    "swaps": {"0 failed", "each of one release", "none of the old one after it was done"},
    "restarts": {"0 failed"},
    "kills": {"only what was in flight"},
    "slow": {"0 errors"},
    "leak": {"no body stays"},
    "poison": {"at most 4 deaths", "every other one refused", "others refused: none", "others lost: only in flight"},
}


@pytest.mark.parametrize("attack", ALWAYS)
def test_it_stands(tmp_path, attack):
    found = tmp_path / "found.json"
    command = [sys.executable, str(SIEGE), "--short", "--only", attack, "--json", str(found)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert found.exists(), done.stderr
    for report in json.loads(found.read_text()):
        assert ALWAYS[attack] <= report["bounds"].keys()
        assert {name for name in ALWAYS[attack] if not report["bounds"][name]} == set(), report["measured"]
