"""How it is done: the row that is promised, the features, the model. Plain functions, tested as such."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import polars as pl
from msgspec import Meta
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

TODAY = date(2026, 1, 1)


@dataclass
class Customer:
    """One row of customers.csv, and what a caller of the endpoint sends (without `left`)."""

    customer_id: int
    joined: date
    plan: Literal["basic", "plus", "pro"]
    country: str
    monthly_price: Annotated[float, Meta(ge=0)]
    support_calls: Annotated[int, Meta(ge=0)]
    minutes_used: float | None
    left: Literal[0, 1]


def features(customers: pl.DataFrame) -> pl.DataFrame:
    """The same function prepares the training rows and the live ones."""
    months = (pl.lit(TODAY) - pl.col("joined")).dt.total_days() / 30
    return customers.select(
        pl.col("monthly_price"),
        pl.col("support_calls").cast(pl.Float64),
        pl.col("minutes_used").fill_null(240.0),
        months.alias("months"),
        (pl.col("plan") == "basic").cast(pl.Float64).alias("basic"),
    )


def churn(features: pl.DataFrame, left: pl.Series, seed: int) -> Pipeline:
    """The parameter names say what it is made from; it returns a fitted estimator."""
    return make_pipeline(StandardScaler(), LogisticRegression(random_state=seed)).fit(features, left)
