"""Safeguards around a served model: who answers which row, in what words, and that nothing goes around them."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.serve.conftest import (
    DIGEST,
    FLIGHTS,
    Live,
    echo_release,
    late_model,
    late_probability,
    late_signature,
    write,
)

from arkwright.core.errors import Corrupt, Invalid
from arkwright.core.safeguards.words import Rule, Seen
from arkwright.serve.model.loaded import load
from arkwright.serve.rest.predict import predict_once

RULES = (
    Rule(name="unsure", when="confidence < 0.6", answer="review"),
    Rule(name="far", when="distance > 5000", answer="review", because="no such flight was in the data"),
    Rule(name="new", when="unseen(carrier)", answer="review"),
    Rule(name="odd", when="outside(delay)", answer="review"),
    Rule(name="vip", when="carrier == 'AA' and distance < 10", answer=False),
    Rule(name="sure", when="probability(true) > 0.95 and prediction", answer=True, because="as good as certain"),
)
SEEN = Seen(categories={"carrier": ("AA",)}, ranges={"delay": (-60, 300)})
FAR = {"distance": 5001.0, "carrier": "AA", "delay": None}
VIP = {"distance": 1.0, "carrier": "AA", "delay": None}
UNSURE = {"distance": 2000.0, "carrier": "AA", "delay": 0.0}
MODEL = {"distance": 4000.0, "carrier": "AA", "delay": 1.0}
SURE = {"distance": 4900.0, "carrier": "AA", "delay": 30.0}
TOLD = {
    "far": {"rule": "far", "because": "no such flight was in the data", "review": True},
    "vip": {"rule": "vip"},
    "unsure": {"rule": "unsure", "review": True},
    "sure": {"rule": "sure", "because": "as good as certain"},
}


def release(folder, rules=RULES, seen=SEEN, function="polars_features", takes="polars"):
    write(folder, late_signature(function, takes), late_model(), FLIGHTS)
    (folder / "safeguards.json").write_bytes(msgspec.json.encode(rules))
    (folder / "seen.json").write_bytes(msgspec.json.encode(seen))
    return folder


def loaded(folder, endpoint="late", **facts):
    return load(release(folder, **facts), endpoint=endpoint, release="release:late@3", digest=DIGEST)


def once(one, rows):
    return predict_once(one, msgspec.json.encode(rows))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with Live([loaded(tmp_path_factory.mktemp("guarded"))]) as live:
        yield live


@pytest.mark.parametrize(
    ("row", "prediction", "told"),
    [
        (FAR, None, TOLD["far"]),
        (VIP, {"label": False}, TOLD["vip"]),
        (UNSURE, None, TOLD["unsure"]),
        (SURE, {"label": True}, TOLD["sure"]),
        (MODEL | {"delay": 301.0}, None, {"rule": "odd", "review": True}),
        (MODEL | {"carrier": "UA"}, None, {"rule": "new", "review": True}),
    ],
)
def test_an_answer_names_the_rule_that_fired(guarded, row, prediction, told):
    status, answer = guarded.post("/predict", row)
    assert status == 200
    assert answer == {"prediction": prediction, **told, "release": "release:late@3", "digest": DIGEST}


def test_where_no_rule_fires_the_answer_is_the_models_alone(guarded):
    _, answer = guarded.post("/predict", MODEL)
    p = late_probability(**MODEL)
    assert set(answer) == {"prediction", "release", "digest"}
    assert answer["prediction"]["probabilities"] == pytest.approx({"false": 1 - p, "true": p}, abs=1e-6)
    _, many = guarded.post("/predict", [MODEL, MODEL])
    assert many == {"predictions": [answer["prediction"]] * 2, "release": "release:late@3", "digest": DIGEST}


def test_many_rows_are_told_one_by_one(guarded):
    rows = [FAR, MODEL, UNSURE, VIP, SURE]
    status, answer = guarded.post("/predict", rows)
    assert status == 200
    assert answer["rules"] == [TOLD["far"], None, TOLD["unsure"], TOLD["vip"], TOLD["sure"]]
    alone = [guarded.post("/predict", row)[1]["prediction"] for row in rows]
    assert answer["predictions"] == alone
    assert guarded.post("/predict", [FAR] * 3)[1]["predictions"] == [None] * 3


@settings(max_examples=20)
@given(rows=st.lists(st.sampled_from([FAR, VIP, UNSURE, SURE, MODEL]), min_size=1, max_size=600))
def test_a_row_alone_is_answered_as_in_any_batch(guarded, rows):
    alone = {id(row): guarded.post("/predict", row)[1] for row in (FAR, VIP, UNSURE, SURE, MODEL)}
    answer = guarded.post("/predict", rows)[1]
    rules = answer.get("rules", [None] * len(rows))
    for row, prediction, told in zip(rows, answer["predictions"], rules, strict=True):
        assert prediction == alone[id(row)]["prediction"]
        assert (told or {}).get("rule") == alone[id(row)].get("rule")


def test_inference_by_tensors_does_not_go_around_the_rules(guarded):
    tensor = {"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 0, 0]}
    said = "late has safeguards, which judge raw rows, not tensors; post rows to /endpoints/late/predict"
    for path in ("/v2/models/late/infer", "/v2/models/late/versions/3/infer"):
        assert guarded.post(path, {"inputs": [tensor]}) == (400, {"error": said})
    _, _, about = guarded.call("GET", "/v2/models/late")
    assert about["parameters"] == {"release": "release:late@3", "digest": DIGEST, "safeguards": True, "infer": False}
    assert "infer" not in guarded.call("GET", "/")[2]["endpoints"]["late"]


def test_the_document_describes_what_is_answered(guarded):
    _, _, document = guarded.call("GET", "/openapi.json")
    operation = document["paths"]["/endpoints/late/predict"]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    valid = Draft202012Validator({**schema, "components": document["components"]})
    for body in (FAR, VIP, UNSURE, SURE, MODEL, [MODEL, FAR], [MODEL], [FAR]):
        valid.validate(guarded.post("/predict", body)[1])
    assert not valid.is_valid({"prediction": None, "rule": "other", "release": "r", "digest": "d"})
    infer = document["paths"]["/v2/models/late/infer"]["post"]
    assert "200" not in infer["responses"]


def test_rows_that_rules_answer_never_reach_the_model_or_the_projects_code(tmp_path):
    one = loaded(tmp_path / "r", function="failing_features")
    assert once(one, [FAR, VIP])["predictions"] == [None, {"label": False}]
    with pytest.raises(Invalid, match="failing_features"):
        once(one, [FAR, MODEL])


def test_a_mistake_in_a_row_keeps_its_place(tmp_path):
    folder = echo_release(tmp_path / "echo", ["i64"], columns=1)
    signature = msgspec.json.decode((folder / "signature.json").read_bytes())
    signature["columns"][0]["nullable"] = True
    (folder / "signature.json").write_bytes(msgspec.json.encode(signature))
    rules = [Rule(name="big", when="i64 > 5", answer=1.5)]
    (folder / "safeguards.json").write_bytes(msgspec.json.encode(rules))
    (folder / "seen.json").write_bytes(msgspec.json.encode(Seen()))
    one = load(folder, endpoint="echo", release="release:echo@1", digest=DIGEST)
    assert once(one, [{"i64": 6}, {"i64": 2}])["predictions"] == [{"value": 1.5}, {"value": 2}]
    with pytest.raises(Invalid, match=r"^\$\[2\]\.i64"):
        once(one, [{"i64": 6}, {"i64": 2}, {"i64": None}])
    with pytest.raises(Invalid, match=r"^\$\.i64"):
        once(one, {"i64": None})


@pytest.mark.parametrize(("function", "takes"), [("row_features", "row"), ("pandas_features", "pandas")])
def test_rules_judge_raw_rows_whatever_features_take(tmp_path, function, takes):
    one = loaded(tmp_path / "r", function=function, takes=takes)
    assert [r and r["rule"] for r in once(one, [FAR, MODEL, UNSURE])["rules"]] == ["far", None, "unsure"]


def test_a_probability_is_judged_as_the_caller_reads_it(tmp_path):
    """0.7 as a 32-bit float is a little more or less than 0.7."""
    p = once(loaded(tmp_path / "a", rules=()), MODEL)["prediction"]["probabilities"]["true"]
    rules = (Rule(name="at", when=f"confidence == {p!r}", answer=True), Rule(name="off", when="true", answer=False))
    assert once(loaded(tmp_path / "b", rules=rules[:1]), MODEL)["rule"] == "at"
    below = (Rule(name="below", when=f"confidence < {p!r} or confidence > {p!r}", answer=True),)
    assert "rule" not in once(loaded(tmp_path / "c", rules=below), MODEL)


# --- releases that are not what they should be


@pytest.mark.parametrize(
    ("name", "data", "error", "message"),
    [
        ("safeguards.json", b"{", Corrupt, "safeguards.json does not spell what belongs there"),
        ("safeguards.json", b"[" * 100_000, Corrupt, "safeguards.json does not spell"),
        ("safeguards.json", b'[{"name":"a","when":"x > 1","answer":"review"}]', Invalid, "the safeguard a: no column"),
        ("safeguards.json", b'[{"name":"a","when":"distance > 1","answer":3}]', Invalid, "the answer '3' is no class"),
        ("seen.json", b"[]", Corrupt, "seen.json does not spell"),
        ("seen.json", b"{}", Corrupt, "seen.json does not say what was seen of 'carrier'"),
        ("seen.json", None, Corrupt, "the release has safeguards.json and no seen.json"),
    ],
)
def test_a_release_whose_rules_cannot_be_judged_is_not_loaded(tmp_path, name, data, error, message):
    folder = release(tmp_path / "r")
    (folder / name).unlink()
    if data is not None:
        (folder / name).write_bytes(data)
    with pytest.raises(error, match=message):
        load(folder, endpoint="late", release="release:late@3", digest=DIGEST)


def test_a_model_without_probabilities_has_no_confidence(tmp_path):
    folder = echo_release(tmp_path / "echo", ["i64", "i8"], columns=1)
    (folder / "safeguards.json").write_bytes(msgspec.json.encode([Rule(name="a", when="prediction > 1", answer=1)]))
    (folder / "seen.json").write_bytes(b"{}")
    with pytest.raises(Invalid, match="this model gives no value alone"):
        load(folder, endpoint="echo", release="release:echo@1", digest=DIGEST)


# --- a model of rules


def ruled(folder, own=None):
    folder.mkdir()
    rules = [Rule(name="far", when="distance > 5000", answer=True), Rule(name="default", when="true", answer=False)]
    facts = {**msgspec.to_builtins(late_signature()), "inputs": [], "outputs": [], "row": None}
    (folder / "signature.json").write_bytes(msgspec.json.encode(facts))
    (folder / "rules.json").write_bytes(msgspec.json.encode(rules if own is None else own))
    return folder


def test_rules_alone_are_served_by_rows_and_say_that_they_take_no_tensors(tmp_path):
    one = load(ruled(tmp_path / "r"), endpoint="late", release="release:late@3", digest=DIGEST)
    with Live([one]) as live:
        _, answer = live.post("/predict", [FAR, MODEL])
        assert answer["predictions"] == [{"label": True}, {"label": False}]
        assert answer["rules"] == [{"rule": "far"}, {"rule": "default"}]
        assert live.post("/predict", MODEL)[1]["rule"] == "default"
        assert live.post("/predict", {"distance": "far"})[0] == 422
        said = "late is made of rules, which judge raw rows, not tensors; post rows to /endpoints/late/predict"
        assert live.post("/v2/models/late/infer", {"inputs": []}) == (400, {"error": said})
        _, _, about = live.call("GET", "/v2/models/late")
        assert (about["platform"], about["inputs"], about["outputs"]) == ("arkwright_rules", [], [])
        assert about["parameters"]["infer"] is False
        _, _, document = live.call("GET", "/openapi.json")
        operation = document["paths"]["/endpoints/late/predict"]["post"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer)


def test_rules_that_leave_a_row_unanswered_are_not_loaded(tmp_path):
    folder = ruled(tmp_path / "r", [Rule(name="far", when="distance > 5000", answer=True)])
    with pytest.raises(Corrupt, match=r"rules\.json says nothing of a row that none of its rules fits"):
        load(folder, endpoint="late", release="release:late@3", digest=DIGEST)


def test_rules_judge_json_and_nothing_goes_around_them_as_a_stream(guarded):
    arrow = "application/vnd.apache.arrow.stream"
    status, _, answer = guarded.call("POST", "/predict", b"stream", {"Content-Type": arrow})
    assert (status, answer["error"]) == (415, "late has rules, which judge rows in JSON; send no Arrow stream")
    asked = {"Content-Type": "application/json", "Accept": arrow}
    status, _, answer = guarded.call("POST", "/predict", MODEL, asked)
    assert (status, answer["error"]) == (406, "late has rules, and answers name them in JSON; ask for application/json")
