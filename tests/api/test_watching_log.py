"""The log as a watch counts it: columns by the names that people say, and every probability that was given."""

import numpy as np
import pyarrow as pa
from tests.api.test_watching_labels import logged, some, yes

from arkwright.api import watching_log
from arkwright.core.nouns import Column
from arkwright.core.signature import Signature
from arkwright.monitor.counting import Answered, Counts, reference

__all__ = ["logged"]


def test_what_a_rule_answered_takes_no_probability_from_the_others(logged):
    rows, p, truth = some(200)
    table = pa.table({"country": [row["country"] for row in rows], "answer_prediction": (p >= 0.5).astype(str)})
    judged = reference(table, Answered(p[:, None], (p >= 0.5).astype(int)), truth, ("country",))
    by_rule = [{"prediction": {"label": 1}, "rule": "vip"}, {"prediction": {"label": None}, "rule": "vip"}]
    logged.answer([*rows, {"country": "DE"}, {}], [*map(yes, p), *by_rule])
    window, whole = logged.window(), Counts()
    for block in watching_log.log(logged.site, logged.folder, window.release).scan(0, int(window.until.timestamp())):
        assert set(block.table.column_names) >= {"at", "country", "prediction", "answer_prediction"}
        whole += judged.count(block.table, block.answered)
    assert whole.rows == 202
    assert whole.scores.n == 200
    assert np.array_equal(whole.scores.counts["country=DE"], judged.judged[1].counts["country=DE"])


def test_which_columns_are_times():
    kinds = {"asked_at": "datetime", "day": "date", "spent": "float", "country": "str"}
    columns = tuple(Column(name=name, type=kind) for name, kind in kinds.items())
    taken = Signature(model="m", task="classification", target="again", columns=columns, inputs=(), outputs=())
    assert watching_log.Layout(taken).times == {"asked_at", "day"}
