"""`arkwright again`."""

import argparse

from arkwright.api.build import again
from arkwright.cli import context, output
from arkwright.core.errors import Corrupt


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", help="such as flights@3 (default: the last one that finished)")


def main(given: argparse.Namespace) -> int:
    site, actor, project = context.site(given), context.actor(given), context.project(given)
    with output.progress(quiet=given.json) as say:
        result = again(site, actor, project, run=given.run, say=say)
    if given.json:
        output.as_json({"run": result.run, "same": result.same, "then": result.then, "now": result.now})
    else:
        rows = [
            (
                name,
                digest[:12],
                result.now.get(name, "–")[:12],
                "" if result.now.get(name) == digest else "[red]differs[/]",
            )
            for name, digest in result.then.items()
        ]
        screen = output.console()
        screen.print(output.table((result.run, "then", "now", ""), rows))
        if result.lock_changed:
            screen.print("[yellow]the installed packages are not those of then[/]")
        screen.print("[green]✓[/] every digest is the same" if result.same else "[bold red]✗[/] the digests differ")
    return 0 if result.same else Corrupt.exit_code
