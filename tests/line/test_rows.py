"""Features of one row at a time: the same function on the same objects in training and at the endpoint."""

import base64
import json
import re

import polars as pl
import pytest
from tests.line.test_projects import ANA, BEN, forms, write

from arkwright.api import build, decide
from arkwright.api.endpoints import answer, rollout
from arkwright.core.errors import Invalid
from arkwright.sites import local
from arkwright.train import keep

ROW = """
row    = "Row"
"""
HEAD = """
from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, TypedDict

import msgspec
import polars as pl
from sklearn.linear_model import LogisticRegression

@dataclass
class Row:
    id: int
    day: date
    color: str
    size: float
    weight: float | None
    y: int

def m(features: pl.DataFrame, y: pl.Series, seed: int) -> LogisticRegression:
    return LogisticRegression(random_state=seed).fit(features, y)
"""
CODE = {
    "frame": """
def features(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.col("size"),
        pl.col("weight").fill_null(7).alias("weight"),
        (pl.col("color") == "red").cast(pl.Int64).alias("red"),
        pl.col("day").dt.month().cast(pl.Int64).alias("month"),
    ).to_pandas().pipe(pl.from_pandas)
""",
    "dataclass": """
@dataclass
class Given:
    color: str
    size: float
    weight: float | None
    day: date

def features(rows: Given) -> dict:
    assert rows.weight is None or type(rows.weight) is float
    weight = 7 if rows.weight is None else rows.weight
    return {"size": rows.size, "weight": weight, "red": int(rows.color == "red"), "month": rows.day.month}
""",
    "struct": """
class Given(msgspec.Struct):
    color: str
    size: float
    weight: float | None
    day: date

class Made(msgspec.Struct):
    size: float
    weight: float
    red: int
    month: int

def features(rows: Given) -> Made:
    return Made(rows.size, 7.0 if rows.weight is None else rows.weight, int(rows.color == "red"), rows.day.month)
""",
    "typed dict": """
class Given(TypedDict):
    color: str
    size: float
    weight: float | None
    day: date

@dataclass
class Made:
    size: float
    weight: float
    red: int
    month: int

def features(rows: "Given") -> Made:
    assert type(rows) is dict
    weight = 7.0 if rows["weight"] is None else rows["weight"]
    return Made(rows["size"], weight, int(rows["color"] == "red"), rows["day"].month)
""",
    "for the type checker": """
if TYPE_CHECKING:
    from given import Given

def features(rows: Given) -> dict:
    weight = 7 if rows.weight is None else rows.weight
    return {"size": rows.size, "weight": weight, "red": int(rows.color == "red"), "month": rows.day.month}
""",
}
GIVEN = """
import datetime
from dataclasses import dataclass

@dataclass
class Given:
    color: str
    size: float
    weight: float | None
    day: datetime.date
"""
ASKED = [
    {"id": 1, "day": "2025-01-01", "color": "red", "size": 40.5, "weight": None},
    {"id": 2, "day": "2025-07-09", "color": "blue", "size": 3, "weight": 11.25},
    {"id": 3, "day": "2025-12-31", "color": "green", "size": 25.5, "weight": 2},
]


def answers(folder, asked=ASKED):
    """What the endpoint answers to these rows, once the project was walked, signed and promoted."""
    site = local(folder)
    result = build.run(site, ANA, folder)
    assert result.problem is None, result.problem
    decide.sign(site, BEN, folder, release="m")
    rollout.promote(site, ANA, folder, release="m")
    said = answer.predict(site, ANA, folder, endpoint="m", rows=json.dumps(asked).encode())["predictions"]
    return [a["probabilities"]["1"] for a in said], result


def project(folder, form):
    folder = write(folder, HEAD + CODE[form], row=ROW)
    (folder / "given.py").write_text(GIVEN)
    return folder


@pytest.fixture(scope="module")
def by_frames(tmp_path_factory):
    folder = project(tmp_path_factory.mktemp("frames") / "p", "frame")
    return folder, *answers(folder)


def test_what_was_trained_answers_so_too(by_frames):
    folder, said, result = by_frames
    (digest,) = result.outcomes["m"].trained.files.values()
    estimator = keep.load(local(folder).store.path(digest))
    given = pl.DataFrame(
        {"size": [40.5, 3.0, 25.5], "weight": [7.0, 11.25, 2.0], "red": [1, 0, 0], "month": [1, 7, 12]}
    )
    assert said == pytest.approx(list(estimator.predict_proba(given)[:, 1]), abs=1e-6)


@pytest.mark.parametrize("form", [name for name in CODE if name != "frame"])
def test_by_rows_the_model_and_its_answers_are_those_by_frames(tmp_path, by_frames, form):
    said, result = answers(project(tmp_path / "p", form))
    assert result.outcomes["m"].trained.files == by_frames[2].outcomes["m"].trained.files
    assert said == by_frames[1]
    assert forms(result) == ["onnx"]
    notes = {c.name: c.note for c in result.outcomes["m"].measured.candidates}
    assert notes["onnx, features inside"].startswith("features() takes one row at a time")
    measured = {f.promise: f.value for f in result.outcomes["m"].findings}
    assert measured["agreement >= 0.97"] == 1.0


def test_a_time_comes_in_utc_and_bytes_as_bytes_in_training_and_in_serving(tmp_path):
    code = """
    from dataclasses import dataclass
    from datetime import datetime

    import pyarrow as pa
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    @dataclass
    class Given:
        at: datetime
        raw: bytes

    def rows(table: pa.Table) -> pa.Table:
        n = table.num_rows
        at = pa.array([datetime(2025, 1, 1, i % 24) for i in range(n)], pa.timestamp("us"))
        size = table["size"].to_pylist()
        return pa.table({
            "at": at, "raw": pa.array([bytes([int(s), 255]) for s in size], pa.binary()),
            "color": table["color"], "y": table["y"],
        })

    def features(rows: Given) -> dict:
        assert rows.at.tzinfo is None
        return {"hour": rows.at.hour, "first": rows.raw[0]}

    def m(features: pd.DataFrame, y: pd.Series) -> LogisticRegression:
        return LogisticRegression().fit(features, y)
    """
    folder = write(tmp_path / "p", code)
    toml = (folder / "arkwright.toml").read_text()
    source = '[data.table]\nsource = "rows.csv"\n'
    (folder / "arkwright.toml").write_text(toml.replace('source = "rows.csv"', "") + source)
    asked = [
        {"at": at, "raw": base64.b64encode(bytes([3, 255])).decode(), "color": "red"}
        for at in ("2025-01-01T12:00:00", "2025-01-01T12:00:00Z", "2025-01-01T14:00:00+02:00", "2025-01-01T14:00:00")
    ]
    said, _ = answers(folder, asked)
    assert said[0] == said[1] == said[2] != said[3]


def test_a_row_class_is_held_against_the_columns_of_a_source_too(tmp_path):
    """They are known only once it is read."""
    folder = project(tmp_path / "p", "dataclass")
    toml = (folder / "arkwright.toml").read_text()
    (folder / "arkwright.toml").write_text(toml.replace(ROW, ""))
    code = (folder / "p.py").read_text()
    (folder / "p.py").write_text(code.replace("weight: float | None\n    day: date", "weigth: float\n    day: str"))
    with pytest.raises(Invalid) as caught:
        build.run(local(folder), ANA, folder)
    assert re.fullmatch(
        r'p.py:\d+ in features: Given.weigth is no column of rows; did you mean "weight"\?; '
        "Given.day is hinted as str, and the column of rows is date",
        str(caught.value),
    )
