"""Nouns as bytes: canonical, digested, referenced, sealed."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Corrupt, Invalid
from arkwright.core.nouns import VERSIONED, Decision, Endpoint, Finding, Model
from arkwright.core.record import (
    GENESIS,
    decode,
    digest_bytes,
    digest_file,
    digest_of,
    encode,
    now,
    seal,
    split_reference,
    valid_name,
)

_number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
findings = st.builds(
    Finding, subject=st.text(), digest=st.text(), promise=st.text(), verdict=st.sampled_from(["kept", "broken"]),
    value=_number, low=_number, high=_number, n=st.none() | st.integers(0, 2**63 - 1), note=st.text(),
    more_rows=st.none(), run=st.none() | st.text(),
)  # fmt: skip
endpoints = st.builds(
    Endpoint,
    name=st.text(),
    version=st.integers(1, 9),
    shares=st.dictionaries(st.text(), st.floats(0, 1)),
    reason=st.text(),
)


@given(st.one_of(findings, endpoints))
def test_a_noun_comes_back_as_it_was(noun):
    body = encode(noun)
    assert decode(type(noun), body) == noun
    assert encode(decode(type(noun), body)) == body


@given(st.dictionaries(st.text(), st.integers(0, 9)))
def test_equal_values_have_equal_bytes_in_whatever_order(value):
    turned = dict(reversed(value.items()))
    assert encode(turned) == encode(value)
    assert digest_of(turned) == digest_of(value)


def test_canonical_json_is_sorted_and_tight():
    assert encode({"b": [1, 2], "a": "é"}) == '{"a":"é","b":[1,2]}'


@pytest.mark.parametrize("body", ["", "{", "{}", "[]", "null", '{"name":1}', b"\xff", '{"release":1,"digest":2}'])
def test_bytes_that_spell_no_noun_are_corrupt(body):
    with pytest.raises(Corrupt, match="decision"):
        decode(Decision, body)


def test_a_field_of_a_later_version_is_read_over():
    decision = Decision(release="r", digest="d", by="b", role="o", yes=True, reason="")
    later = encode(msgspec.to_builtins(decision) | {"new": 1})
    assert decode(Decision, later) == decision


def test_digests(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert digest_bytes(b"abc") == digest_file(tmp_path / "a") == known
    assert digest_of("abc") == hashlib.sha256(b'"abc"').hexdigest()


@given(st.data())
def test_a_seal_covers_every_part(data):
    parts = ["0" * 64, 1, "2024", "ann", "model", "late@1", "{}"]
    place = data.draw(st.integers(0, len(parts) - 1))
    other = data.draw(st.integers(2, 99) if place == 1 else st.text().filter(lambda text: text != parts[place]))
    changed = [*parts[:place], other, *parts[place + 1 :]]
    assert seal(*changed) != seal(*parts)


def test_parts_cannot_slide_into_one_another():
    assert seal(GENESIS, 1, "t", "ab", "c", "k", "{}") != seal(GENESIS, 1, "t", "a", "bc", "k", "{}")


def test_now_is_utc_to_the_millisecond():
    assert len(now()) == len("2026-01-31T12:00:00.000+00:00")
    assert now().endswith("+00:00")


@pytest.mark.parametrize("name", ["a", "_", "late", "Late-2", "a" * 64])
def test_names(name):
    assert valid_name(name, "model") == name
    assert split_reference(f"model:{name}@7", "model") == (name, 7)
    assert split_reference(f"{name}@7", "model") == (name, 7)
    assert split_reference(name, "model") == (name, None)


@pytest.mark.parametrize(
    "name", ["", "2", "-a", "a" * 65, "a b", "a/b", "..", "a.b", "a\n", "é", "a@1", "a:b", "a'", "a\x00"]
)
def test_no_names(name):
    with pytest.raises(Invalid, match="cannot name a model"):
        valid_name(name, "model")


@pytest.mark.parametrize(
    "text", ["", "@1", "late@", "late@0", "late@01", "late@-1", "late@1.0", "late@1e3", "late@9999999999", "late@٣",
             "run:late@1", "model:", "model:late@1\n", " late", "late@1@2", "model:model:late"],
)  # fmt: skip
def test_no_references(text):
    with pytest.raises(Invalid, match="model:name@7"):
        split_reference(text, "model")


@given(st.text(max_size=100))
def test_any_text_is_a_reference_or_invalid(text):
    try:
        name, version = split_reference(text, "model")
    except Invalid as error:
        assert len(str(error)) < 1000  # noqa: PT017
        return
    assert split_reference(f"model:{name}" + (f"@{version}" if version else ""), "model") == (name, version)


def test_every_versioned_noun_says_its_reference():
    assert set(VERSIONED) == {"dataset", "model", "release", "run", "endpoint", "account"}
    model = Model(name="late", version=7, digest="", recipe="", run="", task="regression", format="onnx", files={})
    assert model.ref == "model:late@7"
    assert split_reference(model.ref, "model") == ("late", 7)
    assert replace(model, version=8).ref == "model:late@8"


FIRST = """
import sys, threading
from dataclasses import make_dataclass
from arkwright.core import record
sys.setswitchinterval(1e-6)
for n in range(40):
    inner = [make_dataclass(f"Inner{n}_{k}", [("at", "list[int]")]) for k in range(30)]
    kind = make_dataclass(f"Outer{n}", [(f"f{k}", of) for k, of in enumerate(inner)])
    body = record.encode({f"f{k}": {"at": [k]} for k in range(30)})
    gate, found = threading.Barrier(4), []
    def read():
        gate.wait()
        found.append(record.decode(kind, body).f29.at)
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert found == [[29]] * 4
"""


def test_threads_that_read_a_kind_for_the_first_time():
    """Before msgspec 0.23 this ended the process: the one saw what the other had half made."""
    assert subprocess.run([sys.executable, "-c", FIRST], check=False).returncode == 0
