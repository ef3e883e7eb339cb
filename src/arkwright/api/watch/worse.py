"""Why a model does worse: its answers in each cell of each column, beside those that the release was judged by.

What came is read from the log when somebody asks, so that nothing is counted by cells while nobody does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from arkwright.api.watch import labelled
from arkwright.api.watch.log import LoggedWindow
from arkwright.core.promises import Call, Name, Value
from arkwright.measures import expected, losses, traffic, worse
from arkwright.measures.causes import Explained, worst_first
from arkwright.measures.evaluation import Array
from arkwright.measures.worse import ERRORS, Told
from arkwright.monitor import by_cell
from arkwright.monitor.by_cell import Counted
from arkwright.monitor.counting import Reference

LOOKED = 100_000  # rows of a window; of more, some that are spread over it
_LOWER = ("brier", "log_loss", "mae", "mse", "rmse", "mape")  # what is better
_EITHER = ("bias",)
_SPREAD = "r2 falls as well where what comes true differs less from row to row"
_BY_GROUP = ("estimated", "worst_group", "gap")
ABOUT = (*_BY_GROUP, *expected.MEASURES, *ERRORS, "r2")


@dataclass(frozen=True)
class Worse:
    """`rows`: about as many as the window has."""

    reference: Reference
    logged: LoggedWindow
    rows: int

    def why(self, call: Call, shown: Callable[[Sequence[str]], list[str]]) -> Explained:
        """By all columns that are `shown`; of a promise of the worst group, by the groups of its columns. A coefficient
        of determination is explained by the squared errors that it is made of.
        """
        score, by = _asked(call) if call.name in _BY_GROUP else (call, ())
        if call.name == "r2":
            found = self.why(Call("mse"), shown)
            return found if any(part.named for part in found.parts) else replace(found, note=f"{found.note}; {_SPREAD}")
        if score.name not in (*expected.MEASURES, *ERRORS) or score.args or score.kwargs:
            return Explained()
        kept = self.reference.by_cell
        if kept is None:
            ref = self.logged.release.ref
            why = "it gives no probabilities, was judged on fewer than 40 rows, or was made before that was kept"
            return Explained(note=f"{ref} keeps nothing by groups: {why} (then: arkwright run)")
        sign = 0 if score.name in _EITHER else 1 if score.name in _LOWER else -1
        columns = shown(by or tuple(kept.cells))
        found, rows = self._found(score.name, columns, sign, estimate=call.name == "estimated", alone=bool(by))
        return worst_first(found, sign, _at_least(call) / max(1, rows), best=call.name == "gap") if by else found

    def _found(self, name: str, columns: list[str], sign: int, *, estimate: bool, alone: bool) -> tuple[Explained, int]:
        """(why, of how many rows)"""
        kept, judged = self.reference.by_cell, self.reference.judged
        assert kept
        rows, now = self._unlabelled if estimate else self._labelled
        if not rows:
            return Explained(note="no row came that tells" if estimate else "no label came that tells"), 0
        before = kept.judged if judged else kept.expected if estimate else kept.erred
        told = [Told(kept.cells[c], before[c], now[c]) for c in columns if c in before and c in now]
        if judged and name in expected.MEASURES:
            of = worse.estimated if estimate else worse.realised
            return of(judged, name, told, sign=sign, alone=alone), rows
        if not judged and name in (losses.MEASURES if estimate else ERRORS):
            return (worse.expected if estimate else worse.erred)(name, told, sign=sign, alone=alone), rows
        return Explained(), rows

    @cached_property
    def _unlabelled(self) -> tuple[int, Counted]:
        """(rows that came, what is counted of those looked at, in the cells of each column that all of them have)"""
        kept, judged, model = self.reference.by_cell, self.reference.judged, self.reference.loss_model
        assert kept
        rows, found, lost = 0, dict[str, Array](), set[str]()
        share = min(1.0, LOOKED / max(1, self.rows))
        for block in self.logged.blocks(share):
            table, answered = block.table, block.answered
            if judged and answered:
                there: Array = np.asarray(~np.isnan(answered.probabilities).any(axis=1))  # rules give none
                table, answered = table.filter(pa.array(there)), answered.take(there)
                said = answered.probabilities, answered.classes
                made = by_cell.scored(kept.cells, table, judged[1].empty(), said)
            elif model:
                made = by_cell.expected(kept.cells, table, model, len(table))
            else:
                continue
            rows += len(table)
            lost |= kept.cells.keys() - made.keys()
            found = {name: found[name] + one if name in found else one for name, one in made.items()}
        return round(rows / share), {name: one for name, one in found.items() if name not in lost}

    @cached_property
    def _labelled(self) -> tuple[int, Counted]:
        kept, judged = self.reference.by_cell, self.reference.judged
        assert kept
        every = max(1, self.rows // LOOKED)
        table, came = labelled.joined(self.logged, kept.cells, every)
        if not len(came):
            return 0, {}
        if judged and came.score is not None:
            said = came.score.reshape(len(came), -1), came.label
            return len(came) * every, by_cell.scored(kept.cells, table, judged[1].empty(), said, came.truth)
        if judged:
            return 0, {}
        return len(came) * every, by_cell.erred(kept.cells, table, came.label, came.truth)


def _asked(call: Call) -> tuple[Call, tuple[str, ...]]:
    """(the score, the columns of `by`) of estimated(…), worst_group(…) and gap(…)."""
    words = dict(call.kwargs)
    score = call.args[0] if call.args else words.get("score")
    by = call.args[1] if len(call.args) > 1 else words.get("by")
    inner = Call(score.text) if isinstance(score, Name) else score
    return inner if isinstance(inner, Call) else Call(""), tuple(traffic.mentioned(() if by is None else by))


def _at_least(call: Call) -> float:
    """From how many rows on a group counts."""
    given = dict[str, Value](call.kwargs).get("at_least", call.args[2] if len(call.args) > 2 else 50)
    return given if isinstance(given, int | float) else 50
