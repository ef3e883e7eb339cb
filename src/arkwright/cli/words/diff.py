"""`arkwright diff`."""

import argparse

from arkwright.api.look import diff
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", help="such as late@1 or dataset:flights@1")
    parser.add_argument("after", help="such as late@2 or dataset:flights@2")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = diff(site, actor, project, before=given.before, after=given.after)
    if given.json:
        output.as_json(found)
    elif not found:
        output.console().print(f"{given.before} and {given.after} are the same")
    else:
        rows = [(output.escape(d.what), _short(d.before), _short(d.after)) for d in found]
        output.console().print(output.table(("what", given.before, given.after), rows))
    return 0


def _short(value: object) -> str:
    if isinstance(value, str) and len(value) == 64:
        return value[:12]
    if isinstance(value, tuple | list):
        return output.escape(", ".join(str(item) for item in value))
    return output.number(value)
