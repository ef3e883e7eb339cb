"""The endpoints through the control room, as programs ask them."""

import time

import pytest
from tests.rest.conftest import up

ROW = {"country": "DE", "spent": 90.5, "age": None}


@pytest.fixture(scope="module")
def room(walked, tmp_path_factory, shop_at):
    import shutil

    from tests.api.conftest import Site

    folder = tmp_path_factory.mktemp("room") / "shop"
    shop = shop_at(folder)
    shutil.copytree(walked / ".arkwright", folder / ".arkwright")
    with up(Site(shop)) as made:
        sign(made)
        promote(made)
        yield made


def sign(room, release="buys"):
    for name, role in (("ben", "model-owner"), ("cleo", "operations")):
        answer = room.ask("POST", "/api/sign", {"release": release, "role": role}, by=name)
        assert answer.status == 200, answer.data


def promote(room, **words):
    answer = room.ask("POST", "/api/promote", {"release": "buys", **words})
    assert answer.status == 200, answer.data
    ready(room)


def ready(room, seconds=15):
    end = time.monotonic() + seconds
    while True:
        if room.ask("GET", "/health", by=None).status == 200 and predict(room).status == 200:
            return
        assert time.monotonic() < end, (room.ask("GET", "/health", by=None).data, predict(room).data)
        time.sleep(0.05)


def predict(room, row=ROW, **words):
    return room.ask("POST", "/endpoints/buys/predict", row, **words)


def problem(answer):
    told = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["status"] == answer.status
    return told["detail"]


def test_a_prediction(room):
    answer = predict(room, by="vera", X_Request_Id="mine-1")
    assert answer.status == 200, answer.data
    assert answer.json()["prediction"]["label"] == 1
    assert answer.headers["X-Request-Id"] == "mine-1"
