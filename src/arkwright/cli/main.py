"""The command line: finds the word, parses its arguments, tells errors as people want to read them.

Nothing heavy is imported before a word is chosen, so that `arkwright --help` answers at once.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from arkwright.cli import everywhere
from arkwright.cli.words import WORDS, Word, overview
from arkwright.core.errors import ArkwrightError, Invalid, did_you_mean
from arkwright.core.visible import visible

if TYPE_CHECKING:
    from argparse import ArgumentParser


def main(argv: list[str] | None = None) -> int:
    """Run one word; the exit code comes from the error tree."""
    args = list(sys.argv[1:] if argv is None else argv)
    _have_streams()
    try:
        try:
            return _answer(args)
        finally:
            sys.stdout.flush()  # here, where a reader that left can still be told from a mistake
    except ArkwrightError as error:
        if "--debug" in args:
            raise
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("stopped; nothing is half-written, and the same command goes on where this one was", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away, as `head` does
        return 0
    except Exception as error:
        if "--debug" in args:
            raise
        what = f"{type(error).__name__}: {error}"[:500]
        return _fail(f"unexpected: {what}\nplease report it with what --debug prints", 1)


def _have_streams() -> None:
    """Whoever started us may have closed some: then a file or a client's socket would get its number, and its words."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - the lowest free number: this one
            setattr(sys, name, os.fdopen(fd, "w" if fd else "r", closefd=False))


def _answer(args: list[str]) -> int:
    if args[:1] == ["help"] and args[1:]:
        args = [args[1], "--help"]
    if not args or args[0] in ("-h", "--help", "help"):
        print(overview())  # noqa: T201
        return 0
    if args[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(f"arkwright {version('arkwright')}")  # noqa: T201
        return 0
    word = WORDS.get(args[0])
    if word is None:
        return _fail(f"there is no command {args[0][:80]!r}{did_you_mean(args[0][:80], WORDS)}", 2)
    made = parser(word)
    return int(import_module(f"arkwright.cli.words.{word.module}").main(made.parse_args(args[1:])) or 0)


def parser(word: Word) -> "ArgumentParser":
    """The parser of one word, with the options that every word has. It raises Invalid for what it does not know."""
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    class Parser(ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise Invalid(f"{message}; see: {self.prog} --help")

    made = Parser(
        prog=f"arkwright {word.name}",
        description=word.summary,
        epilog="examples:\n" + "\n".join(f"  {example}" for example in word.examples),
        formatter_class=RawDescriptionHelpFormatter,
        conflict_handler="resolve",  # a word may mean something else by --role
    )
    everywhere.options(made)
    import_module(f"arkwright.cli.words.{word.module}").arguments(made)
    return made


def _fail(message: str, code: int) -> int:
    lines = visible(message).splitlines() or ["unknown error"]
    for line in lines:
        print(f"error: {line}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    raise SystemExit(main())
