"""The demo as a newcomer sees it: it ends well as it is, and says what a limit out of reach means."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository's demo and its project, by themselves."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    aside = shutil.ignore_patterns(".arkwright", "__pycache__")
    shutil.copytree(ROOT / "examples" / "flights", folder / "examples" / "flights", ignore=aside)
    return folder


def demo(folder):
    done = subprocess.run(
        [sys.executable, folder / "scripts" / "demo.py"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "120"},
    )
    return done.returncode, done.stdout, done.stderr


def test_as_it_is_and_with_a_limit_out_of_reach(copy):
    code, said, told = demo(copy)
    assert code == 0, said + told
    assert "✓ onnx, features inside: answers as the trained model" in said
    assert "the author's signature never counts" in told
    assert "✓ endpoint:late@1 answers with release:late@1" in said
    assert '{"prediction": {"label": ' in said
    assert "of the tenth with the highest risk" in said
    share = [int(part.rstrip("%")) for part in said.split() if part.rstrip("%,;:.").isdigit() and "%" in part]
    assert share[-1] > 2 * share[-2], "the riskiest tenth is hardly worse than the rest"

    toml = copy / "examples" / "flights" / "arkwright.toml"
    text = toml.read_text()
    assert "roc_auc >= 0.77" in text
    toml.write_text(text.replace("roc_auc >= 0.77", "roc_auc >= 0.97"))
    code, said, told = demo(copy)
    assert code == 4
    whole = " ".join((said + told).split())
    assert "release:late@2 is refused: roc_auc >= 0.97 is broken, found 0.79" in whole
    assert "95 % interval 0.78" in whole
    assert "Nothing was released" in said

    toml.write_text(text)
    code, said, _ = demo(copy)
    assert code == 0
    assert "answers with release:late@1" in said
