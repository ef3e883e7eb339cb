"""`arkwright stop`."""

import argparse

from arkwright.api.endpoints.emergency import stop
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="such as late")
    parser.add_argument("--reason", required=True, help="why; whoever asks the endpoint is told so")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    endpoint = stop(site, actor, project, endpoint=given.endpoint, reason=given.reason)
    if given.json:
        output.as_json(endpoint)
    else:
        again = f"to have it answer again: arkwright resume {endpoint.name}"
        output.console().print(f"[green]✓[/] {endpoint.ref} is stopped, nothing answers; {again}")
    return 0
