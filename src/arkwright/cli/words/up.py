"""`arkwright up`."""

import argparse
import sys

from arkwright.cli import context, output
from arkwright.control.server import up
from arkwright.sites import choose_ledger


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8080, help="0: any free port (default: 8080)")
    parser.add_argument(
        "--ledger",
        metavar="URL",
        help="for a new site: keep its records at postgresql://user@host/database?schema=NAME (noted in site.toml)",
    )
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    if given.ledger:
        site = choose_ledger(site, given.ledger)

    def ready(address: str, link: str | None) -> None:
        if given.json:
            output.as_json({"address": address, "join": link})
        else:
            print(f"✓ the control room is at {address}  (Ctrl-C stops it)")  # noqa: T201
            if link:
                print(f"  the first owner enters here, once: {link}")  # noqa: T201
        sys.stdout.flush()

    up(site, actor, project, host="127.0.0.1", port=given.port, ready=ready)
    return 0
