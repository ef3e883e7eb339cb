"""`arkwright predict`."""

import argparse
import sys
from pathlib import Path

import msgspec

from arkwright.api.endpoints.answer import predict
from arkwright.cli import context, output
from arkwright.core.errors import Invalid


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="such as late")
    parser.add_argument("rows", help="a file with a JSON object, a JSON list or JSON lines; - reads standard input")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    try:
        body = sys.stdin.buffer.read() if given.rows == "-" else Path(given.rows).read_bytes()
    except OSError as error:
        raise Invalid(f"{given.rows} cannot be read: {error.strerror}") from None
    answer = predict(site, actor, project, endpoint=given.endpoint, rows=_rows(body, given.rows))
    output.as_json(answer, in_order=True)  # probabilities in the order of the classes
    return 0


def _rows(body: bytes, name: str) -> bytes:
    """A JSON document as it is; JSON lines as a JSON list."""
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError as whole:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:
            raise Invalid(f"{name} is not JSON: {whole}") from None
        for number, line in enumerate(lines, 1):
            try:
                msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                raise Invalid(f"{name}, line {number} is not JSON, which is what predict takes: {error}") from None
        return b"[" + b",".join(lines) + b"]"
    return body
