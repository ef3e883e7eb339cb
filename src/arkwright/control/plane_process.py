"""The process of the endpoints: `python -m arkwright.control.plane_process SITE PROJECT SOCKET`.

ENGINES come as JSON on its input; it ends when its input is closed: then whoever started it is gone.
"""

import contextlib
import logging
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from arkwright.api import child
from arkwright.api.endpoints.traffic import serve
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor
from arkwright.core.ports import Serving


def main() -> int:
    folder, project, socket = sys.argv[1:]
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    site = child.site(folder)
    threading.Thread(target=_end_with_parent, args=(Path(socket).parent,), daemon=True).start()
    try:
        serve(site, Actor(name=""), Path(project), how=Serving(gateway=socket), ready=_ready)
    except ArkwrightError as error:
        logging.getLogger("arkwright.control").error("%s", error)  # noqa: TRY400 - the message says it all
        return error.exit_code
    return 0


def _ready(address: str) -> None:
    with contextlib.suppress(OSError):
        print(address, flush=True)  # noqa: T201 - whoever started it reads it


def _end_with_parent(folder: Path) -> None:
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
