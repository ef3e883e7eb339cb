"""`arkwright serve`."""

import argparse
import contextlib
import logging
import sys

from arkwright.api.endpoints.traffic import serve
from arkwright.cli import context, output
from arkwright.core.masked import quiet_driver
from arkwright.core.ports import Serving


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoints", nargs="*", metavar="ENDPOINT", help="which (default: every one with a release)")
    parser.add_argument("--host", default="127.0.0.1", help="loopback only: there is no authentication yet")
    parser.add_argument("--port", type=int, default=8000, help="0: any free port")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that share the port (default: 1)"
    )
    parser.add_argument(
        "--pin",
        action="store_true",
        help="keep a single worker on one processor too (more have one each, where there are enough)",
    )
    parser.add_argument("--rate", type=float, metavar="N", help="requests a second that one client may send")
    parser.add_argument(
        "--drain-delay",
        type=float,
        default=5.0,
        metavar="S",
        help="seconds in which it still accepts after SIGTERM (default: 5); none after Ctrl-C",
    )
    parser.add_argument(
        "--load-time", type=float, default=60.0, metavar="S", help="seconds in which a release must load (default: 60)"
    )
    parser.add_argument(
        "--answer-time",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds in which a request must be answered (default: 60); a worker that computes for longer is replaced",
    )
    parser.add_argument(
        "--queue", type=int, default=2048, metavar="N", help="requests that may wait for one model (default: 2048)"
    )
    parser.add_argument(
        "--queue-time", type=float, default=5.0, metavar="S", help="seconds that they may wait (default: 5)"
    )
    parser.add_argument(
        "--grpc-port", type=int, metavar="N", help="answer over gRPC too, on this port; 0: any free one"
    )
    parser.add_argument("--access-log", metavar="FILE", help="a JSON line for each request; -: standard output")
    parser.add_argument("--otlp", metavar="URL", help="send traces to this OpenTelemetry collector")
    parser.add_argument("--repository", action="store_true", help="let clients load and unload endpoints")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    quiet_driver()

    def ready(address: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads it, or nothing takes it: that ends no server
            if given.json:
                output.as_json({"address": address})
            else:
                print(f"✓ answers at {address}  (Ctrl-C stops it)")  # noqa: T201
            sys.stdout.flush()  # whoever reads a pipe waits for it

    how = Serving(
        host=given.host,
        port=given.port,
        workers=given.workers,
        pin=given.pin,
        rate=given.rate,
        drain_delay=given.drain_delay,
        load_time=given.load_time,
        answer_time=given.answer_time,
        queue=given.queue,
        queue_time=given.queue_time,
        repository=given.repository,
        grpc_port=given.grpc_port,
        access_log=given.access_log,
        traces=given.otlp,
    )
    serve(site, actor, project, endpoints=given.endpoints, how=how, ready=ready)
    return 0
