"""`arkwright import`."""

import argparse

from arkwright.api.arriving.importing import LARGEST, Imported, import_mlflow
from arkwright.cli import context, output

SHOWN = 20  # of what was left


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", help="of the MLflow server; $MLFLOW_SOURCE_TOKEN, or _USERNAME and _PASSWORD, prove who asks"
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this experiment; may be repeated")
    parser.add_argument(
        "--largest", default=LARGEST, metavar="SIZE", help="no file that is larger; 0: none (default: %(default)s)"
    )
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    with output.progress(quiet=given.json) as say:
        done = import_mlflow(site, actor, project, url=given.url, only=given.only, largest=given.largest, say=say)
    if given.json:
        output.as_json(done)
    else:
        _print(done)
    return 0


def _print(done: Imported) -> None:
    screen = output.console()
    came = [
        ("experiments", done.experiments), ("runs", done.runs), ("points", done.points), ("logged models", done.models),
        ("registered models", done.registered), ("versions", done.versions), ("files", done.files),
    ]  # fmt: skip
    screen.print(output.table(("new here", ">"), [(what, f"{many:,}") for what, many in came]))
    screen.print(f"{done.changed:,} runs and models changed since they came; {done.same:,} were here as they are there")
    if done.left:
        screen.print(f"\n[bold]{len(done.left):,} not taken[/]")
    for one in done.left[:SHOWN]:
        screen.print(f"  {output.escape(f'{one.what}: {one.why}')}", soft_wrap=True)
    if len(done.left) > SHOWN:
        screen.print(f"  … and {len(done.left) - SHOWN:,} more: --json names them all")
