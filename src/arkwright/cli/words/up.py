"""`arkwright up`."""

import argparse
import sys
from pathlib import Path

from arkwright.cli import context, output
from arkwright.control.listening import Listening
from arkwright.control.server import up
from arkwright.sites import choose_ledger


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8080, help="0: any free port (default: 8080)")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: 127.0.0.1, this machine only)")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="a certificate, with those above it; PEM")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key; PEM, without a password")
    parser.add_argument(
        "--public-url",
        metavar="URL",
        help="how people reach it, where a proxy in front ends TLS (default: `address` in site.toml)",
    )
    parser.add_argument(
        "--proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="of a proxy, or a network of them, whose X-Forwarded-For is believed",
    )
    parser.add_argument(
        "--ledger",
        metavar="URL",
        help="for a new site: keep its records at postgresql://user@host/database?schema=NAME (noted in site.toml)",
    )
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    if given.ledger:
        site = choose_ledger(site, given.ledger)

    def ready(address: str, listens: str, link: str | None) -> None:
        if given.json:
            output.as_json({"address": address, "listens": listens, "join": link})
        else:
            print(f"✓ the control room is at {address}  (Ctrl-C stops it)")  # noqa: T201
            if not address.endswith(f"://{listens}"):
                print(f"  it listens on {listens}")  # noqa: T201
            if link:
                print(f"  the first owner enters here, once: {link}")  # noqa: T201
        sys.stdout.flush()

    listening = Listening(
        host=given.host,
        port=given.port,
        cert=given.tls_cert,
        key=given.tls_key,
        public_url=given.public_url or site.settings.address,
        proxies=tuple(given.proxy),
    )
    up(site, actor, project, listening=listening, ready=ready)
    return 0
