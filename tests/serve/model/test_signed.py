"""A release folder that is not what was signed is not loaded, whatever was changed in it."""

import hashlib
import os
import sys

import pytest
from tests.serve.supervised import who_release

from arkwright.core.errors import Corrupt
from arkwright.core.record import digest_of
from arkwright.serve.model.loaded import load

LAZY = "\n\ndef later():\n    import helper\n    return helper.x\n"


def signed(folder):
    """What a signature says of the folder as it is: the manifest and its digest."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return {"release": "release:who@1", "digest": digest_of(files), "files": files}


@pytest.fixture
def folder(tmp_path):
    return who_release(tmp_path / "who")


def linked(path):
    path.rename(path.with_suffix(".old"))
    path.symlink_to(path.with_suffix(".old"))


CHANGES = {
    "model.onnx was changed": lambda f: (f / "model.onnx").write_bytes((f / "model.onnx").read_bytes() + b"\x12\x01a"),
    "code/flights.py was changed": lambda f: (f / "code/flights.py").open("a").write("\n"),
    "signature.json was changed": lambda f: (f / "signature.json").open("a").write(" "),
    "signature.json is missing": lambda f: (f / "signature.json").unlink(),
    "rules.json was added": lambda f: (f / "rules.json").write_text("[]"),
    "safeguards.json was added": lambda f: (f / "safeguards.json").write_text("[]"),
    "code/helper.py was added": lambda f: (f / "code/helper.py").touch(),
    "model.old was added": lambda f: linked(f / "model.onnx"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("said", CHANGES)
def test_what_is_not_as_it_was_signed_is_not_loaded(folder, said):
    words = signed(folder)
    load(folder, endpoint="who", **words)
    CHANGES[said](folder)
    with pytest.raises(Corrupt, match=said):
        load(folder, endpoint="who", **words)


def test_a_manifest_that_is_not_the_one_of_the_digest(folder):
    words = signed(folder) | {"digest": "00" * 32}
    with pytest.raises(Corrupt, match="does not have the digest that was signed"):
        load(folder, endpoint="who", **words)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder):
    words = signed(folder)
    (folder / "model.onnx").unlink()
    os.mkfifo(folder / "model.onnx")
    with pytest.raises(Corrupt, match=r"model.onnx was changed"):
        load(folder, endpoint="who", **words)


def test_code_that_is_imported_later_is_what_was_signed(folder):
    (folder / "code/helper.py").write_text("x = 1\n")
    with (folder / "code/flights.py").open("a") as code:
        code.write(LAZY)
    load(folder, endpoint="who", **signed(folder))
    (folder / "code/helper.py").write_text("x = 2\n")
    (module,) = (m for name, m in sys.modules.items() if name.endswith(".flights") and hasattr(m, "later"))
    assert module.later() == 1
