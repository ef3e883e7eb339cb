"""`arkwright promote`."""

import argparse

from arkwright.api.traffic import promote
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", help="such as late or late@3")
    parser.add_argument("--endpoint", help="which endpoint, where the project has several for this model")


def main(given: argparse.Namespace) -> int:
    site, actor, project = context.site(given), context.actor(given), context.project(given)
    endpoint = promote(site, actor, project, release=given.release, endpoint=given.endpoint)
    if given.json:
        output.as_json(endpoint)
    else:
        answers = ", ".join(endpoint.shares)
        output.console().print(
            f"[green]✓[/] {endpoint.ref} answers with {answers}; next: arkwright serve {endpoint.name}"
        )
    return 0
