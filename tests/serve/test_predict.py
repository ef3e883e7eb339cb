import msgspec
import pytest

from .conftest import DIGEST, Live, late_probability, loaded_late

ROW = {"distance": 1200.0, "carrier": "UA", "delay": 4.0}


def test_one_row_is_answered_with_an_object(late):
    status, headers, answer = late.call("POST", "/predict", ROW)
    assert status == 200
    p = late_probability(**ROW)
    assert answer["prediction"]["label"] is True
    assert answer["prediction"]["probabilities"] == pytest.approx({"false": 1 - p, "true": p}, abs=1e-6)
    assert (answer["release"], answer["digest"]) == ("release:late@3", DIGEST)
    assert (headers["Arkwright-Release"], headers["Arkwright-Digest"]) == ("release:late@3", DIGEST)


def test_rows_are_answered_in_order(late):
    rows = [{"distance": d, "carrier": "AA", "delay": None} for d in range(100)]
    status, answer = late.post("/endpoints/late/predict", rows)
    assert status == 200
    found = [p["probabilities"]["true"] for p in answer["predictions"]]
    assert found == pytest.approx([late_probability(d, "AA", None) for d in range(100)], abs=1e-6)


def test_a_nullable_field_may_be_left_out(late):
    assert late.post("/predict", {"distance": 1, "carrier": "AA"})[0] == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([ROW, ROW, ROW, ROW | {"distance": "far"}], "$[3].distance: expected float, got str"),
        (ROW | {"distance": "far"}, "$.distance: expected float, got str"),
        (ROW | {"distance": -1}, "$.distance: expected float >= 0.0"),
        (ROW | {"carrier": "ZZ"}, "$.carrier: invalid enum value 'ZZ'"),
        (ROW | {"distanse": 3}, "$: unknown field 'distanse'; did you mean \"distance\"?"),
        ([ROW, ROW | {"late": True}], "$[1]: unknown field 'late'; it is what the model predicts, so leave it out"),
        ({"carrier": "AA"}, "$: object missing required field distance"),
        (ROW | {"distance": None}, "$.distance: expected float, got null"),
        ([], "$: the list is empty; send at least one row"),
        (3, "$: expected array, got int"),
    ],
)
def test_a_bad_row_is_told_with_its_path(late, body, message):
    assert late.post("/predict", body) == (422, {"error": message})


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"distance":1,"carrier":"AA"}x', b"\xef\xbb\xbf{}", b'{"distance": NaN}', b"[] []", b"\xff"]
)
def test_what_is_no_json_is_400(late, body):
    status, answer = late.post("/predict", body)
    assert status == 400
    assert answer["error"].startswith("the body is not JSON")


@pytest.mark.parametrize("takes", ["polars", "pandas", "arrow", "row"])
def test_every_form_of_features_gives_the_same_answer(tmp_path, takes):
    rows = [ROW, {"distance": 10, "carrier": "AA"}, {"distance": 2500.5, "carrier": "AA", "delay": 60}]
    with Live([loaded_late(tmp_path, f"{takes}_features", takes)]) as live:
        status, answer = live.post("/predict", rows)
        one = live.post("/predict", rows[1])[1]["prediction"]
    assert status == 200
    expected = [late_probability(r["distance"], r["carrier"], r.get("delay")) for r in rows]
    assert [p["probabilities"]["true"] for p in answer["predictions"]] == pytest.approx(expected, abs=1e-6)
    assert one == answer["predictions"][1]


@pytest.mark.parametrize("function", ["failing_features", "exiting_features", "short_features"])
def test_failing_features_are_logged_and_not_told(tmp_path, function, caplog):
    with Live([loaded_late(tmp_path, function)]) as live:
        status, answer = live.post("/predict", ROW)
        assert (status, answer) == (500, {"error": "the endpoint late failed on this request; its log says why"})
        assert live.call("GET", "/v2/health/live")[0] == 200
    assert function in caplog.text


def test_slow_features_do_not_hold_up_health(tmp_path):
    import threading
    import time

    with Live([loaded_late(tmp_path, "slow_features")]) as live:
        slow = threading.Thread(target=live.post, args=("/predict", ROW))
        slow.start()
        time.sleep(0.1)
        start = time.perf_counter()
        assert live.call("GET", "/v2/health/live")[0] == 200
        assert time.perf_counter() - start < 0.3
        slow.join()


def test_the_answers_are_strict_json(late):
    assert msgspec.json.decode(msgspec.json.encode(late.post("/predict", [ROW])[1]))
