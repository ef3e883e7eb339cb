"""The short way of plain requests, compiled: where it could not be, all goes on without it, in Python.

`ARKWRIGHT_NATIVE=0` leaves it out, to see whether something is its doing.
"""

import os
from typing import Any

native: Any = None
if os.environ.get("ARKWRIGHT_NATIVE") != "0":
    try:
        from arkwright.serve.native import _native as native  # type: ignore[attr-defined,no-redef]
    except ImportError:
        pass
