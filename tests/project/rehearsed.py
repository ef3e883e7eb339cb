"""A rehearsal of the small project, changed as a test needs it; and its mistakes, each with file and line."""

import re

import pytest

from arkwright.core.errors import Invalid
from arkwright.infra.duckdb_tables import DuckTables
from arkwright.project import loaded, rehearse

FEATURES = 'return visits.select(pl.col("spent"), pl.col("age").fill_null(40).cast(pl.Float64))'
VISITS = 'return buyers.select("country", "spent", "age", "again")'
PLACE = re.compile(r"(shop\.py|arkwright\.toml|\w+\.sql):\d+(:| in )")


def plan(shop):
    return rehearse.rehearse(loaded.load(shop.folder), DuckTables(shop.folder / "tmp"))


def mistakes(shop):
    """The lines that a person reads, each with file and line."""
    with pytest.raises(Invalid) as caught:
        plan(shop)
    found = str(caught.value).splitlines()
    for line in found:
        assert PLACE.match(line), line
    return found


def at(shop, file, text):
    """`shop.py:12` for the line that holds a text."""
    lines = (shop.folder / file).read_text().splitlines()
    return f"{file}:{next(n for n, line in enumerate(lines, 1) if text in line)}"


def features(shop, body):
    shop.edit("shop.py", FEATURES, body)


def visits(shop, body):
    shop.edit("shop.py", VISITS, body)


def by_sql(shop, sql, name="visits"):
    """Make the dataset by SQL instead of the function."""
    shop.edit("shop.py", f"def {name}(", f"def no_{name}(")
    (shop.folder / f"{name}.sql").write_text(sql)
