"""`arkwright rollback`."""

import argparse

from arkwright.api.endpoints.rollout import rollback
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="such as late")
    parser.add_argument("--reason", default="", help="why; it goes on record")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    endpoint = rollback(site, actor, project, endpoint=given.endpoint, reason=given.reason)
    if given.json:
        output.as_json(endpoint)
    else:
        output.console().print(f"[green]✓[/] {endpoint.ref} answers with {', '.join(endpoint.shares)} again")
    return 0
