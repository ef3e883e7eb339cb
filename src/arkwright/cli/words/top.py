"""`arkwright top`."""

import argparse
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from arkwright.api.endpoints.top import top
from arkwright.cli import output, top_view
from arkwright.core.nouns import Actor
from arkwright.serve.telemetry.reading import Traffic
from arkwright.sites import local


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000", metavar="URL", help="where it answers")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="the length of a window")
    parser.add_argument("--once", action="store_true", help="one window, then end; so too where there is no terminal")


def main(given: argparse.Namespace) -> int:
    here = Path.cwd()  # a server can be watched from anywhere
    seen = top(local(here), Actor(name=""), here, url=given.url, every=given.every)
    if given.json:
        for traffic in seen:
            output.as_json(traffic)
            sys.stdout.flush()
            if given.once:
                break
    elif given.once or not sys.stdout.isatty():
        output.console().print(top_view.picture(next(seen)))
    else:
        _live(seen)
    return 0


def _live(seen: Iterator[Traffic]) -> None:
    """Each window in the place of the one before, until q."""
    from rich.live import Live

    first = next(seen)  # when nothing answers, it is said on the ordinary screen
    view = Live(top_view.picture(first), console=output.console(), screen=True, auto_refresh=False)
    with suppress(KeyboardInterrupt), _keys() as pressed, view:  # Ctrl-C is an ordinary way to end it
        view.refresh()
        while not pressed(b"q"):
            view.update(top_view.picture(next(seen)), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[bytes], bool]]:
    """Whether a key was pressed since the last question; never, where there is no keyboard."""
    if not sys.stdin.isatty():
        yield lambda _key: False
        return
    import termios
    import tty

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def pressed(key: bytes) -> bool:
        return bool(select.select([keyboard], [], [], 0)[0]) and key in os.read(keyboard, 64)

    try:
        tty.setcbreak(keyboard)
        yield pressed
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
