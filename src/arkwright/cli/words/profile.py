"""`arkwright profile`."""

import argparse
import tempfile
from pathlib import Path

from arkwright.api.look import profile
from arkwright.cli import context, output, profile_view
from arkwright.core.errors import Unknown
from arkwright.sites import Site


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", help="a dataset such as flights or flights@2, or any file or address a source can be"
    )


def main(given: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="arkwright-") as folder, output.progress(quiet=given.json) as say:
        site, project = _where(given, Path(folder))
        found = profile(site, context.actor(given), project, dataset=given.dataset, say=say)
    if given.json:
        output.as_json(found)
    else:
        output.console().print(profile_view.render(found))
    return 0


def _where(given: argparse.Namespace, aside: Path) -> tuple[Site, Path]:
    """The project's site; a file can be looked at without a project, and then leaves nothing behind."""
    try:
        return context.site(given), context.project(given)
    except Unknown:
        if given.project or Path(given.dataset).suffix == "":
            raise
        return Site(aside), Path.cwd()
