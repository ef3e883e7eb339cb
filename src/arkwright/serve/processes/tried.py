"""Where a release is tried: `python -m arkwright.serve.processes.tried WIRE FOLDER`.

On WIRE comes a `control.Try`. What is said there is a byte when all is imported, for what happens before is no fault of
the release, and then a `control.Tried`.
"""

import logging
import os
import signal
import socket
import sys
from math import ceil

from arkwright.core.errors import ArkwrightError
from arkwright.core.usercode import describe
from arkwright.serve.model.loaded import load_served
from arkwright.serve.processes import control
from arkwright.serve.processes.birth import end_with_parent
from arkwright.serve.processes.starved import starved
from arkwright.serve.processes.trial import LONGEST

_GRACE = 10.0  # seconds after which it ends by itself, should nobody be left to end it, where nobody sees that


def main() -> None:
    wire = socket.socket(fileno=int(sys.argv[1]))
    with wire.makefile("rb") as reading:
        asked = control.read(reading.readline(), control.Try)
    if not end_with_parent():
        signal.alarm(ceil(asked.seconds + _GRACE))  # the kernel ends it, also where no line of Python runs any more
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    wire.sendall(b"+")
    tried = _tried(asked)
    wire.sendall(control.line(control.Tried(tried.why[: LONGEST // 8], tried.again)))
    os._exit(0)  # threads that the code started need not end


def _tried(asked: control.Try) -> control.Tried:
    try:
        load_served(asked.served, asked.endpoint)
    except KeyboardInterrupt:  # nobody is here to press anything: `starved` says who does
        return control.Tried("its code was interrupted (SIGINT), as where no thread can be started", again=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not served
        why = str(error) if isinstance(error, ArkwrightError) else describe(error)
        return control.Tried(why, starved(error))
    return control.Tried("")


if __name__ == "__main__":
    main()
