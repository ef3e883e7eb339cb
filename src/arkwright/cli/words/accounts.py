"""`arkwright accounts`."""

import argparse

from arkwright.api.people.accounts import accounts
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = accounts(site, actor, project)
    if given.json:
        output.as_json(found)
        return 0
    rows = [
        (
            s.account.name,
            s.account.role,
            ", ".join(s.account.signs),
            output.escape(s.account.email),
            " or ".join(s.ways) or "not entered yet",
            s.sessions,
            s.tokens,
        )
        for s in found
    ]
    head = ("name", "role", "signs as", "e-mail", "enters by", ">sessions", ">tokens")
    output.console().print(output.table(head, rows))
    return 0
