"""How much memory this process may have before the kernel ends it, and how many the kernel did end."""

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def allowed() -> int:
    """Bytes: the least of what the machine has, what the control groups around us grant, and our own limits."""
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(size for size in limits if size >= 0), *_granted(Path("/proc/self/cgroup"), _GROUPS)])


def _granted(own: Path, groups: Path) -> Iterator[int]:
    """The limit of our control group (v2 or v1) and of every group above it."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = root / path.strip("/")
        for place in (group, *group.parents):
            if place.is_relative_to(root):
                yield from _limit(place / name)


def _limit(file: Path) -> Iterator[int]:
    try:
        text = file.read_text().strip()
    except OSError:  # inside a container the path is that of the machine outside
        return
    if text.isdigit():
        yield int(text)


def killed(counts: Path = Path("/proc/vmstat")) -> int:
    """How many processes the kernel has ended for want of memory since it began; 0 where it does not say."""
    with suppress(OSError):
        for line in counts.read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return 0
