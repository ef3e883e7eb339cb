"""Warn the gate, an hour before departure, that a flight will land 30 or more minutes late.

`legs.sql`, `board.sql` and `departures.sql` make the data; this file says what a row is and what
learns from it.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from lightgbm import LGBMClassifier


@dataclass
class Flight:
    year: int
    month: int
    day: int
    dep_time: int | None  # hhmm, New York; missing when cancelled
    sched_dep_time: int
    dep_delay: int | None  # minutes
    arr_time: int | None  # hhmm, the destination's clock
    sched_arr_time: int
    arr_delay: int | None  # minutes; missing when cancelled or diverted
    carrier: str
    flight: int
    tailnum: str | None
    origin: str
    dest: str
    air_time: int | None
    distance: int
    hour: int  # of the planned departure, New York
    minute: int
    time_hour: datetime  # that hour, UTC


@dataclass
class Weather:
    origin: str
    year: int
    month: int
    day: int
    hour: int
    temp: float | None
    dewp: float | None
    humid: float | None
    wind_dir: int | None
    wind_speed: float | None
    wind_gust: float | None
    precip: float | None
    pressure: float | None
    visib: float | None
    time_hour: datetime  # UTC


@dataclass
class Plane:
    tailnum: str
    year: int | None
    type: str
    manufacturer: str
    model: str
    engines: int
    seats: int
    speed: int | None
    engine: str


@dataclass
class Airport:
    faa: str
    name: str
    lat: float
    lon: float
    alt: int
    tz: int  # hours from UTC in winter
    dst: str  # A: keeps summer time, N: does not
    tzone: str | None


@dataclass
class Departure:
    """What is known of a flight an hour before it is due, and whether it then landed late."""

    scheduled_at: datetime  # UTC
    carrier: str
    flight: int
    origin: str
    dest: str
    minute_of_day: int  # New York
    distance: int
    planned_minutes: int
    seats: int | None
    plane_year: int | None
    airport_waiting: float  # flights due out of this airport and not gone
    airport_delay: float | None  # mean minutes of the departures of the last two hours
    airline_waiting: float
    airline_delay: float | None
    dest_waiting: float  # flights due out of any airport for this destination and not gone
    dest_delay: float | None  # mean minutes of the arrivals there, last four hours
    inbound_delay: int | None  # of this aircraft's last arrival
    inbound_slack: int | None  # minutes between its expected return and this departure
    temp: float | None
    dewp: float | None
    wind_dir: int | None
    wind_speed: float | None
    precip: float | None
    pressure: float | None
    visib: float | None
    late: int


CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
ORIGINS = ["EWR", "JFK", "LGA"]
AS_THEY_ARE = [
    "minute_of_day", "distance", "planned_minutes", "seats", "plane_year",
    "airport_waiting", "airport_delay", "airline_waiting", "airline_delay", "dest_waiting", "dest_delay",
    "inbound_delay", "inbound_slack",
    "temp", "dewp", "wind_dir", "wind_speed", "precip", "pressure", "visib",
]  # fmt: skip


def features(departures: pl.DataFrame) -> pl.DataFrame:
    """Numbers only. A missing value stays missing, and a name never seen before becomes missing."""

    def place(column: str, names: list[str]) -> pl.Expr:
        return pl.col(column).replace_strict(names, range(len(names)), default=None)

    # In 128ths, which float32 holds exactly, as it holds the middle of any two, where trees split: so the model
    # answers the same in float32, as a graph, as in float64, where it learnt.
    made = departures.select(place("carrier", CARRIERS), place("origin", ORIGINS), pl.col(AS_THEY_ARE))
    return made.select(((pl.all().cast(pl.Float64) * 128).round() / 128).cast(pl.Float32))


def late(features: pl.DataFrame, late: pl.Series, seed: int) -> LGBMClassifier:
    """Small trees that each see half of the columns: the weather of one season is not that of the next."""
    model = LGBMClassifier(
        n_estimators=200,
        learning_rate=0.05,
        num_leaves=31,
        min_child_samples=200,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.5,
        reg_lambda=5.0,
        random_state=seed,
        n_jobs=1,  # as fast as many on two seconds' work, and faster on a busy machine
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    return model.fit(features, late)
