"""The verb "reproduce": computed again by the bytes that answered, or a word on why it cannot be."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from tests.api.endpoints.test_logged import ROW, add, compact, logged

from arkwright.api.decide import refuse
from arkwright.api.endpoints.reproduced import allowed, held, reproduce, tied
from arkwright.api.endpoints.traffic import laid_out
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.errors import Corrupt, Unknown
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model.loaded import load
from arkwright.serve.rest import oip
from arkwright.serve.tap.segment import INFER
from arkwright.serve.tap.writer import Tap

__all__ = ["logged"]  # a fixture


def shape_of(at):
    release = versions.resolve(at.site.ledger, Release, "buys")
    said = at.site.store.path(release.files["signature.json"]).read_bytes()
    return release, msgspec.json.decode(said, type=Signature)


def test_the_same_before_and_after_compaction_and_when_it_was_refused_since(logged):
    for _ in range(2):
        found = logged.do(reproduce, endpoint="buys", id="two")
        assert found.same
        assert [(one.row, one.same, one.off, one.why) for one in found.rows] == [(0, True, 0.0, ""), (1, True, 0.0, "")]
        assert found.rows[0].asked == ROW
        assert found.rows[0].then["label"] == 1
        assert found.rows[0].now == found.rows[0].then
        assert compact(logged) == ""
        logged.do(refuse, logged.ben, release="buys", reason="not any more")


def test_what_differs_is_told(logged):
    tap = Tap(logged.site.predictions / "buys", "buys")
    release, shape = shape_of(logged)
    number = tap.release(release.ref, release.digest, shape)
    answer = {"prediction": {"label": 1, "probabilities": {"0": 0.25, "1": 0.75}}}
    tap.add(number, b"off", b"", json.dumps(ROW).encode(), json.dumps(answer).encode(), 400)
    tap.add(number, b"label", b"", json.dumps(ROW).encode(), b'{"prediction": {"label": 0}}', 400)
    tap.add(number, b"bad", b"", b"{}", b'{"error": "spent is missing"}', 400, status=422)
    tap.close()
    (one,) = logged.do(reproduce, endpoint="buys", id="off").rows
    assert one.same is False
    assert one.off == pytest.approx(abs(0.75 - one.now["probability_1"]))
    (one,) = logged.do(reproduce, endpoint="buys", id="label").rows
    assert (one.same, one.off) == (False, None)
    (one,) = logged.do(reproduce, endpoint="buys", id="bad").rows
    assert (one.same, one.why) == (None, "it was refused then: spent is missing")


def test_redacted_columns_are_not_guessed(at, logged):
    endpoint = versions.latest(at.site.ledger, Endpoint, "buys")
    terms = replace(endpoint.terms, redact=("age",))  # one that may be missing, so that its absence would not show
    versions.move(at.site.ledger, "ana", replace(endpoint, version=endpoint.version + 1, terms=terms))
    for folder, id_ in (("buys", "two"),):
        tap = Tap(at.site.predictions / folder, "buys", redact=("age",))
        add(at, tap)
        tap.close()
        found = logged.do(reproduce, endpoint="buys", id=id_)
        hidden = [one for one in found.rows if one.why]
        assert len(hidden) >= 2
        assert all("the log leaves out age" in one.why and "age" not in one.asked for one in hidden)
        assert not found.same


def test_tensors(logged):
    tap = Tap(logged.site.predictions / "buys", "buys")
    release, shape = shape_of(logged)
    number = tap.release(release.ref, release.digest, shape)
    given = [(tensor, [1, len(tensor.columns)] if tensor.columns else [1]) for tensor in shape.inputs]
    asked = {
        "inputs": [
            {"name": tensor.name, "datatype": tensor.datatype, "shape": size, "data": [1] * size[-1]}
            for tensor, size in given
        ]
    }
    first = shape.outputs[-1]
    answer = {"outputs": [{"name": first.name, "datatype": first.datatype, "shape": [1, 2], "data": [0.5, 0.5]}]}
    tap.add(number, b"t", b"", json.dumps(asked).encode(), json.dumps(answer).encode(), 400, flags=INFER)
    tap.close()
    (one,) = logged.do(reproduce, endpoint="buys", id="t").rows
    assert one.same is False, one.why
    told = one.now[first.name]
    answer["outputs"][0]["data"] = told
    tap = Tap(logged.site.predictions / "buys", "buys")
    number = tap.release(release.ref, release.digest, shape)
    tap.add(number, b"u", b"", json.dumps(asked).encode(), json.dumps(answer).encode(), 400, flags=INFER)
    tap.close()
    assert logged.do(reproduce, endpoint="buys", id="u").same


def test_nan_and_the_infinities_are_not_each_other(logged):
    tap = Tap(logged.site.predictions / "buys", "buys")
    release, shape = shape_of(logged)
    number = tap.release(release.ref, release.digest, shape)
    odd = (np.nan, np.inf, -np.inf)
    with laid_out(logged.site, release) as at:
        loaded = load(at.folder, endpoint="buys", release=at.release, digest=release.digest)
        for value in odd:
            given = {
                port.name: np.full(
                    [size or 1 for size in port.shape],
                    value if port.kind.python is float else "DE" if port.kind.python is str else 1,
                    port.kind.dtype,
                )
                for port in loaded.graph.inputs.values()
            }
            outputs = loaded.graph.run(given)
            body, head = oip.request(loaded, given, outputs)
            answer, answer_head = oip.told(loaded, outputs, outputs)
            id_ = f"{value}".encode()
            tap.add(number, id_, b"", body, answer, 400, flags=INFER, head=head, answer_head=answer_head)
    tap.close()
    for value, word in zip(odd, ("NaN", "Infinity", "-Infinity"), strict=True):
        found = logged.do(reproduce, endpoint="buys", id=str(value))
        assert found.same, found
        assert f'"{word}"' in found.rows[0].asked["inputs"]
        msgspec.json.encode(found)


SAID = Signature(
    model="m", task="classification", target="t", columns=(), inputs=(), classes=("a", "b"),
    outputs=(Tensor(name="label", datatype="INT64"), Tensor(name="p", datatype="FP32", columns=("a", "b"))),
)  # fmt: skip


def row(label, p):
    return {"label": label, "probability_a": 1 - p, "probability_b": p}


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (row("a", 0.3), row("a", 0.3 + 3e-8), (True, pytest.approx(3e-8))),
        (row("a", 0.3), row("a", 0.3 + 1e-5), (False, pytest.approx(1e-5))),
        ({"value": 1e6}, {"value": 1e6 + 5}, (True, 5.0)),
        ({"value": 3}, {"value": 4}, (False, 1.0)),
        ({"value": float("nan")}, {"value": float("nan")}, (True, 0.0)),
        ({"value": float("inf")}, {"value": float("inf")}, (True, 0.0)),
        ({"value": float("inf")}, {"value": float("-inf")}, (False, None)),
        ({"value": float("nan")}, {"value": 1.0}, (False, None)),
        ({"text": ["x"]}, {"text": ["y"]}, (False, None)),
        ({"value": 1.0}, {"label": 1.0}, (False, None)),
    ],
)
def test_a_number_may_be_off_as_far_as_its_type_allows(then, now, expected):
    assert held(then, now, allowed(SAID)) == expected


def test_the_coarsest_numbers_count():
    assert allowed(SAID) == (1e-6, 1e-5)
    assert allowed(replace(SAID, outputs=(Tensor(name="y", datatype="FP64"),))) == (1e-9, 1e-9)
    assert allowed(replace(SAID, inputs=(Tensor(name="x", datatype="FP16"),))) == (1e-3, 1e-3)


def test_a_label_that_flips_between_equals_is_a_tie():
    assert tied(SAID, row("a", 0.5 - 3e-8), row("b", 0.5 + 3e-8), infer=False)
    assert not tied(SAID, row("a", 0.5 - 3e-8), row("a", 0.5 + 3e-8), infer=False)
    assert not tied(SAID, row("a", 0.4), row("b", 0.4), infer=False)
    assert not tied(SAID, row("a", 0.5), row("b", 0.6), infer=False)
    first, second = ({"label": [i], "p": [0.5 - 1e-8 * i, 0.5 + 1e-8 * i]} for i in (0, 1))
    assert tied(SAID, first, second, infer=True)
    assert not tied(SAID, first, {"label": [1], "p": [0.4, 0.6]}, infer=True)


def test_other_bytes_and_unknown_ids(logged):
    with pytest.raises(Unknown, match="no prediction with the id 'three'"):
        logged.do(reproduce, endpoint="buys", id="three")
    tap = Tap(logged.site.predictions / "buys", "buys")
    release, shape = shape_of(logged)
    tap.add(tap.release(release.ref, "0" * 64, shape), b"x", b"", json.dumps(ROW).encode(), b"{}", 400)
    tap.close()
    with pytest.raises(Corrupt, match="answered with the digest 000000000000"):
        logged.do(reproduce, endpoint="buys", id="x")


def test_on_the_command_line(logged, capsys):
    words = ["reproduce", "buys", "one", "--project", str(logged.folder), "--by", "ana"]
    assert main(words) == 0
    assert "computed again, and the same" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["same"] is True
