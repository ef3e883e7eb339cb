"""Completion scripts that shells can read, and that complete."""

import subprocess

import pytest
import shtab

from arkwright.cli.main import main
from arkwright.cli.words import WORDS


@pytest.fixture
def script(tmp_path, capsys):
    """The script for a shell, in a file."""

    def make(shell):
        assert main(["completion", shell]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        file = tmp_path / shell
        file.write_text(out)
        return file

    return make


@pytest.mark.parametrize("shell", shtab.SUPPORTED_SHELLS)
def test_every_word_is_in_the_script(script, shell):
    text = script(shell).read_text()
    for word in WORDS:
        assert word in text


def test_bash_can_read_it(script):
    done = subprocess.run(["bash", "-n", script("bash")], capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_scripts_of_other_shells_begin_as_they_must(script):
    assert script("zsh").read_text().startswith("#compdef arkwright")
    assert "complete arkwright" in script("tcsh").read_text()


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["arkwright", "ser"], ["serve"]),
        (["arkwright", "prom"], ["promote"]),
        (["arkwright", "serve", "--po"], ["--port"]),
        (["arkwright", "why", "--js"], ["--json"]),
        (["arkwright", "completion", "z"], ["zsh"]),
        (["arkwright", "xyz"], []),
    ],
)
def test_bash_completes(script, typed, found):
    words = " ".join(typed)
    ask = (
        f"set -eu; source {script('bash')}; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; COMP_LINE='{words}'; "
        "set +eu; $(complete -p arkwright | sed 's/.*-F \\([^ ]*\\).*/\\1/') arkwright "
        f"'{typed[-1]}' '{typed[-2]}'; printf '%s\\n' ${{COMPREPLY[@]}}"
    )
    done = subprocess.run(["bash", "--norc", "-c", ask], capture_output=True, text=True, check=False, timeout=20)
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == found


def test_another_shell_is_refused(capsys):
    assert main(["completion", "sh"]) == 2
    assert "bash" in capsys.readouterr().err
