"""`arkwright promote`."""

import argparse

from arkwright.api.endpoints.rollout import promote
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", help="such as late or late@3")
    parser.add_argument("--endpoint", help="which endpoint, where the project has several for this model")
    parser.add_argument("--share", type=float, metavar="PART", help="answer this part of the requests, such as 0.1")
    parser.add_argument("--shadow", action="store_true", help="get a copy of every request and answer none")
    parser.add_argument("--reason", default="", help="why; it goes on record")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    endpoint = promote(
        site,
        actor,
        project,
        release=given.release,
        endpoint=given.endpoint,
        share=given.share,
        shadow=given.shadow,
        reason=given.reason,
    )
    if given.json:
        output.as_json(endpoint)
    else:
        screen, several = output.console(), len(endpoint.shares) > 1
        answers = ", ".join(f"{ref} ({part:.4g})" if several else ref for ref, part in endpoint.shares.items())
        shadows = f", shadow: {', '.join(endpoint.shadows)}" if endpoint.shadows else ""
        screen.print(
            f"[green]✓[/] {endpoint.ref} answers with {answers}{shadows}; next: arkwright serve {endpoint.name}"
        )
    return 0
