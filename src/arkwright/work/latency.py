"""How long one row takes, from the bytes that a caller sends to the bytes of the answer, by the server's own path."""

import resource
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from arkwright.project.apply import apply_features
from arkwright.serve.model import loaded as serving
from arkwright.serve.model.answers import reader
from arkwright.serve.rest.predict import answer_once

Times = npt.NDArray[np.float64]
_ROUNDS, _FEW_ROUNDS, _ROWS = 15, 9, 64  # the median of nine has an interval of 95 % that leaves out the ends
_MOST, _FEWEST, _SECONDS = 300, 20, 0.05  # calls in a round, and about how long one may take

_TRIES = 3
_THREAD = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)  # the thread alone, where the system can tell


def of_release(folder: Path, raw: pa.Table) -> Times:
    """(rounds, calls) milliseconds of one-row requests to the candidate laid out in `folder`."""
    loaded = serving.load(folder, endpoint="candidate", release="release:candidate@1", digest="0" * 64)
    read = reader(loaded.signature, loaded.graph)
    bodies = [msgspec.json.encode(row) for row in _spread_out(raw).to_pylist()]
    return _timed([lambda body=body: answer_once(loaded, read, body) for body in bodies])  # type: ignore[misc]


def of_estimator(raw: pa.Table, dataset: str, features: Callable[..., Any] | None, answer: Callable[..., Any]) -> Times:
    """The same for the estimator as it was trained: `features` of one row, then its own answer."""
    rows = [_spread_out(raw).slice(i, 1) for i in range(min(_ROWS, raw.num_rows))]

    def call(row: pa.Table) -> None:
        answer(apply_features(features, dataset, row) if features else row)

    return _timed([lambda row=row: call(row) for row in rows])  # type: ignore[misc]


def spread(times: Times) -> tuple[float, float]:
    """(p50, p99): the median of the rounds' quantiles, in milliseconds."""
    return tuple(float(np.median(np.quantile(times, q, axis=1))) for q in (0.5, 0.99))  # type: ignore[return-value]


def _spread_out(raw: pa.Table) -> pa.Table:
    """Rows from all over the table: a repeated row flatters the processor's memory of it."""
    places = np.linspace(0, raw.num_rows - 1, min(_ROWS, raw.num_rows)).astype(np.int64)
    return raw.take(pa.array(places))


def _timed(calls: list[Callable[[], Any]]) -> Times:
    begin = time.perf_counter()
    for call in calls:
        call()  # warm
    each = (time.perf_counter() - begin) / len(calls)
    count = int(min(_MOST, max(_FEWEST, _SECONDS / max(each, 1e-6))))
    rounds = int(min(_ROUNDS, max(_FEW_ROUNDS, _ROUNDS * _SECONDS / max(count * each, 1e-6))))
    turn = cycle(calls)
    return np.array([[_undisturbed(next(turn)) for _ in range(count)] for _ in range(rounds)]) * 1000


def _undisturbed(call: Callable[[], Any]) -> float:
    """Seconds of one call. When the kernel gave the processor to another program meanwhile it is taken again: that
    would tell of the neighbours, not of the model.
    """
    for _ in range(_TRIES):
        before = resource.getrusage(_THREAD).ru_nivcsw
        start = time.perf_counter()
        call()
        taken = time.perf_counter() - start
        if resource.getrusage(_THREAD).ru_nivcsw == before:
            break
    return taken
