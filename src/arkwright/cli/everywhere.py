"""The options that every word has. They are added before its own, which may mean something else by `--role`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser


def options(parser: "ArgumentParser") -> None:
    common = parser.add_argument_group("everywhere")
    common.add_argument("--project", metavar="DIR", help="the project folder (default: here, or the one around it)")
    common.add_argument("--by", metavar="NAME", help="who acts (default: $ARKWRIGHT_BY, git's user, or the login name)")
    common.add_argument(
        "--role", metavar="ROLE", help="in which role; declared, not proven, on a site without accounts"
    )
    common.add_argument("--json", action="store_true", help="answer in JSON")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
