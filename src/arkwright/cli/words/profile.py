"""`arkwright profile`."""

import argparse

from arkwright.api.look import profile
from arkwright.cli import context, output, profile_view


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="a dataset such as flights or flights@2, or a Parquet file")


def main(given: argparse.Namespace) -> int:
    found = profile(context.site(given), context.actor(given), context.project(given), dataset=given.dataset)
    if given.json:
        output.as_json(found)
    else:
        output.console().print(profile_view.render(found))
    return 0
