"""Where a release is tried: `python -m arkwright.serve.processes.tried FOLDER`, a `control.Try` on its input."""

import logging
import os
import signal
import sys
from math import ceil

import msgspec

from arkwright.core.errors import ArkwrightError
from arkwright.core.usercode import describe
from arkwright.serve.model.loaded import load_served
from arkwright.serve.processes import control
from arkwright.serve.processes.birth import end_with_parent
from arkwright.serve.processes.trial import LONGEST

_GRACE = 10.0  # seconds after which it ends by itself, should nobody be left to end it, where nobody sees that


def main() -> None:
    asked = control.read(sys.stdin.buffer.read(), control.Try)
    if not end_with_parent():
        signal.alarm(ceil(asked.seconds + _GRACE))  # the kernel ends it, also where no line of Python runs any more
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    served, why = asked.served, ""
    try:
        load_served(served, asked.endpoint)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not served
        why = str(error) if isinstance(error, ArkwrightError) else describe(error)
    os.write(asked.answer, msgspec.json.encode(why[: LONGEST // 8]))
    os._exit(0)  # threads that the code started need not end


if __name__ == "__main__":
    main()
