"""The model of examples/flights, on made-up departures: what it may see, that it repeats, and that it converts."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pl = pytest.importorskip("polars")
pytest.importorskip("lightgbm")

CODE = Path(__file__).parents[2] / "examples" / "flights" / "flights.py"


@pytest.fixture(scope="module")
def flights() -> ModuleType:
    spec = spec_from_file_location("flights_model_example", CODE)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def departures(flights: ModuleType) -> Any:
    """Late when many wait and the aircraft is behind; a tenth of every number is missing."""
    rng = np.random.default_rng(0)
    count = 6000
    columns = {name: rng.normal(50, 40, count).round(3) for name in flights.AS_THEY_ARE}
    late = columns["airport_waiting"] - columns["inbound_slack"] + rng.normal(0, 30, count) > 40
    named = {"carrier": rng.choice(flights.CARRIERS, count), "origin": rng.choice(flights.ORIGINS, count)}
    numbers = {
        name: pl.Series(values).set(pl.Series(rng.random(count) < 0.1), None) for name, values in columns.items()
    }
    return pl.DataFrame(named | numbers | {"late": late.astype(int)})


@pytest.fixture(scope="module")
def model(flights: ModuleType, departures: Any) -> Any:
    seen = departures[:4000]
    return flights.late(flights.features(seen.drop("late")), seen["late"], 0)


def test_features_do_not_need_the_answer_nor_know_every_name(flights: ModuleType, departures: Any) -> None:
    row = departures[:1].drop("late").with_columns(carrier=pl.lit("ZZ"))
    made = flights.features(row)
    assert made["carrier"].to_list() == [None]
    assert flights.features(departures.clear()).columns == made.columns
    assert set(made.dtypes) == {pl.Float32}


def test_same_seed_same_model(flights: ModuleType, departures: Any, model: Any) -> None:
    seen = departures[:4000]
    again = flights.late(flights.features(seen.drop("late")), seen["late"], 0)
    assert again.booster_.model_to_string() == model.booster_.model_to_string()


def test_it_learns(flights: ModuleType, departures: Any, model: Any) -> None:
    from sklearn.metrics import roc_auc_score

    unseen = departures[4000:]
    assert roc_auc_score(unseen["late"], model.predict_proba(flights.features(unseen))[:, 1]) > 0.8


def test_onnx_agrees(flights: ModuleType, departures: Any, model: Any) -> None:
    convert = pytest.importorskip("onnxmltools").convert_lightgbm
    runtime = pytest.importorskip("onnxruntime")
    from onnxmltools.convert.common.data_types import FloatTensorType

    unseen = flights.features(departures[4000:])
    graph = convert(model, initial_types=[("x", FloatTensorType([None, unseen.width]))], zipmap=False, target_opset=15)
    session = runtime.InferenceSession(graph.SerializeToString())
    answered = session.run(None, {"x": unseen.to_numpy()})[1]
    assert np.abs(answered - model.predict_proba(unseen)).max() < 1e-5
