"""`arkwright mail`."""

import argparse

from arkwright.api.talking.letters import mail
from arkwright.cli import context, output
from arkwright.notify.mail import CHOICES


def arguments(parser: argparse.ArgumentParser) -> None:
    said = "; ".join(f"{word}: {meaning}" for word, meaning in CHOICES.items())
    parser.add_argument("wants", nargs="?", default="inbox", help=f"{said} (default: inbox)")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = mail(site, actor, project, wants=given.wants)
    if given.json:
        output.as_json(found)
    else:
        print(f"✓ {found.address or actor.name} is written to: {CHOICES[found.wants]}")  # noqa: T201
    return 0
