"""The tutorial, done word by word."""

import re
import socket
import sys
from pathlib import Path

import pytest

from . import console

DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL, SERVING = DOCS / "tutorial.md", DOCS / "serve.md"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_newcomer_can_follow_it(tmp_path):
    page = TUTORIAL.read_text(encoding="utf-8").replace("8000", str(free_port()))
    shell = console.Shell(tmp_path, console.environment(tmp_path))
    try:
        for step in console.steps(page):
            said = shell.run(step)
            shown, got = "\n".join(step.expected), "\n".join(said)
            assert console.matches(step.expected, said), f"$ {step.command}\n\nthe page:\n{shown}\n\nreally:\n{got}"
        ask_as_the_page_about_serving_does(shell, tmp_path)
    finally:
        shell.close()


def ask_as_the_page_about_serving_does(shell, folder):
    """Its Python over gRPC and with Arrow, word by word, of the same project; numbers to four digits."""
    ports = {"8000": str(free_port()), "8001": str(free_port())}
    page = re.sub("8000|8001", lambda port: ports[port[0]], SERVING.read_text(encoding="utf-8"))
    began = console.Step(f"arkwright serve --port {ports['8000']} --grpc-port {ports['8001']} &", ["✓ …", "✓ …"])
    assert len(shell.run(began)) == 2
    by_grpc, with_arrow = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    prints = re.search(r"this prints `(.*)` and `(.*)`:", page).groups()
    shown = re.search(r"^```text\n( *label +probabilities\n.*?)^```$", page, re.MULTILINE | re.DOTALL)[1].splitlines()
    for code, expected in ((by_grpc, prints), (with_arrow, shown)):
        (folder / "asks.py").write_text(code, encoding="utf-8")
        said = shell.run(console.Step(f"{sys.executable} {folder / 'asks.py'}", list(expected)))
        rounded = [re.sub(r"(0\.\d{4})\d*", r"\1…", line) for line in expected]
        assert console.matches(rounded, said), "\n".join(said)


@pytest.mark.parametrize(
    ("expected", "said", "same"),
    [
        (["a  b"], ["a b  "], True),
        (["a b"], ["ab"], False),
        (["a … c"], ["a b b c"], True),
        (["a … c"], ["a b b d"], False),
        (["a", "…", "z"], ["a", "b", "", "z"], True),
        (["a", "…", "z"], ["a", "z"], True),
        (["a", "…", "z"], ["a", "b"], False),
        (["(a.*)"], ["(axx)"], False),
        (["a"], ["· working", "a"], True),
        (["  · a"], ["  · b"], False),
        ([], ["a"], False),
        ([], [], True),
    ],
)
def test_what_counts_as_the_same(expected, said, same):
    assert console.matches(expected, said) is same


@pytest.mark.parametrize(
    ("expected", "said", "same"),
    [
        (["auc 0.829 [0.808, 0.847] -0.003"], ["auc 0.830 [0.809, 0.845] +0.000"], True),
        (["auc 0.829 [0.808, 0.847] -0.003"], ["auc 0.829 [0.808, 0.847] +0.003"], False),
        (["auc 0.829"], ["aux 0.829"], False),
        (["of 3 rows 0.5"], ["of 4 rows 0.5"], False),
        (["0.64… of 0.5"], ["0.6466 of 0.501"], True),
        (["0.64… of 0.5"], ["0.6566 of 0.501"], False),
        (["a", "…", "0.5"], ["a", "0.1", "0.5"], True),
    ],
)
def test_numbers_may_be_a_little_off_where_a_page_says_so(expected, said, same):
    assert console.matches(expected, said, near=0.003) is same


def test_commands_and_what_they_print_are_told_apart():
    page = "```console\n$ one \\\n  two\nsaid\n$ three\n```\n```text\n$ not this\n```\n```console\n$ four &\nx\n```\n"
    assert list(console.steps(page)) == [
        console.Step("one   two", ["said"]),
        console.Step("three", []),
        console.Step("four &", ["x"]),
    ]


def test_the_shell_keeps_its_folder_and_the_last_exit_code_and_ends_all_it_started(tmp_path):
    shell = console.Shell(tmp_path, console.environment(tmp_path))
    try:
        assert shell.run(console.Step("mkdir x && cd x && (exit 3)", [])) == []
        assert shell.run(console.Step("echo $?; pwd", [])) == ["3", str(tmp_path / "x")]
        said = shell.run(console.Step("(sleep 0.2; echo late; exec sleep 60) &", ["late"]))
        assert said == ["late"]
    finally:
        shell.close()
    assert shell._process.returncode is not None
