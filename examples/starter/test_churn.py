"""Your functions need no Arkwright to be tested. Run: pytest"""

from datetime import date

import polars as pl
from churn import churn, features

ROW = {
    "customer_id": 1,
    "joined": date(2025, 1, 1),
    "plan": "basic",
    "country": "DE",
    "monthly_price": 9.9,
    "support_calls": 2,
    "minutes_used": None,
}


def test_features_fill_what_is_missing() -> None:
    made = features(pl.DataFrame([ROW], schema_overrides={"minutes_used": pl.Float64}))
    assert made["minutes_used"].to_list() == [240.0]
    assert made["basic"].to_list() == [1.0]


def test_more_support_calls_mean_more_risk() -> None:
    rows = [ROW | {"support_calls": calls, "minutes_used": 200.0} for calls in range(8)]
    made = features(pl.DataFrame(rows))
    model = churn(made, pl.Series("left", [0, 0, 0, 0, 1, 1, 1, 1]), seed=0)
    risk = model.predict_proba(made)[:, 1]
    assert list(risk) == sorted(risk)
