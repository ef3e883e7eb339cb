"""Schemathesis, unmodified, against a whole server: what it makes of the OpenAPI document finds nothing."""

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.serve import clients
from tests.serve.conftest import ECHO, FLIGHTS, echo_release, flat_release, late_model, late_signature, write
from tests.serve.model.test_guards import release as guarded_release
from tests.serve.supervised import Supervised

from arkwright.core.signature import Signature

HERE = Path(__file__).parent
LIMITS = (("ge", 0), ("le", 1000))


def answering(folder, *limits):
    """The release again, of rows whose answer is a number: a model may answer NaN to any number that can be sent."""
    path = folder / "signature.json"
    signature = msgspec.json.decode(path.read_bytes(), type=Signature)
    columns = [
        replace(c, nullable=c.nullable and c.name != "f32", limits=limits) if c.type == "float" else c
        for c in signature.columns
    ]
    path.write_bytes(msgspec.json.encode(replace(signature, columns=tuple(columns))))
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemathesis")
    late = write(folder / "late", late_signature("polars_features"), late_model(), FLIGHTS)
    releases = {
        "late": answering(late, *LIMITS),
        "flat": answering(flat_release(folder / "flat"), *LIMITS),
        "echo": answering(echo_release(folder / "echo", list(ECHO), columns=1)),
        "guarded": answering(guarded_release(folder / "guarded"), *LIMITS),
    }
    logs = {name: {"folder": folder / "predictions" / name} for name in ("late", "flat")}
    shares = {name: [(at, 1, 1.0)] for name, at in releases.items()}
    with Supervised(folder, shares, logs, workers=2, repository=True) as server:
        yield server


def test_it_finds_nothing(served, tmp_path):
    st = Path(sys.executable).with_name("st")
    asked = ["--checks", "all", "--max-examples", "10", "--seed", "1", "--workers", "2", "--no-color"]
    asked += ["--continue-on-failure", "--generation-database", "none"]
    asked += ["--exclude-path-regex", "/unload$|guarded.*/infer$"]  # what is unloaded, or refused, answers nobody
    url, config = f"http://127.0.0.1:{served.port}/openapi.json", HERE / "schemathesis.toml"
    hooks = {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"), "HOME": str(tmp_path)}
    said = clients.run(st, "--config-file", config, "run", url, *asked, folder=tmp_path, **hooks)
    assert "No issues found" in said, said
