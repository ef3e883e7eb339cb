"""What was answered is found again and labelled: the verbs "predictions" and "label", and the compaction aside."""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from arkwright.api.decide import sign
from arkwright.api.endpoints.answer import predict
from arkwright.api.endpoints.logged import label, predictions, save, spelt
from arkwright.api.endpoints.rollout import promote
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.errors import Invalid, Unknown
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.signature import Signature
from arkwright.serve.tap.segment import INFER, segments
from arkwright.serve.tap.writer import Tap

ROW = {"country": "DE", "spent": 90.5, "age": None}


@pytest.fixture
def logged(at):
    """The endpoint `buys` answered two requests, one with two rows; the tap wrote them aside."""
    at.do(sign, at.ben, release="buys")
    at.do(sign, at.cleo, release="buys")
    at.do(promote, release="buys")
    tap = Tap(at.site.predictions / "buys", "buys")
    add(at, tap)
    tap.close()
    return at


def add(at, tap):
    release = versions.resolve(at.site.ledger, Release, "buys")
    shape = msgspec.json.decode(at.site.store.path(release.files["signature.json"]).read_bytes(), type=Signature)
    number = tap.release(release.ref, release.digest, shape)
    for id_, asked in ((b"one", ROW), (b"two", [ROW, ROW | {"spent": 1.5}])):
        body = json.dumps(asked).encode()
        answer = json.dumps(at.do(predict, endpoint="buys", rows=body)).encode()
        tap.add(number, id_, b"127.0.0.1", body, answer, 400)


def compact(at):
    command = [sys.executable, "-m", "arkwright.work.compact", str(at.site.folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def test_found_before_and_after_compaction(logged):
    before = logged.do(predictions, endpoint="buys")
    assert before.column("id").to_pylist() == ["two", "two", "one"]
    assert before.column("label").to_pylist() == [1, 0, 1]
    assert before.column("country").to_pylist() == ["DE"] * 3
    assert compact(logged) == ""
    assert segments(logged.site.predictions / "buys") == []
    assert logged.do(predictions, endpoint="buys").equals(before)
    assert logged.do(predictions, endpoint="buys", limit=1, release="buys@1").num_rows == 1
    assert logged.do(predictions, endpoint="buys", since=datetime(2200, 1, 1)).num_rows == 0  # noqa: DTZ001


def test_into_a_file(logged, tmp_path):
    out = tmp_path / "found.parquet"
    assert logged.do(save, endpoint="buys", out=out) == 3
    assert pq.read_table(out).equals(logged.do(predictions, endpoint="buys"))
    with pytest.raises(Invalid, match="name a file in a folder that is there"):
        logged.do(save, endpoint="buys", out=tmp_path / "nothing" / "found.parquet")


def test_labelled(logged):
    done = logged.do(label, endpoint="buys", labels=[{"id": "one", "label": 0}, {"id": "two", "label": 1, "row": 1}])
    assert (done.labels, done.unknown) == (2, 0)
    assert logged.do(predictions, endpoint="buys").column("actual").to_pylist() == [None, 1, 0]
    done = logged.do(label, endpoint="buys", labels=[{"id": "one", "label": 1}, {"id": "later", "label": 1}])
    assert (done.labels, done.unknown) == (2, 1)
    assert logged.do(predictions, endpoint="buys", id="one").column("actual").to_pylist() == [1]


def test_what_cannot_be_a_label(logged):
    with pytest.raises(Invalid, match=r"\$\[1\]\.label: expected int, got str"):
        logged.do(label, endpoint="buys", labels=[{"id": "one", "label": 0}, {"id": "one", "label": "0"}])
    with pytest.raises(Invalid, match=r"^\$\[0\]\.label: '2' is no class; there is 0, 1$"):
        logged.do(label, endpoint="buys", labels=[{"id": "one", "label": 2}])
    with pytest.raises(Invalid, match=r"unknown field 'lable'; did you mean \"label\"\?"):
        logged.do(label, endpoint="buys", labels=[{"id": "one", "lable": 0}])
    assert logged.do(predictions, endpoint="buys", id="one").column("actual").to_pylist() == [None]


def test_what_is_not_there(logged):
    for verb, words in ((predictions, {}), (label, {"labels": [{"id": "a", "label": 1}]})):
        with pytest.raises(Unknown, match="no endpoint is called 'byus'; did you mean \"buys\""):
            logged.do(verb, endpoint="byus", **words)
        with pytest.raises(Invalid, match="is not an endpoint"):
            logged.do(verb, endpoint="../buys", **words)
    with pytest.raises(Unknown, match="no release is called 'byus'"):
        logged.do(predictions, endpoint="buys", release="byus")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("True", bool, True), ("0", int, 0), ("1e3", float, 1000.0), ("1", str, "1"), ("x", None, "x")],
)
def test_a_label_as_people_type_it(text, kind, value):
    assert spelt(text, kind) == value
    assert type(spelt(text, kind)) is type(value)


@pytest.mark.parametrize(("text", "kind"), [("1", bool), ("yes", int), ("1.5", int), ("much", float), ("nan", float)])
def test_a_label_that_is_none(text, kind):
    with pytest.raises(Invalid, match=f"the label '{text}' is"):
        spelt(text, kind)


def test_compaction_keeps_what_was_promoted(logged):
    """Written in the project it means nothing yet; promoted again, it does."""
    compact(logged)
    logged.shop.edit("arkwright.toml", 'gate  = "production"\n', 'gate  = "production"\nlog = { keep = "1s" }\n')
    (part,) = (logged.site.predictions / "buys" / "parts").glob("*.json")
    until = max(p["until"] for p in json.loads(part.read_bytes())["parts"])
    while until > time.time_ns() - 10**9:
        time.sleep(0.05)
    compact(logged)
    assert logged.do(predictions, endpoint="buys").num_rows == 3
    assert logged.do(promote, release="buys").reason == "its terms changed"
    compact(logged)
    assert logged.do(predictions, endpoint="buys").num_rows == 0


def test_where_nothing_is_on_record_nothing_is_removed(logged):
    before = versions.latest(logged.site.ledger, Endpoint, "buys")
    versions.move(logged.site.ledger, "ana", replace(before, version=2, terms=None))
    compact(logged)
    assert logged.do(predictions, endpoint="buys").num_rows == 3


def test_the_trouble_of_one_endpoint_does_not_stop_the_others(logged):
    other = logged.site.predictions / "another"
    (other / "parts").mkdir(parents=True)
    (other / "parts" / "1-ab.json").write_text("{")
    assert "another: predictions were not compacted" in compact(logged)
    assert segments(logged.site.predictions / "buys") == []


def beside(at):
    """The process beside a server, whose minutes are short."""
    code = "import sys; from arkwright.work import compacting; compacting.EVERY_S = 0.05; sys.exit(compacting.main())"
    paths = [str(at.site.folder), str(at.site.predictions)]
    return subprocess.Popen([sys.executable, "-c", code, *paths, str(os.getpid())])


def test_compaction_ends_when_it_is_told(logged):
    process = beside(logged)
    try:
        for _ in range(2):  # it goes on
            while segments(logged.site.predictions / "buys"):
                assert process.poll() is None
                time.sleep(0.01)
            tap = Tap(logged.site.predictions / "buys", "buys")
            add(logged, tap)
            tap.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_compaction_that_runs_ends_with_what_started_it(logged):
    segment = next((logged.site.predictions / "buys").glob("*.segment"))
    with segment.open() as held:  # as long as it is written to, it is looked for again and again
        fcntl.flock(held, fcntl.LOCK_EX)
        process = beside(logged)
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while not (left := children.read_text().split()):
                assert process.poll() is None
            process.kill()
            process.wait()
            while any(Path(f"/proc/{pid}").exists() for pid in left):
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()


def test_what_waits_beside_a_server_imports_next_to_nothing():
    code = "import sys, arkwright.work.compacting;"
    code += "print([m for m in ('msgspec', 'numpy', 'pyarrow', 'asyncio', 'dataclasses') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def said(logged, capsys, *words):
    code = main([*words, "--project", str(logged.folder), "--by", "ana"])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_words(logged, capsys, tmp_path):
    code, out, _ = said(logged, capsys, "label", "buys", "--id", "one", "--label", "0")
    assert (code, out) == (0, "✓ 1 label kept\n")
    code, out, _ = said(logged, capsys, "predictions", "buys", "--since", "1h")
    assert code == 0
    assert re.search(r"one +0 +buys@1 +0\.4 +200 +1 \(0\.\d+\) +0 *$", out, re.MULTILINE)
    code, out, _ = said(logged, capsys, "predictions", "buys", "--id", "one", "--json")
    (found,) = json.loads(out)
    assert (found["id"], found["actual"], found["country"]) == ("one", 0, "DE")
    code, out, _ = said(logged, capsys, "predictions", "buys", "--out", str(tmp_path / "all.parquet"))
    assert (code, pq.read_table(tmp_path / "all.parquet").num_rows) == (0, 3)
    code, out, _ = said(logged, capsys, "predictions", "buys", "--since", "2200-01-01")
    assert (code, out) == (0, "no prediction was logged that fits\n")


def test_tensors_are_shown_as_raw_rows_are(logged, capsys):
    """One row for each of theirs, with the label; what has none, by the names of the outputs."""
    release = versions.resolve(logged.site.ledger, Release, "buys")
    shape = msgspec.json.decode(logged.site.store.path(release.files["signature.json"]).read_bytes(), type=Signature)
    label_, probabilities = (t.name for t in shape.outputs)
    labels = {"name": label_, "datatype": "INT64", "shape": [2], "data": [1, 0]}
    chances = {"name": probabilities, "datatype": "FP32", "shape": [2, 2], "data": [0.25, 0.75, 0.5, 0.5]}
    asked = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [3, 4]}]}
    with contextlib.closing(Tap(logged.site.predictions / "buys", "buys")) as tap:
        number = tap.release(release.ref, release.digest, shape)
        for id_, outputs in ((b"tensors", [labels, chances]), (b"part", [chances])):
            body, answer = json.dumps(asked).encode(), json.dumps({"outputs": outputs}).encode()
            tap.add(number, id_, b"127.0.0.1", body, answer, 400, 200, INFER)
    rows = logged.do(predictions, endpoint="buys", id="tensors").to_pylist()
    assert [(r["row"], r["label"], r["probability_0"], r["probability_1"], r["kind"]) for r in rows] == [
        (0, 1, 0.25, 0.75, "infer"), (1, 0, 0.5, 0.5, "infer"),
    ]  # fmt: skip
    assert [json.loads(r["inputs"])[0] for r in rows] == [
        {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [value]} for value in (3, 4)
    ]
    assert json.loads(rows[1]["outputs"])[1] == chances | {"shape": [1, 2], "data": [0.5, 0.5]}
    done = logged.do(label, endpoint="buys", labels=[{"id": "tensors", "label": 1, "row": 1}])
    assert (done.labels, done.unknown) == (1, 0)
    assert main(["predictions", "buys", "--project", str(logged.folder)]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"tensors +0 .* 1 \(0.75\)", shown)
    assert re.search(r"tensors +1 .* 0 \(0.5\) +1", shown)
    assert f"{probabilities} [0.25, 0.75]" in shown
    assert "datatype" not in shown


def test_labels_from_files(logged, capsys, tmp_path):
    (tmp_path / "labels.csv").write_text("id,label,row\none,1,0\ntwo,0,1\nstranger,1,0\n")
    code, out, _ = said(logged, capsys, "label", "buys", "--file", str(tmp_path / "labels.csv"))
    assert (code, out) == (0, "✓ 3 labels kept; 1 belong to no prediction that is known by now\n")
    (tmp_path / "labels.jsonl").write_text('{"id": "two", "label": 1}\n\n{"id": "two", "label": 1, "row": 1}\n')
    assert said(logged, capsys, "label", "buys", "--file", str(tmp_path / "labels.jsonl"))[0] == 0
    assert logged.do(predictions, endpoint="buys").column("actual").to_pylist() == [1, 1, 1]


WRONG = {
    "cells": (
        "labels.csv",
        "id,label\none,1\ntwo\n",
        "labels.csv:3: this line has more cells than the first, or fewer",
    ),
    "no number": ("labels.csv", "id,label\none,much\n", "labels.csv:2: the label 'much' is not a whole number"),
    "no row": ("labels.csv", "id,label,row\none,1,-1\n", "labels.csv:2: '-1' is no row"),
    "misspelt": ("labels.csv", "id,lable\none,1\n", "labels.csv:1: unknown column 'lable'; did you mean \"label\"?"),
    "no head": ("labels.csv", "id\none\n", "labels.csv:1: the first line must name the columns id and label"),
    "nothing": ("labels.csv", "", "labels.csv:1: the first line must name the columns id and label"),
    "no labels": ("labels.jsonl", "", "labels.jsonl holds no label"),
    "no JSON": ("labels.jsonl", '{"id": "one", "label": 1}\n{"id"', "labels.jsonl:2: this is no JSON object"),
}


@pytest.mark.parametrize(("name", "text", "message"), WRONG.values(), ids=WRONG)
def test_a_file_that_holds_no_labels_is_told_with_its_line(logged, capsys, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    code, _, err = said(logged, capsys, "label", "buys", "--file", str(tmp_path / name))
    assert code == 2
    assert message in err


def test_words_that_do_not_fit_together(logged, capsys, tmp_path):
    for words, message in (
        (("label", "buys", "--id", "a"), "give --id and --label"),
        (("label", "buys", "--id", "a", "--label", "1", "--file", "x"), "give --id and --label"),
        (("label", "buys", "--file", str(tmp_path / "none.csv")), "none.csv cannot be read: No such file"),
        (("predictions", "buys", "--since", "yesterday"), "'yesterday' is no time; write 1h or 7d"),
        (("predictions", "buys", "--limit", "0"), "0 rows cannot be listed; take 1 to"),
    ):
        code, _, err = said(logged, capsys, *words)
        assert code == 2
        assert message in err
