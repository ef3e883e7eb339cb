"""The demo signs what its own run made or took from before, which need not be the newest of that name."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "scripts" / "demo.py"


@pytest.fixture
def demo():
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("made", "reused", "wanted"),
    [
        (["model:late@2", "release:late@1"], ["dataset:flights@1"], "late@1"),
        ([], ["model:late@2", "release:late@1"], "late@1"),  # a limit was changed, and changed back
    ],
)
def test_the_release_of_the_last_run(demo, monkeypatch, made, reused, wanted):
    glance = {"runs": [{"made": ["release:late@7"], "reused": []}, {"made": made, "reused": reused}]}
    done = subprocess.CompletedProcess([], 0, stdout=json.dumps(glance))
    monkeypatch.setattr(demo.subprocess, "run", lambda *_, **__: done)
    assert demo.release_of_the_last_run() == wanted
