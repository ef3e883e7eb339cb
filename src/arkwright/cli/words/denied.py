"""`arkwright denied`."""

import argparse
from datetime import UTC, datetime

from arkwright.api.people.audit import denied
from arkwright.cli import context, output
from arkwright.core.times import moment


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", help="only this account's")
    parser.add_argument("--since", metavar="TIME", help="1h, 7d, or a time in UTC such as 2026-11-25T08:00")
    parser.add_argument("--until", metavar="TIME", help="the same; tried before it")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    since, until = moment(given.since), moment(given.until)
    found = denied(site, actor, project, who=given.who, since=since, until=until)
    if given.json:
        output.as_json(found)
        return 0
    if not found:
        output.console().print("nothing was refused that fits")
        return 0
    rows = [
        (
            f"{datetime.fromtimestamp(one.last, UTC):%Y-%m-%d %H:%M:%S}",
            one.count,
            output.escape(one.who) + ("" if one.proven or not one.who else " (claimed)"),
            output.escape(one.what),
            one.right,
            output.escape(one.why),
            output.escape(one.address) or "many",
        )
        for one in found
    ]
    output.console().print(output.table(("last (UTC)", ">times", "who", "what", "needs", "why", "from"), rows))
    return 0
