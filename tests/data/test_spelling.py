"""Columns whose names look like the ones asked for, and are spelt in another Unicode form."""

from unicodedata import normalize

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arkwright.core.rows import Field
from arkwright.data.ingest import ingest

TWO_DOTS = normalize("NFD", "größe")
MICRO = "\u00b5g"  # Python reads it as a Greek letter
GREEK = "\u03bcg"


def read(tmp_path, row, name, data):
    (tmp_path / name).write_bytes(data.encode())
    found = ingest(
        name,
        folder=tmp_path,
        row=row and tuple(Field(one, "int", nullable=False, annotation=int) for one in row),
        null=("",),
        out=tmp_path / "rows.parquet",
        quarantine=tmp_path / "bad.parquet",
        say=lambda _: None,
    )
    return found, pq.read_table(tmp_path / "rows.parquet").to_pydict()


@pytest.mark.parametrize("row", [("größe", GREEK), None])
def test_csv(tmp_path, row):
    found, table = read(tmp_path, row, "a.csv", f"{MICRO},{TWO_DOTS}\n1,2\n3,4\n")
    assert table == {(row and GREEK) or MICRO: [1, 3], "größe": [2, 4]}
    assert found.quarantined == 0


def test_json_lines(tmp_path):
    lines = f'{{"{TWO_DOTS}": 1}}\n{{"{TWO_DOTS}": "x"}}\n'
    found, table = read(tmp_path, ("größe",), "a.jsonl", lines)
    assert table == {"größe": [1]}
    assert found.reasons == {"größe is not an int": 1}
    bad = pq.read_table(tmp_path / "bad.parquet").to_pydict()
    assert bad["reason"] == ['größe: "x" is not an int']


@pytest.mark.parametrize("row", [("größe",), None])
def test_two_spellings_in_one_file_are_two_columns(tmp_path, row):
    _, table = read(tmp_path, row, "a.csv", f"größe,{TWO_DOTS}\n1,2\n")
    assert table == ({"größe": [1]} if row else {"größe": [1], TWO_DOTS: [2]})


def test_parquet(tmp_path):
    pq.write_table(pa.table({TWO_DOTS: [1], "other": [2]}), tmp_path / "b.parquet")
    data = (tmp_path / "b.parquet").read_bytes()
    (tmp_path / "c.parquet").write_bytes(data)
    found = ingest(
        "c.parquet", folder=tmp_path, row=None, null=("",), out=tmp_path / "rows.parquet",
        quarantine=tmp_path / "bad.parquet", say=lambda _: None,
    )  # fmt: skip
    assert [column.name for column in found.columns] == ["größe", "other"]
