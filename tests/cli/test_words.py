"""What words say: short enough to read, and never a next step that means something else."""

import json
from dataclasses import replace

import pytest

from arkwright.api.arriving import brought
from arkwright.api.arriving.importing import Imported
from arkwright.api.catalog import Answering, Live
from arkwright.cli.main import main
from arkwright.cli.words import diff, imports, ledger, live, predict, role, run
from arkwright.core.nouns import Account, Decision, Endpoint, Gate, Release
from arkwright.core.rules import judge_gate

GATE = Gate(name="production", promises=(), signed_by=("model-owner", "operations"))
RELEASE = Release(
    name="late", version=3, digest="d" * 64, recipe="r", run="run:x@1", model="model:late@6", gate=GATE,
    author="ana", files={},
)  # fmt: skip


def said(by, role, *, yes=True):
    return Decision(release=RELEASE.ref, digest=RELEASE.digest, by=by, role=role, yes=yes, reason="r")


@pytest.mark.parametrize(
    ("decisions", "wanted"),
    [
        ([], "arkwright sign late@3 --by NAME --role model-owner"),
        ([said("ben", "model-owner")], "arkwright sign late@3 --by NAME --role operations"),
        ([said("ben", "model-owner"), said("cleo", "operations")], "arkwright promote late@3"),
        ([said("ben", "model-owner"), said("cleo", "operations", yes=False)], "cleo refused it"),
    ],
)
def test_the_next_step_names_the_version(decisions, wanted):
    """An older release may be made again by the same recipe, and `late` alone would mean a newer one."""
    assert run.next_step(RELEASE, judge_gate(RELEASE, "m", [], decisions)).endswith(wanted)


def test_what_an_import_left_stands_on_a_line_each(capsys):
    left = (brought.left("the model a\nb", "it was deleted\r\nhere"), brought.left("c", "d"))
    counts = dict.fromkeys(
        ("experiments", "runs", "changed", "same", "points", "files", "size", "models", "registered", "versions"), 0
    )
    imports._print(Imported(origin="", left=left, **counts))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["  the model a b: it was deleted here", "  c: d"]


def test_a_key_of_the_ledger_is_short():
    assert ledger._short("finding/" + "ab" * 32 + "/1") == "finding/abababababab/1"
    assert ledger._short("churn@12") == "churn@12"


def test_a_difference_reads_as_words():
    assert diff._short(("dataset:a@1", "model:b@2")) == "dataset:a@1, model:b@2"
    assert diff._short("0" * 64) == "0" * 12


def test_a_prediction_is_told_in_the_order_of_the_classes(tmp_path, monkeypatch, capsys):
    said = {"prediction": {"label": 9, "probabilities": {"9": 0.75, "10": 0.25}}, "release": "late@1", "digest": "d"}
    monkeypatch.setattr(predict, "predict", lambda *_, **__: said)
    (tmp_path / "row.json").write_text("{}")
    assert main(["predict", "late", str(tmp_path / "row.json"), "--project", str(tmp_path), "--by", "ana"]) == 0
    assert json.dumps(json.loads(capsys.readouterr().out)) == json.dumps(said)


def test_what_was_live_says_what_was_proven_and_no_reason_where_none_was_given(tmp_path, monkeypatch, capsys):
    told = replace(said("[b]ben", "model-owner"), reason=""), replace(said("cleo", "operations"), proven=True)
    answers = Answering(release=RELEASE.ref, share=0.001, digest="d" * 64, author="ana", findings=(), signatures=told,
                        missing=())  # fmt: skip
    now = Live(endpoint=Endpoint(name="late", version=1, shares={}, reason=""), asked="", since="2026-03-31T08:00:00",
               until=None, by="olga", releases=(answers,))  # fmt: skip
    (tmp_path / "arkwright.toml").touch()
    monkeypatch.setattr(live, "live", lambda *_, **__: now)
    assert main(["live", "late", "--project", str(tmp_path), "--by", "ana"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "moved by olga" in lines
    assert "  signed by [b]ben as model-owner (declared, not proven)" in lines
    assert "  signed by cleo as operations: r" in lines
    assert any("release:late@3 (0.1 %)" in line for line in lines)


def test_whoever_is_shut_out_is_told_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(role, "role", lambda *_, **__: Account(name="ben", version=2, role="none"))
    (tmp_path / "arkwright.toml").touch()
    assert main(["role", "ben", "--role", "none", "--project", str(tmp_path), "--by", "ana"]) == 0
    assert capsys.readouterr().out == "✓ account:ben@2 is shut out\n"
