"""What training and exporting need is imported aside while the data is made, which is the database's work.

The imports take about a second and a half, and the line would wait for them otherwise.
"""

import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from threading import Thread

_ALWAYS = ("arkwright.work.models", "arkwright.work.release", "skops.io", "skl2onnx")
_WITH = {
    "lightgbm": "onnxmltools.convert.lightgbm.operator_converters.LightGbm",
    "xgboost": "onnxmltools.convert.xgboost.operator_converters.XGBoost",
}


@cache
def warm_up() -> None:
    """Begin importing, once, and do not wait. What is not installed is told by whoever needs it."""
    Thread(target=_import, daemon=True).start()


def _import() -> None:
    for module in (*_ALWAYS, *(module for engine, module in _WITH.items() if engine in sys.modules)):
        with suppress(ImportError):
            import_module(module)
