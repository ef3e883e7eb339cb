"""The short way of plain requests, compiled: where it could not be, all goes on without it, in Python.

`ARKWRIGHT_NATIVE=0` leaves it out, to see whether something is its doing.
"""

import os
from contextlib import suppress
from importlib import import_module
from typing import Any

native: Any = None
if os.environ.get("ARKWRIGHT_NATIVE") != "0":
    with suppress(ImportError):
        native = import_module("arkwright.serve.native._native")
