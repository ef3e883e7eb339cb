"""What is accepted as a signature is what the format's own library accepts, or less."""

import base64
import hashlib
import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from arkwright.core.errors import Corrupt, Invalid, Refused
from arkwright.release import bundle, signing
from arkwright.release.openssf import library

CURVES = {"secp256r1": ec.SECP256R1, "secp384r1": ec.SECP384R1, "secp521r1": ec.SECP521R1}


class Signed:
    """A small release, its signature, and a signer that says whatever it is told."""

    def __init__(self, folder, curve="secp256r1"):
        self.folder, self.signature, self.keys = folder / "late@3", folder / "late.sig", folder / "keys"
        (self.folder / "code").mkdir(parents=True)
        (self.folder / "model.onnx").write_bytes(b"model")
        (self.folder / "code" / "flights.py").write_text("x = 1")
        self.key = ec.generate_private_key(CURVES[curve]())
        self.keys.mkdir()
        plain = serialization.NoEncryption()
        pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        private = self.keys / signing.PRIVATE
        private.write_bytes(pem)
        private.chmod(0o600)
        signing.sign(self.folder, self.signature, self.keys)
        self.bundle = json.loads(self.signature.read_bytes())
        self.statement = json.loads(base64.b64decode(self.bundle["dsseEnvelope"]["payload"]))

    def write(self):
        self.signature.write_text(json.dumps(self.bundle))

    def seal(self, begin=b"DSSEv1"):
        """Sign the statement as it is now."""
        payload = json.dumps(self.statement).encode()
        kind = self.bundle["dsseEnvelope"]["payloadType"].encode()
        said = b"%b %d %b %d %b" % (begin, len(kind), kind, len(payload), payload)
        made = self.key.sign(said, ec.ECDSA(bundle.HASHES[self.key.curve.name]()))
        self.bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
        self.bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(made).decode()
        self.write()

    def ours(self):
        signing.verify(self.folder, self.signature, self.keys, "late@3")

    def theirs(self):
        checker = library().verifying.Config().use_elliptic_key_verifier(public_key=self.keys / signing.PUBLIC)
        hashing = library().hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
        checker.set_hashing_config(hashing).verify(self.folder, self.signature)


@pytest.fixture
def signed(tmp_path):
    return Signed(tmp_path)


@pytest.mark.parametrize("curve", CURVES)
def test_every_curve_of_the_format(tmp_path, curve):
    signed = Signed(tmp_path, curve)
    signed.ours()
    signed.seal()  # our own sealing is right, or the tests below would show nothing
    signed.ours()
    signed.theirs()


OUTSIDE = {
    "another media type": lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.2+json"),
    "another payload type": lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
    "a word more": lambda b: b.update(more=1),
    "a word more in the envelope": lambda b: b["dsseEnvelope"].update(more=1),
    "no hint": lambda b: b["verificationMaterial"]["publicKey"].pop("hint"),
    "a certificate": lambda b: b["verificationMaterial"].update(certificate={"rawBytes": ""}),
    "an entry of a log": lambda b: b["verificationMaterial"].update(tlogEntries=[{}]),
    "no signature": lambda b: b["dsseEnvelope"].update(signatures=[]),
    "two signatures": lambda b: b["dsseEnvelope"]["signatures"].append(b["dsseEnvelope"]["signatures"][0]),
    "a key's name": lambda b: b["dsseEnvelope"]["signatures"][0].update(keyid="mine"),
    "base64 with a line feed": lambda b: b["dsseEnvelope"].update(payload=b["dsseEnvelope"]["payload"] + "\n"),
    "base64 that is none": lambda b: b["dsseEnvelope"].update(payload="\u00e9"),
    "no base64": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig="!"),
    "an empty signature": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig=""),
}


@pytest.mark.parametrize("change", OUTSIDE)
def test_what_stands_around_the_text_is_exact(signed, change):
    OUTSIDE[change](signed.bundle)
    signed.write()
    with pytest.raises(Corrupt, match=r"signature of late@3"):
        signed.ours()


INSIDE = {
    "another statement": lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"),
    "another predicate": lambda s: s.update(predicateType="https://model_signing/Digests/v0.1"),
    "no subject": lambda s: s.update(subject=[]),
    "two subjects": lambda s: s["subject"].append(s["subject"][0]),
    "another digest of all": lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
    "a digest of another kind": lambda s: s["predicate"]["resources"][0].update(algorithm="blake2b"),
    "a digest too short": lambda s: s["predicate"]["resources"][0].update(digest="00"),
    "a digest and a line feed": lambda s: s["subject"][0]["digest"].update(sha256="0" * 64 + "\n"),
    "a file less": lambda s: s["predicate"]["resources"].pop(),
    "shards": lambda s: s["predicate"]["serialization"].update(method="shards"),
    "links": lambda s: s["predicate"]["serialization"].update(allow_symlinks=True),
    "a path that leaves the folder": lambda s: s["predicate"]["resources"][0].update(name="../code/flights.py"),
    "an absolute path": lambda s: s["predicate"]["resources"][0].update(name="/etc/passwd"),
    "nothing": lambda s: s.clear(),
}


@pytest.mark.parametrize("change", INSIDE)
def test_what_the_key_signed_must_mean_this_folder(signed, change):
    INSIDE[change](signed.statement)
    signed.seal()
    with pytest.raises(Corrupt, match=r"late@3"):
        signed.ours()


def test_a_file_that_is_signed_twice(signed):
    resources = signed.statement["predicate"]["resources"]
    resources.insert(0, resources[0] | {"digest": "0" * 64})
    whole = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources)).hexdigest()
    signed.statement["subject"][0]["digest"]["sha256"] = whole
    signed.seal()
    with pytest.raises(Corrupt, match="contradicts itself"):
        signed.ours()


def test_bits_of_base64_that_no_decoder_reads(signed):
    envelope = signed.bundle["dsseEnvelope"]
    while not envelope["payload"].endswith("=="):
        signed.statement["subject"][0]["name"] += "x"
        signed.seal()
    signed.ours()
    payload = envelope["payload"]
    other = payload[:-3] + chr(ord(payload[-3]) + 1) + "=="
    assert base64.b64decode(other, validate=True) == base64.b64decode(payload)
    envelope["payload"] = other
    signed.write()
    signed.theirs()
    with pytest.raises(Corrupt, match="not spelt as it was written"):
        signed.ours()


def test_paths_that_the_signer_left_out_are_not_left_out_here(signed):
    signed.statement["predicate"]["serialization"]["ignore_paths"] = ["hidden.py"]
    signed.seal()
    signed.ours()
    (signed.folder / "hidden.py").write_text("x = 2")
    signed.theirs()
    with pytest.raises(Corrupt, match=r"hidden\.py was added"):
        signed.ours()


def test_the_sealing_of_an_older_library(signed):
    signed.seal(begin=b"DSSEV1")
    with pytest.raises(Corrupt, match="does not fit its own text"):
        signed.ours()


def test_nobody_else_signs_in_the_name_of_our_key(signed, tmp_path):
    (tmp_path / "other").mkdir()
    other = Signed(tmp_path / "other")
    other.bundle["verificationMaterial"] = signed.bundle["verificationMaterial"]
    other.write()
    with pytest.raises(Corrupt, match="does not fit its own text"):
        signing.verify(signed.folder, other.signature, signed.keys, "late@3")
    other.bundle["verificationMaterial"] = {"publicKey": {"hint": "0" * 64}, "tlogEntries": []}
    other.write()
    with pytest.raises(Refused, match="with another"):
        signing.verify(signed.folder, other.signature, signed.keys, "late@3")


@pytest.mark.parametrize("curve", [ec.SECP256K1, ec.SECP224R1])
def test_a_key_on_another_curve(signed, curve):
    pem = ec.generate_private_key(curve()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (signed.keys / signing.PUBLIC).write_bytes(pem.public_bytes(serialization.Encoding.PEM, form))
    with pytest.raises(Invalid, match="is not a key on one of the curves"):
        signed.ours()


@pytest.mark.parametrize("data", ['{"mediaType": ' + "[" * 100_000, "\ud800", '{"mediaType": "\\ud800"}'], ids=range(3))
def test_bytes_that_are_hard_to_read(signed, data):
    signed.signature.write_bytes(data.encode(errors="surrogatepass"))
    with pytest.raises(Corrupt, match=r"signature of late@3"):
        signed.ours()


def test_reading_a_signature_needs_no_library_of_the_format(signed):
    code = "import sys; from pathlib import Path; from arkwright.release import signing;"
    code += "signing.verify(*map(Path, sys.argv[1:]), 'late@3');"
    code += "print([m for m in ('model_signing', 'pydantic', 'google') if m in sys.modules])"
    words = [sys.executable, "-c", code, signed.folder, signed.signature, signed.keys]
    assert subprocess.check_output(words, text=True) == "[]\n"
