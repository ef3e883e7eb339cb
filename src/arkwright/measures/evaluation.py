"""What a measure of a model is given: the held-out rows, what was true, what was answered, and what it cost."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from arkwright.core.errors import Invalid

Array = npt.NDArray[Any]
T = TypeVar("T")
STRANGE = -1  # a true class that the model does not have: all such classes are one


class Undefined(Exception):
    """Raised by a measure that has no value here; the sentence says what is undefined and why. Nothing crashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """n held-out rows. Classes are codes 0 … k-1; a binary model's positive class is 1. A true class that the model
    does not have is STRANGE: it is never answered, so such a row is wrong, and neither positive nor negative.
    """

    task: str  # classification | regression
    truth: Array  # (n,) class codes, or values
    label: Array  # (n,) answered class codes, or values
    score: Array | None = None  # (n,) probability of class 1, or (n, k) of every class; None for regression
    classes: int = 0  # that the model has; 0: as many as the score or the codes show
    groups: dict[str, Array] = field(default_factory=dict)  # column -> (n,) group of each row
    times: Array | None = None  # (n,) for how many rows alike each one stands, to measures that only count; None: one
    original: "Evaluation | None" = None  # the same rows answered by the model as it was trained
    latencies_ms: Array | None = None  # (rounds, calls) milliseconds of one-row calls
    took: Array | None = None  # of traffic: how long requests took, as `measures.latencies` counts them
    size_bytes: int | None = None
    test_rows: Array | None = None  # (n,) 64-bit digest of each row's inputs
    train_rows: Array | None = None  # (m,) the same for the rows trained on
    inputs: dict[str, Array] = field(default_factory=dict)  # numeric input column -> (n,) values
    seed: int = 0
    _found: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises Invalid when what belongs to the rows is not as long as the truth."""
        of_rows = {"label": self.label, "score": self.score, "test_rows": self.test_rows, "times": self.times}
        of_rows |= {**self.groups, **self.inputs}
        if self.original is not None:
            of_rows["original"] = self.original.truth
        for name, values in of_rows.items():
            if values is not None and len(values) != len(self.truth):
                raise Invalid(f"an evaluation has {len(self.truth)} rows of truth and {len(values)} of {name}")

    def __len__(self) -> int:
        return len(self.truth) if self.times is None else int(self.times.sum())

    def take(self, rows: Array) -> "Evaluation":
        """The same evaluation of some rows only (indices or a mask)."""
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows  # a mask is read once, not for every column
        return replace(
            self,
            truth=self.truth[rows],
            label=self.label[rows],
            score=None if self.score is None else self.score[rows],
            groups={name: values[rows] for name, values in self.groups.items()},
            times=None if self.times is None else self.times[rows],
            original=None if self.original is None else self.original.take(rows),
            test_rows=None if self.test_rows is None else self.test_rows[rows],
            inputs={name: values[rows] for name, values in self.inputs.items()},
        )

    @property
    def strange(self) -> Array:
        """(n,) which rows of a classification are truly of a class that the model does not have."""
        return np.asarray(self.truth == STRANGE)

    def once(self, what: Hashable, find: Callable[[], T]) -> T:
        """What several measures ask of the same rows, found for the first and kept for the others."""
        if what not in self._found:
            self._found[what] = find()
        found: T = self._found[what]
        return found

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)
