"""What looks odd in a column: said as short phrases, for a person to judge."""

import math
import re
from collections.abc import Sequence

import numpy as np

from arkwright.data.scan.values import Array

_MOSTLY = 0.5
_NEARLY = 0.95
_OFTEN = 0.005
_FAR = 20.0
_PLACEHOLDERS = (-1, -9, -99, -999, -9999, 99, 999, 9999, 99999, 999999)
_DATE_PLACEHOLDERS = ("1900-01-01", "1970-01-01", "9999-12-31", "2099-12-31")
_WORDS = {"", "na", "n/a", "nan", "null", "none", "nil", "unknown", "undefined", "missing", "-", "--", "?", "."}
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")


def common_hints(rows: int, nulls: int, counts: Array, *, identifier: bool) -> list[str]:
    """Of any column. `counts`: how often each different value occurs; `identifier`: whether the type can be one."""
    present = rows - nulls
    if not present:
        return ["empty"] if rows else []
    hints = []
    if len(counts) == 1:
        hints.append("constant")
    elif identifier and len(counts) > 1 and int(counts.max()) == 1:
        hints.append("every value differs")
    elif int(counts.max()) > _NEARLY * counts.sum():
        hints.append(f"{counts.max() / counts.sum():.1%} are one value")
    if nulls > _MOSTLY * rows:
        hints.append(f"{nulls / rows:.0%} missing")
    return hints


def number_hints(kept: Array, values: Array, counts: Array) -> list[str]:
    """Of numbers. `kept`: sorted; `values` and `counts`: the different ones and how often each occurs."""
    hints = []
    finite = kept[np.isfinite(kept)] if kept.dtype.kind == "f" else kept
    if len(finite) < len(kept):
        hints.append(f"{len(kept) - len(finite)} infinite")
    if len(finite) < 2:
        return hints
    if kept.dtype.kind == "f" and np.array_equal(finite, np.floor(finite)):
        hints.append("only whole numbers")
    for end, next_one, times in ((values[0], values[1:2], counts[0]), (values[-1], values[-2:-1], counts[-1])):
        spacing = (finite[-1] - finite[0] - abs(end - next_one)) / max(1, len(values) - 2)
        apart = len(next_one) and abs(end - next_one)[0] > max(1, 3 * spacing[0])
        if apart and end in _PLACEHOLDERS and times > _OFTEN * len(kept):
            hints.append(f"{end:g} may stand for missing")
    low, middle, high = (finite[int(q * (len(finite) - 1))].item() for q in (0.25, 0.5, 0.75))
    spread = high - low
    for end, far in ((finite[0].item(), middle - low), (finite[-1].item(), high - middle)):
        if spread > 0 and abs(end - middle) > _FAR * max(far, spread / 2) * math.log10(max(len(finite), 10)):
            hints.append(f"{end:g} lies far out")
    return hints


def time_hints(spelt: Sequence[str], share: Sequence[float]) -> list[str]:
    """Of dates and times. `spelt`: the most frequent values in ISO 8601; `share`: of the rows, each."""
    return [
        f"{text[:10]} may stand for missing"
        for text, part in zip(spelt, share, strict=True)
        if text[:10] in _DATE_PLACEHOLDERS and part > _OFTEN
    ]


def text_hints(values: Sequence[str], counts: Array) -> list[str]:
    """Of text: some different values (up to a few thousand) and how often each occurs."""
    hints = []
    total = counts.sum()
    for test, hint in ((_NUMBER, "numbers kept as text"), (_DATE, "dates kept as text")):
        matching = sum(int(count) for text, count in zip(values, counts, strict=True) if test.fullmatch(text))
        if matching > _NEARLY * total:
            hints.append(hint)
    blanks = sum(1 for text in values if text != text.strip() and text.strip())
    if blanks:
        hints.append(f"{blanks} with blanks around")
    words = [text for text in values if text.strip().casefold() in _WORDS]
    hints += [f"{text!r} may stand for missing" for text in words[:2]]
    folded: dict[str, str] = {}
    for text in values:
        twin = folded.setdefault(text.strip().casefold(), text)
        if twin != text and twin.strip() != text.strip():
            hints.append(f"{twin!r} and {text!r} differ in case only")
            break
    return [hint if len(hint) <= 70 else hint[:69] + "…" for hint in hints]
