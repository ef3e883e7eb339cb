"""The command line itself: words, exit codes, what people read when something goes wrong."""

import shlex
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from arkwright.cli.main import main, parser
from arkwright.cli.words import WORDS
from arkwright.core.errors import BY_NAME, Unknown

ARKWRIGHT = str(Path(sys.executable).with_name("arkwright"))
HEAVY = {"duckdb", "lightgbm", "numpy", "onnx", "onnxruntime", "pandas", "polars", "pyarrow", "rich", "sklearn"}


@pytest.fixture
def broken(monkeypatch):
    """`arkwright schema` raises what is given."""

    def breaks(error):
        def raises(given):
            raise error

        monkeypatch.setattr(import_module("arkwright.cli.words.schema"), "main", raises)

    return breaks


@pytest.mark.parametrize("args", [[], ["-h"], ["--help"], ["help"]])
def test_help_names_every_word_with_its_summary(capsys, args):
    assert main(args) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for word in WORDS.values():
        assert f"  {word.name} " in out
        assert word.summary in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("form", [("{}", "--help"), ("{}", "-h"), ("help", "{}")])
def test_help_of_a_word_shows_examples(capsys, name, form):
    with pytest.raises(SystemExit) as left:
        main([part.format(name) for part in form])
    assert left.value.code == 0
    out, _ = capsys.readouterr()
    assert WORDS[name].summary.split()[0] in out
    assert WORDS[name].examples[0] in out
    assert "--debug" in out


@pytest.mark.parametrize("example", [example for word in WORDS.values() for example in word.examples])
def test_the_examples_are_understood(example):
    command = next(part for part in example.split("|") if part.strip().startswith("arkwright"))
    words = shlex.split(command)
    _, name, *args = words[: words.index(">")] if ">" in words else words
    parser(WORDS[name]).parse_args(args)


def test_version(capsys):
    for args in (["--version"], ["-V"]):
        assert main(args) == 0
        assert capsys.readouterr().out.startswith("arkwright 0.")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("serv", "error: there is no command 'serv'; did you mean \"serve\"?\n"),
        ("promot", "error: there is no command 'promot'; did you mean \"promote\"?\n"),
        ("--json", "error: there is no command '--json'; there is accounts, again, alarms, "),
        ("\x1b[31m\n", "error: there is no command '\\x1b[31m\\n'; there is "),
        ("x" * 10_000, "error: there is no command 'xxxxxx"),
    ],
)
def test_an_unknown_word_is_one_line_with_a_near_miss(capsys, word, says):
    assert main([word]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(says)
    assert err.count("\n") == 1
    assert len(err) < 400


def test_help_of_an_unknown_word(capsys):
    assert main(["help", "serv"]) == 2
    assert 'did you mean "serve"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["why"], "the following arguments are required: release; see: arkwright why --help"),
        (["why", "a", "b"], "unrecognized arguments: b; see: arkwright why --help"),
        (["why", "late", "--jsom"], "unrecognized arguments: --jsom; see: arkwright why --help"),
        (["serve", "--port", "abc"], "argument --port: invalid int value: 'abc'; see: arkwright serve --help"),
    ],
)
def test_wrong_arguments_are_2_and_one_line_with_a_next_step(capsys, args, says):
    assert main(args) == 2
    assert capsys.readouterr() == ("", f"error: {says}\n")


CODES = {"ArkwrightError": 1, "Invalid": 2, "Unknown": 3, "Refused": 4, "Missing": 5, "Corrupt": 6}
CODES |= {
    "Interrupted": 130,
    "Unproven": 7,
    "Forbidden": 8,
    "Throttled": 9,
    "TooLarge": 10,
    "TooSlow": 11,
    "Outdated": 12,
    "NotTaken": 13,
    "NotOffered": 14,
    "Full": 15,
    "Away": 16,
    "GivenUp": 17,
    "Lost": 18,
}


def test_the_whole_error_tree_has_its_codes():
    assert CODES.keys() == BY_NAME.keys()


@pytest.mark.parametrize("name", CODES)
def test_the_error_tree_sets_the_exit_code(capsys, broken, name):
    broken(BY_NAME[name]("this is missing;\nsign it"))
    assert main(["schema"]) == CODES[name]
    assert capsys.readouterr().err == "error: this is missing;\nerror: sign it\n"


def test_what_nobody_expected_is_1_and_bounded(capsys, broken):
    broken(KeyError("x" * 10_000))
    assert main(["schema"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: unexpected: KeyError: 'xxx")
    assert len(first) < 600
    assert second == "error: please report it with what --debug prints"


@pytest.mark.parametrize("error", [Unknown("no such thing"), ZeroDivisionError("no")])
def test_debug_shows_where(broken, error):
    broken(error)
    with pytest.raises(type(error), match=str(error)):
        main(["schema", "--debug"])


def test_an_error_without_words(capsys, broken):
    broken(Unknown(""))
    assert main(["schema"]) == 3
    assert capsys.readouterr().err == "error: unknown error\n"


def test_a_word_that_cannot_be_imported_is_told(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "arkwright.cli.words.schema", None)
    assert main(["schema"]) == 1
    assert capsys.readouterr().err.startswith("error: unexpected: ModuleNotFoundError")


def test_ctrl_c_is_130(capsys, broken):
    broken(KeyboardInterrupt())
    assert main(["schema"]) == 130
    assert capsys.readouterr().err.startswith("error: stopped; ")


def test_a_real_ctrl_c():
    slow = (
        "import time, arkwright.cli.main as m, arkwright.cli.words.schema as s\n"
        "def wait(given):\n    print('waiting', flush=True)\n    time.sleep(20)\n"
        "s.main = wait\nraise SystemExit(m.main(['schema']))"
    )
    with subprocess.Popen([sys.executable, "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
        assert asked.stdout.readline() == b"waiting\n"
        asked.send_signal(signal.SIGINT)
        _, err = asked.communicate(timeout=10)
    assert asked.returncode == 130
    assert err.startswith(b"error: stopped; ")
    assert err.count(b"\n") == 1


@pytest.mark.parametrize("args", [["--help"], ["why", "--help"], ["schema"], ["--version"]])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_went_away_is_no_error(args, buffered, monkeypatch):
    """As `arkwright schema | head -1` does."""
    monkeypatch.setenv("PYTHONUNBUFFERED", buffered)
    with subprocess.Popen([ARKWRIGHT, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
        asked.stdout.close()
        assert asked.stderr.read() == b""
        assert asked.wait(20) == 0


def imported(code):
    command = [sys.executable, "-X", "importtime", "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    times = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in times}


@pytest.mark.parametrize("args", [[], ["--help"], ["--version"], ["serv"]])
def test_nothing_heavy_is_imported_before_a_word_is_chosen(args):
    found = imported(f"from arkwright.cli.main import main; main({args})")
    assert "arkwright" in found
    assert not found & HEAVY


def test_the_overview_needs_no_parser_and_no_near_misses():
    assert not imported("from arkwright.cli.main import main; main(['--help'])") & {"argparse", "difflib", "logging"}


def test_importing_arkwright_costs_nothing():
    found = imported("import arkwright; dir(arkwright)")
    assert "arkwright" in found
    assert not found & (HEAVY | {"msgspec", "sqlglot", "cryptography"})


def test_help_is_quick():
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([ARKWRIGHT, "--help"], capture_output=True, check=True, timeout=20)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.5


@pytest.mark.parametrize("closed", ["<&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_whoever_started_it_may_have_closed_its_streams(closed):
    word = [sys.executable, "-m", "arkwright.cli.main", "--version"]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *word], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
