"""Calling what the user wrote: their mistake comes back as one line with their file and line, never as a crash."""

import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from arkwright.core.errors import ArkwrightError, Invalid

SEED, REPORT = GIVEN = ("seed", "report")  # what a model's function may ask for besides its inputs and its target
_LONGEST = 300
_FRAMES, _CHAIN = 8, 4  # that are told of an error, the innermost; errors that came of one another
_NO_FILES = "; the code runs without the files beside it: make what it reads a source, [data.NAME]"


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a user's function and give back what it gives.

    Raises Invalid naming the file, the line and the user's own message when it raises or tries to exit the process.
    Errors of ours and KeyboardInterrupt pass unchanged.
    """
    try:
        return function(*args, **kwargs)
    except (ArkwrightError, KeyboardInterrupt):
        raise
    except SystemExit as error:
        said = f"it ended the process with exit({error.code!r}); return or raise an error instead"
        raise Invalid(f"{where(function, error.__traceback__)}: {_bounded(said)}") from error
    except BaseException as error:  # a panic of polars is no Exception
        raise Invalid(f"{where(function, error.__traceback__)}: {describe(error)}") from error


def execute(run: Callable[[], Any], home: Path) -> None:
    """Run the top level of a user's file in `home`. Raises Invalid with file and line; errors of ours and
    KeyboardInterrupt pass.
    """
    try:
        run()
    except (ArkwrightError, KeyboardInterrupt):
        raise
    except SystemExit as error:
        line = _innermost(error.__traceback__, home)
        raise Invalid(f"{line}: it ended the process with exit({error.code!r}) while being imported") from None
    except ImportError as error:
        line = _innermost(error.__traceback__, home)
        raise Invalid(f"{line}: {describe(error)}; is it installed where arkwright is?") from None
    except BaseException as error:
        raise Invalid(f"{_innermost(error.__traceback__, home)}: {describe(error)}") from error


def _innermost(trace: TracebackType | None, home: Path) -> str:
    frames = [frame for frame in traceback.extract_tb(trace) if Path(frame.filename).is_relative_to(home)]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else home.name


def where(function: Callable[..., Any], trace: TracebackType | None = None) -> str:
    """`flights.py:12 in late`: the last frame in the user's own folder, or where the function begins."""
    name = getattr(function, "__name__", type(function).__name__)
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return name
    home = Path(code.co_filename).parent
    line, file = code.co_firstlineno, Path(code.co_filename)
    for frame in traceback.extract_tb(trace):
        path = Path(frame.filename)
        if path.is_relative_to(home) and "site-packages" not in path.relative_to(home).parts:
            line, file = frame.lineno or line, path
    return f"{file.name}:{line} in {name}"


def describe(error: BaseException) -> str:
    """`ValueError: what it says`, one bounded line even when the message is many or cannot be made."""
    try:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    except Exception:  # noqa: BLE001 - a user's __str__ can raise anything
        lines = []
    said = _bounded(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
    return said + _NO_FILES if isinstance(error, FileNotFoundError) else said


def frames(error: BaseException) -> str:
    """Where it was raised and what it came of, in one line, without what it says: that may hold what a caller sent, and
    a log is no place for it. `ValueError (code/flights.py:12 in late), from …`. What we say by ourselves is told.
    """
    found: list[str] = []
    one: BaseException | None = error
    while one is not None and len(found) < _CHAIN:
        stack = traceback.extract_tb(one.__traceback__)
        steps = [f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in stack[-_FRAMES:]]
        ours = isinstance(one, ArkwrightError) and one.__cause__ is None and one.__context__ is None
        found.append(f"{describe(one) if ours else type(one).__name__} ({' > '.join(steps)})")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return ", from ".join(found)


def _short(file: str) -> str:
    """A file and its folder."""
    return "/".join(Path(file).parts[-2:])


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " …"
