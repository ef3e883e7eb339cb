"""`arkwright schema`."""

import argparse

from arkwright.cli import output
from arkwright.project.spec import json_schema


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing of its own."""


def main(given: argparse.Namespace) -> int:  # noqa: ARG001
    output.as_json(json_schema())
    return 0
