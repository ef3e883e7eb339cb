"""Moving an endpoint and answering: the verbs "promote", "rollback", "serve" and "predict"."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from arkwright.api.decide import refuse, sign
from arkwright.api.endpoints.answer import predict
from arkwright.api.endpoints.rollout import SIGNATURE, promote, rollback
from arkwright.api.endpoints.traffic import verified
from arkwright.core import versions
from arkwright.core.errors import Corrupt, Invalid, Lost, Refused, Unknown
from arkwright.core.nouns import Release
from arkwright.core.record import decode
from arkwright.release import signing

ROW = {"country": "DE", "spent": 90.5, "age": None}


def released(at, release="buys"):
    at.do(sign, at.ben, release=release)
    at.do(sign, at.cleo, release=release)
    return at.do(promote, release=release)


def second(at):
    at.shop.edit("shop.py", "fill_null(40)", "fill_null(39)")
    at.run()


def answer(at, *rows):
    body = rows[0] if len(rows) == 1 else list(rows)
    return at.do(predict, endpoint="buys", rows=json.dumps(body).encode())


def test_nothing_moves_unsigned(at):
    why = "release:buys@1 may not be deployed: no signature yet as model-owner; no sig.*; see: arkwright why buys@1$"
    with pytest.raises(Refused, match=why):
        at.do(promote, release="buys")
    assert versions.names(at.site.ledger, Release) == ["buys"]
    with pytest.raises(Unknown, match="no endpoint is called 'buys'"):
        answer(at, ROW)


def test_promoted_and_asked(at):
    endpoint = released(at)
    assert (endpoint.ref, endpoint.shares) == ("endpoint:buys@1", {"release:buys@1": 1.0})
    said = answer(at, ROW)
    assert said["prediction"]["label"] == 1
    assert said["prediction"]["probabilities"]["1"] > 0.5
    assert said["release"] == "release:buys@1"
    many = answer(at, ROW, ROW | {"spent": 1.5})["predictions"]
    assert [p["label"] for p in many] == [1, 0]


def test_promoting_twice_changes_nothing(at):
    first = released(at)
    assert at.do(promote, release="buys") == first


def test_a_bad_row_is_told_with_its_path(at):
    released(at)
    with pytest.raises(Invalid, match=r"\$\[1\]\.spent"):
        answer(at, ROW, ROW | {"spent": "much"})
    with pytest.raises(Invalid, match="it is what the model predicts"):
        answer(at, ROW | {"again": 1})


def test_there_and_back(at):
    released(at)
    with pytest.raises(Refused, match="nothing to go back to"):
        at.do(rollback, endpoint="buys")
    second(at)
    assert released(at, "buys@2").shares == {"release:buys@2": 1.0}
    back = at.do(rollback, endpoint="buys", reason="calls doubled")
    assert (back.version, back.shares) == (3, {"release:buys@1": 1.0})
    assert back.reason == "rolled back from release:buys@2: calls doubled"
    assert answer(at, ROW)["release"] == "release:buys@1"
    with pytest.raises(Refused, match="nothing to go back to"):
        at.do(rollback, endpoint="buys")


def test_a_changed_artefact_is_not_served(at):
    released(at)
    release = versions.latest(at.site.ledger, Release, "buys")
    path = at.site.store.path(release.files["model.onnx"])
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match=rf"^model\.onnx of release:buys@1: .*{release.files['model.onnx'][:12]}"):
        answer(at, ROW)


def test_a_release_whose_gate_does_not_hold_is_not_loaded(at):
    """It is signed and whole, and answered once: somebody said No since."""
    released(at)
    with verified(at.site, "release:buys@1") as served:
        assert served.release == "release:buys@1"
    at.do(refuse, at.ben, release="buys", reason="not any more")
    with (
        pytest.raises(Refused, match=r"buys@1 may not be deployed: ben .* refused: not any more"),
        verified(at.site, "release:buys@1"),
    ):
        pytest.fail("it was laid out to be loaded")


def test_a_changed_signature_is_that_of_its_release(at):
    released(at)
    release = versions.latest(at.site.ledger, Release, "buys")
    path = at.site.store.path(decode(str, at.site.ledger.get(SIGNATURE, release.digest).body))
    path.chmod(0o644)
    path.write_bytes(b"{}")
    with pytest.raises(Corrupt, match=r"^the signature of release:buys@1: .* is no longer what was kept"):
        answer(at, ROW)
    path.unlink()
    with pytest.raises(Lost, match=r"^the signature of release:buys@1: "):
        answer(at, ROW)


def test_another_key_did_not_sign_this(at):
    released(at)
    for key in at.site.keys.iterdir():
        key.unlink()
    with pytest.raises(Refused, match=r"^there is no key .* to check the signature of release:buys@1 with$"):
        answer(at, ROW)
    signing.make_key(at.site.keys)
    with pytest.raises(Refused, match=r"^release:buys@1 was not signed with the key "):
        answer(at, ROW)


def test_an_endpoint_that_takes_another_model(at):
    with pytest.raises(Unknown, match="no endpoint is called 'byus'"):
        at.do(promote, release="buys", endpoint="byus")


def test_serve_answers_until_told_to_stop(at):
    released(at)
    words = [sys.executable, "-m", "arkwright.cli.main", "serve", "buys", "--port", "0", "--drain-delay", "0", "--json"]
    server = subprocess.Popen(words, cwd=at.folder, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        while "}" not in said:
            line = server.stdout.readline()
            assert line, "the server ended"
            said += line
        address = json.loads(said)["address"]
        request = urllib.request.Request(
            f"{address}/predict", json.dumps(ROW).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            found = json.load(response)
        assert found == answer(at, ROW)
        server.send_signal(signal.SIGTERM)
        assert server.wait(15) == 0
    finally:
        server.kill()
        server.communicate()


def test_nothing_to_serve(at):
    words = [sys.executable, "-m", "arkwright.cli.main", "serve"]
    done = subprocess.run(words, cwd=at.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr == "error: no endpoint has a release yet; next: arkwright run, sign, promote\n"
