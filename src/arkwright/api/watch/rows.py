"""What is promised of data, measured on the rows of a window as they were logged."""

from collections.abc import Callable, Mapping
from pathlib import Path

from arkwright.api.watch import rows_by_hour
from arkwright.api.watch.log import LoggedWindow
from arkwright.api.watch.rows_by_hour import ROWS
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import Promise, Reading
from arkwright.data.check import finish
from arkwright.data.scan import sql
from arkwright.measures.aggregates import Now
from arkwright.measures.registry import Plan
from arkwright.serve.tap.window import Came


def readings(window: LoggedWindow, promises: Mapping[str, Promise]) -> dict[str, Reading]:
    """Of promises about data. One that does not fit stops no other."""
    found = _readings(window, promises)
    grows = {text: promise for text, promise in promises.items() if promise.call.name == "rows"}
    return found | {text: window.so_far(promise, found[text]) for text, promise in grows.items()}


def _readings(window: LoggedWindow, promises: Mapping[str, Promise]) -> dict[str, Reading]:
    found: dict[str, Reading] = {}
    bound: dict[str, Callable[[], Plan]] = {}
    with window.site.scratch("rows") as scratch, window.came(scratch) as came:
        for text, promise in promises.items():
            try:
                bound[text] = window.bind(promise.call, came.lost)
            except ArkwrightError as error:
                found[text] = Reading(None, note=str(error))
        try:
            return found | _measured(window, scratch, came, bound)
        except ArkwrightError:  # then it is told which of them does not fit, or needs more memory than there is
            for text, plan in bound.items():
                try:
                    found |= _measured(window, scratch, came, {text: plan})
                except ArkwrightError as error:
                    found[text] = Reading(None, note=str(error), failed=True)
    return found


def _measured(
    window: LoggedWindow, scratch: Path, came: Came, bound: Mapping[str, Callable[[], Plan]]
) -> dict[str, Reading]:
    """By the hour, or of all rows at once where no hours add up."""
    columns = {ROWS: window.layout.columns}
    plans = sql.fitting(ROWS, columns, bound)
    by_hour = {text: made for text, made in plans.items() if all(map(rows_by_hour.adds_up, made.needs))}
    others = {text: made for text, made in bound.items() if text not in by_hour}
    found: dict[str, Reading] = {}
    if others:
        select = window.layout.select(came.select)
        found = sql.measure(window.site.tables, ROWS, came.files, columns, others, select=select)
    if by_hour:
        needs = dict.fromkeys(need for made in by_hour.values() for need in made.needs if need != Now())
        answers = {**rows_by_hour.answers(window, scratch, list(needs)), Now(): window.until.timestamp()}
        found |= finish(by_hour, answers)
    return found
