"""How pytest's processes collect the whole suite. Each begins with other files: to rewrite their assertions takes
longer than all else of it, and what one of them has rewritten the others find compiled. Then all have them in one
order, in which the longest come first.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONGEST = (  # half a minute and more, some of it in one test: begun last, one of them would keep all others waiting
    "docs/test_watch_tutorial.py", "docs/test_tutorial.py", "scripts/test_demo.py", "serve/rest/test_schemathesis.py",
    "rest/test_schemathesis.py", "examples/test_flights_sql.py", "test_remote_acts.py", "serve/grpc/test_kserve.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    if shared(config):
        number = int(config.workerinput["workerid"].removeprefix("gw"))
        files = ordered()
        first = len(files) * number // config.workerinput["workercount"]
        config.args = [str(file) for file in files[first:] + files[:first]]


def shared(config: pytest.Config) -> bool:
    """Whether this is one of several processes, and no tests were asked for by name."""
    return hasattr(config, "workerinput") and config.args_source is pytest.Config.ArgsSource.TESTPATHS


def ordered() -> list[Path]:
    """All files of tests."""
    files = sorted(HERE.rglob("test_*.py"))
    return sorted(files, key=lambda file: file.relative_to(HERE).as_posix() not in LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is rewritten is kept, also where Python is told to write nothing."""
    was, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = was


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if shared(config):
        place = {file: n for n, file in enumerate(ordered())}
        items.sort(key=lambda item: place[item.path])
