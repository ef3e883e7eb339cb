"""What is promised of data, measured on the rows of a window as they were logged."""

from collections.abc import Callable, Mapping

from arkwright.api.watch.log import LoggedWindow
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import Promise, Reading
from arkwright.data.scan import sql
from arkwright.measures.registry import Plan
from arkwright.serve.tap.window import Came

ROWS = "what came"  # as the query calls them


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
            return found | _measured(window, came, bound)
        except ArkwrightError:  # then it is told which of them does not fit, or needs more memory than there is
            for text, plan in bound.items():
                try:
                    found |= _measured(window, came, {text: plan})
                except ArkwrightError as error:
                    found[text] = Reading(None, note=str(error), failed=True)
    return found


def _measured(window: LoggedWindow, came: Came, bound: Mapping[str, Callable[[], Plan]]) -> dict[str, Reading]:
    columns, select = {ROWS: window.layout.columns}, window.layout.select(came.select)
    return sql.measure(window.site.tables, ROWS, came.files, columns, bound, select=select)
