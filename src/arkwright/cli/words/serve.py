"""`arkwright serve`."""

import argparse
import contextlib
import logging
import sys

from arkwright.api.traffic import serve
from arkwright.cli import context, output
from arkwright.core.errors import Invalid
from arkwright.core.ports import Serving

LONGEST_LOAD, LONGEST_DRAIN = 24 * 60 * 60.0, 60 * 60.0  # seconds
LONGEST_QUEUE = 65_536


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
    _check(given)

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


def _check(given: argparse.Namespace) -> None:
    """Raises Invalid for numbers that cannot be."""
    for port in (given.port, given.grpc_port or 0):
        if not 0 <= port < 65536:
            raise Invalid(f"{port} is no port; a port lies between 0 (any free one) and 65535")
    if not 1 <= given.workers <= 256:
        raise Invalid(f"{given.workers} workers cannot be; take 1 to 256, at most one for each processor is of use")
    if given.rate is not None and not given.rate > 0:
        raise Invalid(f"a rate of {given.rate:g} requests a second lets nothing through; take one above 0")
    if not 0 < given.load_time <= LONGEST_LOAD:
        raise Invalid(f"no release loads in {given.load_time:g} s; take a time above 0, of a day at most")
    if not 0 < given.answer_time <= LONGEST_LOAD:
        raise Invalid(f"no model answers in {given.answer_time:g} s; take a time above 0, of a day at most")
    if not 1 <= given.queue <= LONGEST_QUEUE:
        raise Invalid(f"a queue of {given.queue} requests cannot be; take 1 to {LONGEST_QUEUE}")
    if not 0 < given.queue_time <= LONGEST_LOAD:
        raise Invalid(f"nobody can wait for {given.queue_time:g} s; take a time above 0, of a day at most")
    if not 0 <= given.drain_delay <= LONGEST_DRAIN:
        raise Invalid(f"a server cannot go on accepting for {given.drain_delay:g} s; take 0 to an hour of them")
