"""How many connections fit into the files that a process may have open: what is over is told so, and the log of
predictions, releases and whatever code opens find room beside them.
"""

import logging
import resource
from typing import NamedTuple

from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.standing import MOST

KEPT = 256  # files that are no connections
WAITING = 2048  # connections that nobody accepted yet, on each listening socket
log = logging.getLogger("arkwright.serve")


class Room(NamedTuple):
    """`connections` of each protocol that are answered, `refused` that are told so at once, and `waiting`, which may
    all be accepted in one moment.
    """

    connections: int
    refused: int
    waiting: int


def raised() -> int:
    """How many files this process, and whoever comes of it, may have open: as many as the system lets it, of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return most
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # a system with another bound beside this one
        return soft
    return most


def room(files: int, *, calls: bool) -> Room:
    """What fits into so many files. `calls`: whether gRPC has connections too."""
    limits = Limits()
    free = max(files - KEPT, files // 2)
    if calls:
        free -= min(limits.connections, free // 2)
    share = max(1, free // 4)
    found = Room(min(limits.connections, 2 * share), min(limits.refused, share), min(WAITING, share))
    if found.connections < limits.connections:
        log.warning(
            "a process may have %d files open here, so a worker takes %d connections and not %d; ulimit -Hn, or "
            "LimitNOFILE of systemd, is where more are allowed", files, found.connections, limits.connections,
        )  # fmt: skip
    return found
