"""How deep JSON is nested. Nothing that is taken here is deep, so only what was refused is looked at."""

import re

import numpy as np

DEEPEST = 100  # brackets in brackets
FAR = 2**20  # bytes that are looked at: whoever is asked meanwhile waits
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = np.zeros(256, np.int64)
_STEP[list(b"[{")], _STEP[list(b"]}")] = 1, -1


def too_deep(body: bytes) -> str:
    """What to tell of JSON that is nested too deeply; else nothing."""
    head = body[:FAR]
    if head.count(b"[") + head.count(b"{") <= DEEPEST:
        return ""
    marks = np.frombuffer(_TEXT.sub(b"", head).translate(None, _OTHERS), np.uint8)
    deep = len(marks) > DEEPEST and int(np.cumsum(_STEP[marks]).max()) > DEEPEST
    return f"the body is nested more than {DEEPEST} levels deep" if deep else ""
