import os
import random
import shutil
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from arkwright.core.errors import ArkwrightError, Corrupt, Invalid, Refused
from arkwright.release import signing


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "late@3"
    (folder / "code").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"model")
    (folder / "code" / "flights.py").write_text("x = 1")
    return folder


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "keys"


@pytest.fixture
def signed(release, keys, tmp_path):
    signing.sign(release, tmp_path / "late.sig", keys)
    return tmp_path / "late.sig"


def test_what_was_signed_is_verified(release, keys, signed):
    signing.verify(release, signed, keys, "late@3")


def test_the_keys_are_for_their_owner_only(keys):
    public = signing.make_key(keys)
    assert public == keys / "release.pub"
    assert stat.S_IMODE((keys / "release.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    before = {p.name: p.read_bytes() for p in keys.iterdir()}
    assert set(before) == {"release.key", "release.pub"}
    assert signing.make_key(keys) == public
    assert {p.name: p.read_bytes() for p in keys.iterdir()} == before
    assert len(signing.fingerprint(public)) == 64


def test_a_signature_inside_the_folder_leaves_itself_out(release, keys):
    signing.sign(release, release / signing.SIGNATURE, keys)
    signing.verify(release, release / signing.SIGNATURE, keys, "late@3")
    signing.sign(release, release / signing.SIGNATURE, keys)
    signing.verify(release, release / signing.SIGNATURE, keys, "late@3")


def test_the_folder_may_move(release, keys, signed, tmp_path):
    shutil.move(release, tmp_path / "elsewhere")
    signing.verify(tmp_path / "elsewhere", signed, keys, "late@3")


CHANGES = {
    "model.onnx was changed": lambda d: (d / "model.onnx").write_bytes(b"modem"),
    "code/flights.py is missing": lambda d: (d / "code" / "flights.py").unlink(),
    "new.txt was added": lambda d: (d / "new.txt").write_text("x"),
    ".gitignore was added": lambda d: (d / ".gitignore").write_text("x"),
    ".git/hook was added": lambda d: ((d / ".git").mkdir(), (d / ".git" / "hook").write_text("x")),
    "model.onnx is a link": lambda d: ((d / "model.onnx").unlink(), (d / "model.onnx").symlink_to("/etc/passwd")),
    "link is a link": lambda d: (d / "link").symlink_to("/etc/passwd"),
    "pipe is a special file": lambda d: os.mkfifo(d / "pipe"),
    "renamed.onnx was added, model.onnx is missing": lambda d: (d / "model.onnx").rename(d / "renamed.onnx"),
}


@pytest.mark.parametrize("told", CHANGES)
def test_what_differs_is_named(release, keys, signed, told):
    CHANGES[told](release)
    with pytest.raises(Corrupt) as error:
        signing.verify(release, signed, keys, "late@3")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_another_signer(release, keys, signed, tmp_path):
    signing.sign(release, tmp_path / "theirs.sig", tmp_path / "theirs")
    with pytest.raises(Refused, match="with another"):
        signing.verify(release, tmp_path / "theirs.sig", keys, "late@3")


def test_no_signature_or_no_key(release, keys, signed, tmp_path):
    with pytest.raises(Refused, match="is not signed"):
        signing.verify(release, tmp_path / "nothing.sig", keys, "late@3")
    with pytest.raises(Refused, match="there is no key"):
        signing.verify(release, signed, tmp_path / "no keys", "late@3")


def test_the_signature_of_another_release(release, keys, signed, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(release, other)
    (other / "model.onnx").write_bytes(b"other")
    signing.sign(other, tmp_path / "other.sig", keys)
    with pytest.raises(Corrupt, match=r"model\.onnx was changed"):
        signing.verify(release, tmp_path / "other.sig", keys, "late@3")


def test_any_flipped_bit_of_the_signature(release, keys, signed):
    good, chance = signed.read_bytes(), random.Random(2)
    for _ in range(200):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        signed.write_bytes(data)
        with pytest.raises((Corrupt, Refused)):
            signing.verify(release, signed, keys, "late@3")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", b"{" * 100_000, b"x" * (5 << 20)])
def test_what_is_no_signature(release, keys, signed, data):
    signed.write_bytes(data)
    with pytest.raises(Corrupt, match=r"signature of late@3"):
        signing.verify(release, signed, keys, "late@3")


def test_a_key_that_others_can_read(release, keys, tmp_path):
    signing.make_key(keys)
    (keys / "release.key").chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        signing.sign(release, tmp_path / "late.sig", keys)
    assert not (tmp_path / "late.sig").exists()


def test_a_key_that_is_none(release, keys, tmp_path):
    signing.make_key(keys)
    (keys / "release.key").write_text("no key")
    with pytest.raises(Invalid, match="no private key"):
        signing.sign(release, tmp_path / "late.sig", keys)
    (keys / "release.pub").write_text("no key")
    with pytest.raises(Invalid, match="no public key"):
        signing.fingerprint(keys / "release.pub")


def test_half_a_key(keys):
    signing.make_key(keys)
    (keys / "release.key").rename(keys / "away")
    with pytest.raises(Refused, match="is gone"):
        signing.make_key(keys)
    (keys / "away").rename(keys / "release.key")
    pem = (keys / "release.pub").read_bytes()
    (keys / "release.pub").unlink()
    assert signing.make_key(keys).read_bytes() == pem


def test_threads_that_make_the_key_at_once_agree(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        for round_ in range(20):
            start = threading.Barrier(8)

            def make(_, start=start, keys=tmp_path / str(round_)):
                start.wait()
                return signing.make_key(keys).read_bytes(), signing._public_pem(keys / signing.PRIVATE)

            assert len({pem for pair in pool.map(make, range(8)) for pem in pair}) == 1
            assert len(list((tmp_path / str(round_)).iterdir())) == 2


def test_processes_that_make_the_key_at_once_agree(keys):
    script = (
        "import sys; from pathlib import Path; from arkwright.release import signing;"
        "print(signing.fingerprint(signing.make_key(Path(sys.argv[1]))))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, keys], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(said) == 1


def test_others_can_check_it_with_their_own_tool(release, keys, signed):
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(release), "--signature", str(signed)]
    command += ["--public_key", str(keys / "release.pub")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (release / "model.onnx").write_bytes(b"modem")
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_what_links_the_folder_cannot_be_signed(release, keys, tmp_path):
    (release / "link").symlink_to("/etc/passwd")
    with pytest.raises(Invalid, match="cannot be signed"):
        signing.sign(release, tmp_path / "late.sig", keys)
    assert not list(tmp_path.glob("*.sig*"))


def test_the_library_waits_until_it_is_needed():
    script = "import sys, arkwright.release.signing; print('model_signing' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"
    assert issubclass(Corrupt, ArkwrightError)
