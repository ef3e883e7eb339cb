"""A process of ours beside this one: `python -m MODULE SITE WORD…`, with the site's engines as JSON on its input and
nothing in its environment that is meant for us.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from arkwright.core.masked import quiet_driver
from arkwright.core.record import encode
from arkwright.sites import Site

_ENV = {"PYTHONFAULTHANDLER": "1"}  # native code that crashes says where


def begin(
    site: Site, module: str, *words: str, output: int | None = None, errors: int | None = None
) -> "subprocess.Popen[bytes]":
    """Its input stays open, and it is in a session of its own: Ctrl-C reaches us, and we decide."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(site.folder), *words],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        env=_ENV | {name: value for name, value in os.environ.items() if not name.startswith("ARKWRIGHT_")},
    )
    tell(process, encode(dict(site.engines)))
    return process


def tell(process: "subprocess.Popen[bytes]", line: str) -> None:
    """Say a line to it, if it is still there."""
    assert process.stdin
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()


def site(folder: str) -> Site:
    """In the child: the site that it was begun for."""
    quiet_driver()
    return Site(Path(folder), msgspec.json.decode(sys.stdin.readline(), type=dict[str, str]))
