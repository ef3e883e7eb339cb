"""How an endpoint served in a window: what servers counted by the minute, and how long logged requests took."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from arkwright.api.watch.log import LoggedWindow
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import Promise, Reading
from arkwright.core.usercode import call as call_user
from arkwright.measures import binding
from arkwright.measures.evaluation import Array, Evaluation
from arkwright.measures.registry import Scope
from arkwright.measures.served import Served
from arkwright.measures.window import Window
from arkwright.serve.telemetry import minutes

_LONG = 30  # seconds, from which on a span says how busy a server is: as it is stopped it notes a shorter one


def counted(window: LoggedWindow, promises: Mapping[str, Promise]) -> dict[str, Reading]:
    """Of measures of what servers counted, which needs no log, no signature and no reference."""
    whole = Window(served=_served(window.folder, window.release.ref, window.since, window.until))
    bind = partial(binding.bind, stage="endpoint", scope=Scope(()))  # none of them asks for a column
    found = {text: _reading(partial(bind, promise.call), whole) for text, promise in promises.items()}
    grows = {text: promise for text, promise in promises.items() if promise.call.name == "requests"}
    return found | {text: window.so_far(promise, found[text]) for text, promise in grows.items()}


def timed(window: LoggedWindow, promises: Mapping[str, Promise], took: Array | None) -> dict[str, Reading]:
    """Of measures by the clock, `took`: one call of a gate is one request that was answered here."""
    nothing = np.zeros(0, np.int64)
    given = Evaluation(task=window.signature.task, truth=nothing, label=nothing, took=took)
    return {text: _reading(partial(window.bind, one.call, frozenset()), given) for text, one in promises.items()}


def _reading(bind: Callable[[], Callable[..., Reading]], given: Evaluation | Window) -> Reading:
    """A promise that asks for what is not there stops no other."""
    try:
        found: Reading = call_user(bind(), given)
    except ArkwrightError as error:
        return Reading(None, note=str(error))
    return found


def _served(folder: Path, release: str, since: datetime, until: datetime) -> Served:
    """All minutes of the window together."""
    codes: Counter[str] = Counter()
    limited = rows = 0
    spans: list[tuple[float, float]] = []
    busy: list[tuple[float, float]] = []
    for one in minutes.read(folder, release, since.timestamp(), until.timestamp()):
        codes.update(one.codes)
        limited, rows = limited + one.limited, rows + one.rows
        spans.append((one.since, one.until))
        if one.busy is not None and one.until - one.since >= _LONG:
            busy.append((one.busy, one.since))
    return Served(
        codes=codes,
        limited=limited,
        rows=rows,
        seconds=sum(end - begin for begin, end in spans),
        missing=max(0.0, (until - since).total_seconds() - _covered(spans)),
        busiest=max(busy, default=None),
    )


def _covered(spans: list[tuple[float, float]]) -> float:
    """Seconds in at least one of them."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
