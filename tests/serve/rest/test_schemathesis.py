"""Schemathesis, unmodified, against a whole server: what it makes of the OpenAPI document finds nothing.

It pins other versions than ours, so it runs in an environment of its own.
"""

import pytest
from tests.serve import clients
from tests.serve.conftest import ECHO, FLIGHTS, echo_release, flat_release, late_model, late_signature, write
from tests.serve.model.test_guards import release as guarded_release
from tests.serve.supervised import Supervised


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemathesis")
    releases = {
        "late": write(folder / "late", late_signature("polars_features"), late_model(), FLIGHTS),
        "flat": flat_release(folder / "flat"),
        "echo": echo_release(folder / "echo", [name for name in ECHO if name != "s"], columns=1),
        "guarded": guarded_release(folder / "guarded"),
    }
    logs = {name: {"folder": folder / "predictions" / name} for name in ("late", "flat")}
    shares = {name: [(at, 1, 1.0)] for name, at in releases.items()}
    with Supervised(folder, shares, logs, workers=2, repository=True) as server:
        yield server


def test_it_finds_nothing(served, tmp_path):
    st = clients.environment("schemathesis", "4.32.5").with_name("st")
    asked = ["--checks", "all", "--max-examples", "30", "--seed", "1", "--workers", "2", "--no-color"]
    asked += ["--exclude-path-regex", "/unload$"]  # what is unloaded answers nobody
    said = clients.run(st, "run", f"http://127.0.0.1:{served.port}/openapi.json", *asked, HOME=str(tmp_path))
    assert "No issues found" in said, said
