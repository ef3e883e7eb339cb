"""Projects of every kind walk the whole line: frames, estimators, splits, sources, with and without features."""

import gzip
import json
import sqlite3
import textwrap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arkwright.api import build, decide
from arkwright.api.endpoints import answer, rollout
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor
from arkwright.sites import local

ANA, BEN = Actor(name="ana"), Actor(name="ben", role="owner")
TOML = """
project = "p"
owner   = "o@example.org"
purpose = "try"
code    = "p.py"

[data.rows]
source = "{source}"
{row}

[model.m]
from   = "rows"
target = "y"
task   = "{task}"
split  = {split}
groups = ["color"]

[gate.g]
promises  = [{promises}]
signed_by = ["owner"]

[endpoint.m]
model = "m"
gate  = "g"
"""
COLORS = ("red", "green", "blue")


def rows(task, count=600):
    made = []
    for i in range(count):
        size, weight = (i * 37) % 100 / 2, (i * 53) % 61 / 4
        score = size + 2 * weight + (i * 29) % 17
        y = {
            "classification": int(score > 55),
            "regression": round(score / 3, 3),
            "three": COLORS[int(score // 30) % 3],
        }[task]
        made.append({"id": i, "day": f"2025-{1 + i % 12:02}-{1 + i % 28:02}", "color": COLORS[i % 3], "size": size,
                     "weight": None if i % 11 == 0 else weight, "y": y})  # fmt: skip
    return made


def csv(made):
    return (
        "\n".join([",".join(made[0]), *(",".join("" if v is None else str(v) for v in r.values()) for r in made)])
        + "\n"
    )


def write(
    folder, code, *, task="classification", data="classification", source="rows.csv", row="", split=None, promises=()
):
    folder.mkdir()
    sentences = ", ".join(json.dumps(p) for p in (*promises, "agreement >= 0.97", "size_mb <= 5"))
    text = TOML.format(source=source, row=row, task=task, split=split or "{ test = 0.25 }", promises=sentences)
    (folder / "arkwright.toml").write_text(text)
    (folder / "p.py").write_text(textwrap.dedent(code))
    (folder / "rows.csv").write_text(csv(rows(data)))
    return folder


def released(folder):
    """Walk the line, sign, promote; what an endpoint answers to the first row, and the result of the walk."""
    site = local(folder)
    result = build.run(site, ANA, folder)
    assert result.problem is None, result.problem
    decide.sign(site, BEN, folder, release="m")
    rollout.promote(site, ANA, folder, release="m")
    names = {c.name for c in result.datasets["rows"].columns} - {"y"}
    row = {"id": 1, "day": "2025-01-01", "color": "red", "size": 40.5, "weight": None}
    body = json.dumps({k: v for k, v in row.items() if k in names}).encode()
    said = answer.predict(site, ANA, folder, endpoint="m", rows=body)["prediction"]
    return said, result


def same(folder):
    """Whether all is the same when it is made again."""
    return build.again(local(folder), ANA, folder).same


def forms(result):
    return [c.name for c in result.outcomes["m"].measured.candidates if c.chosen]


def test_xgboost_regression_on_pandas(tmp_path):
    code = """
    import pandas as pd
    from xgboost import XGBRegressor

    def features(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[["size", "weight"]].astype("float32")

    def m(features: pd.DataFrame, y: pd.Series, seed: int) -> XGBRegressor:
        return XGBRegressor(n_estimators=30, random_state=seed, n_jobs=1).fit(features, y)
    """
    folder = write(tmp_path / "p", code, task="regression", data="regression", promises=["r2 >= 0.5", "mae <= 10"])
    said, result = released(folder)
    assert 0 < said["value"] < 40
    assert forms(result) == ["onnx"]  # pandas stays in Python
    assert same(folder)


def test_raw_columns_into_a_pipeline(tmp_path):
    code = """
    import polars as pl
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def m(rows: pl.DataFrame, y: pl.Series, seed: int):
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        texts = OneHotEncoder(handle_unknown="ignore")
        prepare = make_column_transformer((texts, ["color"]), (numbers, ["size", "weight"]))
        return make_pipeline(prepare, LogisticRegression(random_state=seed)).fit(rows, y)
    """
    said, result = released(write(tmp_path / "p", code, promises=["roc_auc >= 0.7"]))
    assert set(said["probabilities"]) == {"0", "1"}
    assert forms(result) == ["onnx"]


def test_three_classes_of_text_by_group_on_arrow(tmp_path):
    code = """
    import pyarrow as pa
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    class Forest(RandomForestClassifier):
        pass

    def features(rows: pa.Table) -> pa.Table:
        return rows.select(["size", "id"])

    def m(features: pa.Table, y: pa.ChunkedArray, seed: int) -> RandomForestClassifier:
        x = np.column_stack([c.to_numpy() for c in features.columns])
        return RandomForestClassifier(30, random_state=seed).fit(x, y.to_numpy())
    """
    split = '{ by = "group", column = "day", test = 0.3 }'
    folder = write(tmp_path / "p", code, data="three", split=split, promises=["accuracy >= 0.2"])
    said, _ = released(folder)
    assert set(said["probabilities"]) == set(COLORS)
    assert said["label"] in COLORS
    assert same(folder)


def test_a_row_class_and_a_module_beside(tmp_path):
    code = """
    from dataclasses import dataclass
    from datetime import date
    from typing import Annotated, Literal

    import polars as pl
    from msgspec import Meta
    from sklearn.linear_model import LogisticRegression

    from helpers import numbers

    @dataclass
    class Row:
        id: int
        day: date
        color: Literal["red", "green", "blue"]
        size: Annotated[float, Meta(ge=0)]
        weight: float | None
        y: bool

    def features(rows: pl.DataFrame) -> pl.DataFrame:
        return numbers(rows)

    def m(features: pl.DataFrame, y: pl.Series, seed: int) -> LogisticRegression:
        return LogisticRegression(random_state=seed).fit(features, y)
    """
    folder = write(tmp_path / "p", code, row='row = "Row"', split='{ by = "time", column = "day" }')
    text = (
        "import polars as pl\n\ndef numbers(rows):\n    return rows.select('size', pl.col('weight').fill_null(7.0))\n"
    )
    (folder / "helpers.py").write_text(text)
    said, result = released(folder)
    assert isinstance(said["label"], bool)
    assert forms(result) == ["onnx, features inside"]
    first = result.outcomes["m"].model.digest
    (folder / "helpers.py").write_text(text.replace("7.0", "8.0"))
    assert build.run(local(folder), ANA, folder).outcomes["m"].model.digest != first


POLARS = """
import polars as pl
from lightgbm import LGBMClassifier

def features(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col("size").cast(pl.Float64), pl.col("weight").cast(pl.Float64))

def m(features: pl.DataFrame, y: pl.Series, seed: int) -> LGBMClassifier:
    return LGBMClassifier(n_estimators=10, random_state=seed, verbose=-1, n_jobs=1, deterministic=True).fit(features, y)
"""


def test_sources(tmp_path):
    """Rows of any kind of file, and of a database, are the same rows."""
    folder = write(tmp_path / "p", POLARS, source="sqlite:///rows.db?table=rows")
    made = rows("classification")
    with sqlite3.connect(folder / "rows.db") as base:
        base.execute("CREATE TABLE rows (id INTEGER, day TEXT, color TEXT, size REAL, weight REAL, y INTEGER)")
        base.executemany("INSERT INTO rows VALUES (:id, :day, :color, :size, :weight, :y)", made)
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(r) for r in made))
    (folder / "rows.csv.gz").write_bytes(gzip.compress(csv(made).encode()))
    pq.write_table(pa.Table.from_pylist(made), folder / "rows.parquet")
    with (folder / "arkwright.toml").open("a") as file:
        for kind in ("jsonl", "csv.gz", "parquet"):
            file.write(f'\n[data.{kind.partition(".")[0]}]\nsource = "rows.{kind}"\n')
    said, result = released(folder)
    assert {name: dataset.rows for name, dataset in result.datasets.items()} == dict.fromkeys(
        ("rows", "jsonl", "csv", "parquet"), 600
    )
    kept = [pq.read_table(local(folder).store.path(dataset.digest)).to_pylist() for dataset in result.datasets.values()]
    assert [[(row["id"], row["size"], row["weight"], row["y"]) for row in table] for table in kept] == 4 * [
        [(row["id"], row["size"], row["weight"], row["y"]) for row in made]
    ]
    assert set(said["probabilities"]) == {"0", "1"}
    assert same(folder)


def test_bad_rows_are_kept_apart_and_counted(tmp_path):
    code = (
        POLARS
        + """
from dataclasses import dataclass

@dataclass
class Row:
    id: int
    day: str
    color: str
    size: float
    weight: float | None
    y: int
"""
    )
    folder = write(tmp_path / "p", code, row='row = "Row"')
    with (folder / "rows.csv").open("a") as file:
        file.write("x,2025-01-01,red,1,1,0\n601,2025-01-01,red,large,1,0\n")
    _, result = released(folder)
    dataset = result.datasets["rows"]
    assert (dataset.rows, dataset.quarantined) == (600, 2)
    assert sum(dataset.reasons.values()) == 2
    kept = pq.read_table(local(folder).store.path(dataset.quarantine)).to_pylist()
    assert len(kept) == 2
    assert any("large" in str(row.values()) for row in kept)


def test_one_model_that_fails_does_not_keep_the_others_from_being_made(tmp_path):
    code = (
        POLARS + "\n\ndef other(features: pl.DataFrame, y: pl.Series, seed: int):\n    raise ValueError('not today')\n"
    )
    folder = write(tmp_path / "p", code)
    with (folder / "arkwright.toml").open("a") as file:
        file.write('\n[model.other]\nfrom = "rows"\ntarget = "y"\ntask = "classification"\n')
    with pytest.raises(Invalid) as told:
        build.run(local(folder), ANA, folder)
    lines = str(told.value).splitlines()
    assert lines[0].startswith("model other: p.py:")
    assert "ValueError: not today" in lines[0]
    assert lines[1:] == ["release:m@1 was made all the same"]


@pytest.mark.parametrize("by_row", [False, True], ids=["frames", "rows"])
def test_a_file_that_is_edited_during_a_run_is_recorded_and_released_as_it_ran(tmp_path, monkeypatch, by_row):
    code = """
    import os
    from pathlib import Path
    from dataclasses import dataclass

    import polars as pl
    from sklearn.linear_model import LogisticRegression
    from helper import BIGGER, edit

    @dataclass
    class Given:
        size: float

    def made(rows: pl.DataFrame) -> pl.DataFrame:
        edit("kept.sql", "SELECT nothing")
        edit("p.py", "edited = True")
        edit("helper.py", "edited = True")
        return rows

    def by_frame(kept: pl.DataFrame) -> pl.DataFrame:
        return kept.select(pl.Series("size", [x * BIGGER for x in kept["size"]]))

    def by_row(kept: Given) -> dict:
        return {"size": kept.size * BIGGER}

    def m(FEATURES: pl.DataFrame, y: pl.Series, seed: int):
        return LogisticRegression(random_state=seed).fit(FEATURES, y)
    """.replace("FEATURES", "by_row" if by_row else "by_frame")
    helper = (
        "import os\nfrom pathlib import Path\n\nBIGGER = 2.0\n\n\ndef edit(name, text):\n"
        "    (Path(os.environ['PROJECT_OF_A_TEST']) / name).write_text(text)\n"
    )
    folder = write(tmp_path / "p", code, promises=["roc_auc >= 0.6"])
    (folder / "helper.py").write_text(helper)
    (folder / "kept.sql").write_text("SELECT * FROM made")
    toml = (folder / "arkwright.toml").read_text().replace('from   = "rows"', 'from   = "kept"')
    (folder / "arkwright.toml").write_text(toml + "\n[data.made]\n\n[data.kept]\n")
    was = {name: (folder / name).read_bytes() for name in ("p.py", "helper.py", "kept.sql")}
    monkeypatch.setenv("PROJECT_OF_A_TEST", str(folder))
    result = build.run(local(folder), ANA, folder)
    assert (folder / "p.py").read_text() == (folder / "helper.py").read_text() == "edited = True"
    store, release = local(folder).store, result.outcomes["m"].release
    assert {n: store.path(release.files[f"code/{n}"]).read_bytes() for n in ("p.py", "helper.py")} == {
        n: was[n] for n in ("p.py", "helper.py")
    }
    recorded = json.loads(store.path(result.run.code).read_bytes())
    assert {name: store.path(recorded[name]).read_bytes() for name in was} == was
    lineage = json.loads(store.path(release.files["lineage.json"]).read_bytes())
    assert lineage["code"] == recorded
    assert same(folder)


@pytest.mark.parametrize("vectorizer", ["TfidfVectorizer()", "CountVectorizer(ngram_range=(1, 2))"])
def test_words_become_numbers_inside_the_graph(tmp_path, vectorizer):
    """Also where only the locale C.UTF-8 is installed, and for words of any alphabet."""
    code = f"""
    import polars as pl
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def said(rows: pl.DataFrame) -> pl.DataFrame:
        words = ["ÄPFEL und Éclairs", "gar nichts, Straße!", "ПРИВЕТ x1 _id", "a ²m", "", "äpfel"]
        text = [words[int(y) * 2 + n % 4] for n, y in enumerate(rows["y"])]
        return rows.select("color", "size", pl.Series("text", text), "y")

    def m(said: pl.DataFrame, y: pl.Series, seed: int):
        prepare = make_column_transformer(({vectorizer}, "text"), ("passthrough", ["size"]))
        return make_pipeline(prepare, LogisticRegression(random_state=seed)).fit(said, y)
    """
    folder = write(tmp_path / "p", code, promises=["roc_auc >= 0.7"])
    toml = (folder / "arkwright.toml").read_text().replace('from   = "rows"', 'from   = "said"')
    (folder / "arkwright.toml").write_text(toml + "\n[data.said]\n")
    result = build.run(local(folder), ANA, folder)
    assert result.problem is None, result.problem
    assert forms(result) == ["onnx"]
    assert next(f.value for f in result.outcomes["m"].findings if f.promise.startswith("agreement")) == 1.0
