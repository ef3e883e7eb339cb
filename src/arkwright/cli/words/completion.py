"""`arkwright completion`."""

import argparse
import sys
from importlib import import_module

import shtab

from arkwright.cli import everywhere
from arkwright.cli.words import WORDS


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=shtab.SUPPORTED_SHELLS)


def main(given: argparse.Namespace) -> int:
    whole = argparse.ArgumentParser(prog="arkwright")
    words = whole.add_subparsers()
    for word in WORDS.values():
        inner = words.add_parser(word.name, help=word.summary, conflict_handler="resolve")
        everywhere.options(inner)
        import_module(f"arkwright.cli.words.{word.module}").arguments(inner)
    sys.stdout.write(shtab.complete(whole, shell=given.shell) + "\n")
    return 0
