"""`arkwright serve`."""

import argparse

from arkwright.api.traffic import serve
from arkwright.cli import context, output
from arkwright.core.errors import Invalid


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoints", nargs="*", metavar="ENDPOINT", help="which (default: every one with a release)")
    parser.add_argument("--host", default="127.0.0.1", help="loopback only: there is no authentication yet")
    parser.add_argument("--port", type=int, default=8000, help="0: any free port")


def main(given: argparse.Namespace) -> int:
    site, actor, project = context.site(given), context.actor(given), context.project(given)
    screen = output.console()
    if not 0 <= given.port < 65536:
        raise Invalid(f"{given.port} is no port; a port lies between 0 (any free one) and 65535")

    def ready(address: str) -> None:
        if given.json:
            output.as_json({"address": address})
        else:
            screen.print(f"[green]✓[/] answers at {address}  (Ctrl-C stops it)")

    serve(site, actor, project, endpoints=given.endpoints, host=given.host, port=given.port, ready=ready)
    return 0
