"""SQLite: read as it is, and left as it was."""

import hashlib
from dataclasses import dataclass
from datetime import date

import pytest
from pysqlite3 import dbapi2 as sqlite

from arkwright.core.errors import Invalid, Unknown


@dataclass
class Order:
    id: int
    price: float | None
    note: str | None
    day: date | None
    paid: bool | None


@pytest.fixture
def shop(house):
    with sqlite.connect(house.folder / "shop.db") as database:
        database.execute('CREATE TABLE "order" (id, price, note, day, paid)')
        database.executemany(
            'INSERT INTO "order" VALUES (?, ?, ?, ?, ?)',
            [
                (1, 2.5, "q", "2013-01-01", 1),
                (2.0, 3, None, None, None),
                ("x", 1, "", None, 0),
                (4, None, b"\xff", None, 1),
            ],
        )
    database.close()
    return house


def state(house) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in house.folder.iterdir()}


def test_a_table(shop):
    before = state(shop)
    assert shop.read("sqlite:///shop.db?table=order", Order) == [
        {"id": 1, "price": 2.5, "note": "q", "day": date(2013, 1, 1), "paid": True},
        {"id": 2, "price": 3.0, "note": None, "day": None, "paid": None},
    ]
    assert shop.reasons == {3: 'id: "x" is not an int', 4: r'note: "\\xff" is not a str'}
    assert state(shop) == before


def test_a_query_is_taken_as_it_is_written(shop):
    query = "SELECT id + 1 AS id, note FROM \"order\" WHERE note LIKE '%q%' AND 1 = 1 & 1 ORDER BY id"
    assert shop.read(f"sqlite:///shop.db?query={query};") == [{"id": 2, "note": "q"}]
    assert shop.read(f"sqlite:///{shop.folder}/shop.db?query={query}") == [{"id": 2, "note": "q"}]


@pytest.mark.parametrize("still_open", [False, True])
def test_a_database_in_wal_mode_is_left_as_it_was(shop, still_open):
    database = sqlite.connect(shop.folder / "shop.db")
    database.execute("PRAGMA journal_mode = wal")
    database.execute("INSERT INTO \"order\" VALUES (5, 1, 'new', NULL, 1)")
    database.commit()
    if not still_open:
        database.close()
    before = state(shop)
    assert [row["id"] for row in shop.read("sqlite:///shop.db?table=order", Order)] == [1, 2, 5]
    after = state(shop)
    assert {n: d for n, d in after.items() if "-shm" not in n} == {n: d for n, d in before.items() if "-shm" not in n}
    assert after.keys() == before.keys()
    database.close()


def test_text_that_is_not_utf_8(house):
    database = sqlite.connect(house.folder / "x.db")
    database.execute("CREATE TABLE t (a)")
    database.execute("INSERT INTO t VALUES (CAST(x'636166e9' AS TEXT)), ('ok')")
    database.commit()
    database.close()
    assert house.read("sqlite:///x.db?table=t", type("R", (), {"__annotations__": {"a": str}})) == [{"a": "ok"}]
    assert "is not UTF-8" in house.reasons[1]


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("sqlite:///shp.db?table=order", Unknown, 'did you mean "shop.db"?'),
        ("sqlite:///shop.db?table=orders", Unknown, "shop.db has no table 'orders'; did you mean \"order\"?"),
        ("sqlite:///shop.db", Invalid, "names one table or one query"),
        ("sqlite:///shop.db?table=a&query=SELECT 1", Invalid, "names one table or one query"),
        ("sqlite:///shop.db?tabel=order", Invalid, 'did you mean "table"?'),
        ("sqlite://shop.db?table=order", Invalid, "three slashes for a path in the project: sqlite:///shop.db"),
        ('sqlite:///shop.db?query=DELETE FROM "order"', Invalid, "a query only reads"),
        ("sqlite:///shop.db?query=ATTACH 'evil.db' AS e", Invalid, "a query only reads"),
        ("sqlite:///shop.db?query=PRAGMA user_version = 5", Invalid, "a query only reads"),
        ("sqlite:///shop.db?query=SELECT 1 AS a; SELECT 2", Invalid, "one statement"),
        ("sqlite:///shop.db?query=SELECT 1 AS a, 2 AS a", Invalid, "the column 'a' occurs twice"),
        ("sqlite:///shop.db?query=SELEC 1", Invalid, 'near "SELEC": syntax error'),
        ("sqlite:///not.db?table=t", Invalid, "file is not a database"),
    ],
)
def test_what_is_refused(shop, refused, source, kind, message):
    shop.put("not.db", "x" * 5000)
    before = state(shop)
    assert message in refused(source, Order, kind)
    assert state(shop) == before


def test_a_name_cannot_become_sql(shop, refused):
    refused('sqlite:///shop.db?table=order" WHERE 0; DROP TABLE "order', Order, Unknown)
    assert shop.read("sqlite:///shop.db?table=order", Order)


def test_types_from_its_values(house):
    database = sqlite.connect(house.folder / "x.db")
    database.execute("CREATE TABLE t (i, f, s, d, n, b)")
    database.execute(
        "INSERT INTO t VALUES (1, 1, 'x', '2013-01-01', NULL, x'00'), (2, 1.5, '1', '2013-01-02', NULL, NULL)"
    )
    database.commit()
    database.close()
    house.read("sqlite:///x.db?table=t")
    assert house.types == {"i": "int", "f": "float", "s": "str", "d": "date", "n": "float?", "b": "bytes?"}
