import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Corrupt, Invalid, Unknown
from arkwright.core.record import digest_bytes, digest_of
from arkwright.release.folder import check_path, manifest_digest, verify_folder, write

DATA = {"model.onnx": b"model", "code/flights.py": b"x = 1", "code/deep/er/a b.py": b"", "README.md": "Zürich".encode()}
FILES = {path: digest_bytes(data) for path, data in DATA.items()}
BAD_PATHS = [
    "", ".", "..", "../x", "../../etc/passwd", "./x", "./../p", "a/../b", "a/../../b", "/etc/passwd", "//x", "a//b",
    "a/", "..\\..\\x", "C:\\x", "C:/x", "\\\\host\\share", "x;\x00", "x\x00.txt", "x\n", "x\t", "trailing.",
    "trailing ", " x",
    "a /b", "a./b", "con", "CON.txt", "a/nul", "com1.py", "~/x", "~root", "x*", "x?", "x|y", "x:y", "file:///etc",
    "\uff0e\uff0e/x", "a\u2215b/\uff0f", "e\u0301.py", "x\u202ey", "x\u200by", "x\ufeff", "x\ud800", "x\u2028",
    "a" * 201, "é" * 150, 7, None,
]  # fmt: skip
GOOD_PATHS = [
    "a",
    "model.onnx",
    "code/flights.py",
    "-leading",
    ".hidden",
    "a b",
    "Zürich/東京.py",
    "..a",
    "a..b",
    "x" * 200,
]


class Shelf:
    """A store of these files."""

    def __init__(self, folder):
        self.folder = folder
        for data in DATA.values():
            (folder / digest_bytes(data)).write_bytes(data)

    def path(self, digest):
        if not (self.folder / digest).exists():
            raise Unknown(digest)
        return self.folder / digest


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "shelf").mkdir()
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def laid(shelf, tmp_path):
    write(shelf, FILES, tmp_path / "laid", "release:late@3")
    return tmp_path / "laid"


@pytest.mark.parametrize("path", BAD_PATHS, ids=range(len(BAD_PATHS)))
def test_paths_that_leave_or_confuse(path, shelf, tmp_path):
    with pytest.raises(Invalid, match="path"):
        check_path(path)
    with pytest.raises(Invalid):
        write(shelf, {path: FILES["README.md"]}, tmp_path / "laid", "release:late@3")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shelf"]


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_plain_paths(path, shelf, tmp_path):
    assert check_path(path) == path
    write(shelf, {path: FILES["README.md"]}, tmp_path / "laid", "release:late@3")
    assert (tmp_path / "laid" / path).read_bytes() == DATA["README.md"]


@given(st.text(max_size=60))
def test_whatever_passes_stays_inside_and_comes_back(text):
    try:
        path = check_path(text)
    except Invalid:
        return
    assert not Path(path).is_absolute()
    assert os.path.normpath(f"/root/x/{path}") == f"/root/x/{path}"
    assert unicodedata.normalize("NFC", path) == path


@pytest.mark.parametrize(
    "files",
    [
        {"a": "0" * 63},
        {"a": "G" * 64},
        {"a": "../" + "0" * 61},
        {"a": None},
        {"A": "0" * 64, "a": "1" * 64},
        {"Straße": "0" * 64, "STRASSE": "1" * 64},
        {"a": "0" * 64, "a/b": "1" * 64},
        {"A": "0" * 64, "a/b": "1" * 64},
    ],
)
def test_manifests_that_mean_two_things(files):
    with pytest.raises(Invalid):
        manifest_digest(files)


def test_the_digest_is_of_the_canonical_manifest():
    assert manifest_digest(FILES) == manifest_digest(dict(reversed(FILES.items()))) == digest_of(FILES)
    assert manifest_digest({**FILES, "x": "0" * 64}) != manifest_digest(FILES)
    assert manifest_digest({}) == digest_of({})


def test_it_is_laid_out_exactly(laid):
    there = {str(p.relative_to(laid)): p.read_bytes() for p in laid.rglob("*") if p.is_file()}
    assert there == DATA
    assert all(p.stat().st_nlink == 1 and not p.is_symlink() for p in laid.rglob("*") if p.is_file())
    verify_folder(laid, FILES, "release:late@3")


def test_nothing_is_left_when_a_file_is_missing(shelf, tmp_path):
    with pytest.raises(Unknown):
        write(shelf, {**FILES, "z": "0" * 64}, tmp_path / "laid", "release:late@3")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shelf"]


def test_a_store_that_lies_is_caught(shelf, tmp_path):
    (shelf.folder / FILES["model.onnx"]).write_bytes(b"other")
    with pytest.raises(Corrupt, match=r"model\.onnx was changed"):
        write(shelf, FILES, tmp_path / "laid", "release:late@3")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shelf"]


def test_only_into_a_new_folder(shelf, laid, tmp_path):
    with pytest.raises(Invalid, match="not empty"):
        write(shelf, FILES, laid, "release:late@3")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Invalid, match="not empty"):
        write(shelf, FILES, tmp_path / "link", "release:late@3")
    (tmp_path / "empty").mkdir()
    write(shelf, FILES, tmp_path / "empty", "release:late@3")
    verify_folder(tmp_path / "empty", FILES, "release:late@3")


def replaced(path, make):
    path.unlink()
    make(path)


CHANGES = {
    "model.onnx was changed": lambda d: replaced(d / "model.onnx", lambda p: p.write_bytes(b"modem")),
    "model.onnx is missing": lambda d: (d / "model.onnx").unlink(),
    "extra.txt was added": lambda d: (d / "extra.txt").write_text("x"),
    ".gitignore was added": lambda d: (d / ".gitignore").write_text("x"),
    "code/x.py was added": lambda d: (d / "code" / "x.py").write_text("x"),
    "empty is a folder": lambda d: (d / "empty").mkdir(),
    "README.md is a link": lambda d: replaced(d / "README.md", lambda p: p.symlink_to("/etc/passwd")),
    "README.md is a hard link": lambda d: os.link(d / "README.md", d.parent / "canary"),
    "pipe is a special file": lambda d: os.mkfifo(d / "pipe"),
    "code is a link": lambda d: (
        shutil.move(d / "code", d.parent / "code"),
        (d / "code").symlink_to(d.parent / "code"),
    ),
    "model.onnx is a folder": lambda d: replaced(d / "model.onnx", lambda p: p.mkdir()),
    "x was added": lambda d: (d / "code" / "deep" / "x").write_bytes(b""),
}


@pytest.mark.parametrize("told", CHANGES)
def test_what_differs_is_named(laid, told):
    CHANGES[told](laid)
    with pytest.raises(Corrupt, match=r"^release:late@3 is not what was made: ") as error:
        verify_folder(laid, FILES, "release:late@3")
    assert told in str(error.value)


def test_a_signature_may_lie_beside(laid):
    (laid / "model.sig").write_text("x")
    verify_folder(laid, FILES, "release:late@3", beside=("model.sig",))
    with pytest.raises(Corrupt, match=r"model\.sig was added"):
        verify_folder(laid, FILES, "release:late@3")
    replaced(laid / "model.sig", lambda p: p.symlink_to("/etc/passwd"))
    with pytest.raises(Corrupt, match=r"model\.sig is a link"):
        verify_folder(laid, FILES, "release:late@3", beside=("model.sig",))


def test_many_differences_are_one_line(laid):
    for n in range(100):
        (laid / f"x{n:03d}").write_text("x")
    with pytest.raises(Corrupt, match="x000 was added") as error:
        verify_folder(laid, FILES, "release:late@3")
    assert "and 95 more" in str(error.value)


def test_no_folder_at_all(tmp_path):
    with pytest.raises(Corrupt, match="cannot be read"):
        verify_folder(tmp_path / "nothing", FILES, "release:late@3")
