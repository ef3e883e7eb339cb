"""What is promised of a release rather than of its model's rows, measured on what is at hand of it."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from arkwright.core.promises import Promise, Reading, judge, parse
from arkwright.measures import binding, registry
from arkwright.measures.registry import Scope
from arkwright.measures.shipped import Shipped
from arkwright.work.worker import Worker


def about_release(_: Worker, promises: Sequence[str]) -> list[str]:
    """Those that are measured on a release."""
    known = registry.measures()
    return [text for text in promises if (one := known.get(parse(text).call.name)) and one.stage in registry.OF_RELEASE]


def measure(_: Worker, promises: Sequence[str], shipped: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A finding for each promise, on this `Shipped`."""
    given = msgspec.convert(shipped, Shipped)
    return {text: _finding(parse(text), given) for text in promises}


def reading(promise: Promise, given: Shipped) -> Reading:
    """Raises Unknown or Invalid for a word that the measure does not know."""
    stage = registry.measures()[promise.call.name].stage
    return cast(Reading, binding.bind(promise.call, stage, Scope(columns=()))(given))


def _finding(promise: Promise, given: Shipped) -> dict[str, Any]:
    found = reading(promise, given)
    ends = {"value": found.value, "low": found.low, "high": found.high, "note": found.note}
    return {"verdict": judge(promise, found).word, "timed": True, **ends}
