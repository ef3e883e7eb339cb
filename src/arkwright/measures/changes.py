"""When a column, or what is wrong, changed: streams in the order of time."""

from datetime import UTC, datetime

import numpy as np

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.promises import Reading
from arkwright.measures import streams
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.features import FAR
from arkwright.measures.registry import Column, endpoint_measure, model_measure
from arkwright.measures.window import Window

_LEAST = 32  # minutes, before either test looks


@endpoint_measure(
    source="ADWIN: Bifet and Gavaldà 2007; Page 1954, Hinkley 1971",
    words="{limit:change have} been found in the level of {column} within the window[, by the test {method}]",
)
def changes(window: Window, column: Column, method: str = "adwin") -> Reading:
    """How often the level of a column changed within the window; the note says when each change was found.

    `method`: `adwin`, or `page_hinkley`, which finds changes of a standard deviation sooner and none below a fifth. The
    values are the means of minutes, each of a thousand rows at most; of words, the share of the reference's most
    frequent one.
    """
    if method not in _METHODS:
        raise Invalid(f"method={method!r} is no test for changes{did_you_mean(method, _METHODS)}")
    if window.trail is None:
        raise Undefined("the release was made without the levels of its columns; run the line again: arkwright run")
    if column not in window.trail.columns:
        raise Undefined(f"{column} has no level: it is a time, or nothing is kept of it")
    minutes, level = window.trail.level(column)
    if len(minutes) < _LEAST:
        raise Undefined(f"{column} was there in {len(minutes)} of the {_LEAST} minutes after which a change shows")
    found = [minutes[place] for place in _METHODS[method](level)]
    note = ", ".join(f"{datetime.fromtimestamp(int(minute) * 60, UTC):%Y-%m-%d %H:%M}" for minute in found[:10])
    return Reading(float(len(found)), n=len(minutes), note=f"{note} UTC" if note else "none")


def _adwin(level: Array) -> list[int]:
    """It is for values between 0 and 1: five standard deviations below the reference's mean, and above it."""
    return streams.adwin((np.clip(level, -FAR, FAR) + FAR) / (2 * FAR))


def _page_hinkley(level: Array) -> list[int]:
    """A fifth of a standard deviation does not count, and 50 of them added up do: where nothing changes, a week of
    minutes of a single row each gives an alarm in one or two of a hundred cases.
    """
    return streams.page_hinkley(level.tolist(), delta=0.2, threshold=50.0)


_METHODS = {"adwin": _adwin, "page_hinkley": _page_hinkley}


@model_measure(
    source="ADWIN: Bifet and Gavaldà 2007; Page 1954, Hinkley 1971",
    larger_is_better=False,
    words="{limit:change have} been found in how often or how far answers are wrong[, by the test {method}]",
)
def error_changes(evaluation: Evaluation, method: str = "adwin") -> Reading:
    """How often the level of the errors changed, in the order of the rows: on traffic that of the answers whose labels
    have come. The note says behind which row each change was found.

    Of a classifier an error is 0 or 1; of a regression the distance, those beyond the 99th percentile as that one.
    `method`: `adwin`, or `page_hinkley`, on the errors in standard deviations.
    """
    if method not in _METHODS:
        raise Invalid(f"method={method!r} is no test for changes{did_you_mean(method, _METHODS)}")
    if len(evaluation) < _LEAST:
        raise Undefined(f"there are {len(evaluation)} of the {_LEAST} rows after which a change shows")
    errors = _errors(evaluation)
    if method == "adwin":
        found = streams.adwin(errors / max(float(errors.max()), 1e-300))
    else:
        found = _page_hinkley((errors - errors.mean()) / max(float(errors.std()), 1e-300))
    note = ", ".join(f"{place + 1:,}" for place in found[:10])
    return Reading(float(len(found)), n=len(evaluation), note=f"behind row {note}" if note else "none")


def _errors(evaluation: Evaluation) -> Array:
    if evaluation.task == "classification":
        return np.asarray(evaluation.truth != evaluation.label, np.float64)
    far: Array = np.abs(evaluation.label - evaluation.truth)
    if not np.isfinite(far).all():
        raise Undefined("an answer or a truth is no number")
    return np.asarray(np.minimum(far, np.quantile(far, 0.99)))
