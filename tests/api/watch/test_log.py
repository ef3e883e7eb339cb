"""The log of a release, as promises speak of it."""

import pyarrow as pa

from arkwright.api.watch.log import Layout
from arkwright.core.nouns import Column
from arkwright.core.signature import Signature
from arkwright.serve.tap.tables import placed


def test_a_column_that_is_called_as_the_time_of_the_answer_is_another():
    columns = (Column(name="at", type="float"),)
    layout = Layout(Signature(model="m", task="regression", target="y", columns=columns, inputs=(), outputs=()))
    rows, answers = placed(columns, ())
    said = {
        "at": pa.array([0, 86_400_000_000], pa.timestamp("us")),
        rows[0].name: [1.0, 2.0],
        answers[0].name: [3.0, 4.0],
    }
    block = layout.block(pa.table(said))
    assert block.table.column("at").to_pylist() == [1.0, 2.0]
    assert block.table.column("prediction").to_pylist() == [3.0, 4.0]
    assert (block.seconds[1] - block.seconds[0]) == 86_400


def test_which_columns_always_move():
    kinds = {"asked_at": "datetime", "day": "date", "spent": "float", "country": "str"}
    columns = tuple(Column(name=name, type=kind) for name, kind in kinds.items())
    taken = Signature(
        model="m", task="classification", target="again", columns=columns, inputs=(), outputs=(), key=("country",)
    )
    assert Layout(taken).moving == {"asked_at", "day", "country"}
