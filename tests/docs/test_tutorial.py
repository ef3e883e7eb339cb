"""The tutorial, done word by word."""

import socket
from pathlib import Path

import pytest

from . import console

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


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
    finally:
        shell.close()


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
