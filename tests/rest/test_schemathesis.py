"""Schemathesis against the whole control room: what it makes of the OpenAPI document finds nothing.

In the suite a few examples of each operation; `make schemathesis` asks for many more.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rest.conftest import up
from tests.rest.test_gateway import promote, sign

HERE = Path(__file__).parent
MANY = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "0"))  # of each operation, in each phase
SHORT = ("--max-examples", "2", "--phases", "fuzzing", "--exclude-path-regex", "/api/(run|again|check)$")


@pytest.fixture
def room(at):
    with up(at) as made:
        sign(made)
        promote(made)
        yield made


def test_it_finds_nothing(room, tmp_path):
    st = [str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / "schemathesis.toml"), "run"]
    asked = ["--checks", "all", "--no-color", "--continue-on-failure"]
    asked += ["--max-examples", str(MANY)] if MANY else ["--seed", "1", *SHORT]
    asked += ["--generation-database", "none", "--header", f"Authorization: Bearer {room.tokens['olga']}"]
    hooks = {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"), "HOME": str(tmp_path)}
    said = subprocess.run(
        [*st, f"{room.address}/api/openapi.json", *asked],
        cwd=tmp_path,
        env=os.environ | hooks,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    log = (room.at.folder / "up.log").read_text()
    assert "failed (" not in log, log
