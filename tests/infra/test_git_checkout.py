"""One edit of one file as a commit of a real git: nothing else is touched, and nothing is half-done."""

import os
import subprocess
import threading

import pytest

from arkwright.core.errors import Refused, Unknown
from arkwright.infra import git_checkout
from arkwright.infra.git_checkout import Person, find

ANA, BEN = Person("ana", "ana@example.org"), Person("ben <x>\n", "ben@example.org")


class Repository:
    def __init__(self, top):
        self.top, self.folder = top, top / "shop"
        self.file = self.folder / "arkwright.toml"
        self.folder.mkdir(parents=True)
        self("init", "-q", "-b", "main")
        self("config", "user.name", "somebody")
        self("config", "user.email", "somebody@example.org")
        self.file.write_text("one\ntwo\nthree\nfour\nfive\nsix\nseven\n")
        (self.folder / "code.py").write_text("pass\n")
        self("add", ".")
        self("commit", "-qm", "begun")

    def __call__(self, *words, check=True):
        done = subprocess.run(["git", *words], cwd=self.top, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, old="two", new="2"):
        return find(self.file).commit(replacing(old, new), "Two is 2\n\nbecause", author=ANA, committer=BEN)


def replacing(old, new):
    def edit(text):
        if old not in text and new not in text:
            raise Unknown("not there")
        return text.replace(old, new)

    return edit


@pytest.fixture
def git(tmp_path):
    return Repository(tmp_path / "top")


def test_a_commit_by_both(git):
    made = git.commit()
    assert made == git("rev-parse", "main")
    assert git("log", "-1", "--format=%an %ae %cn %ce %s") == "ana ana@example.org ben (x) ben@example.org Two is 2"
    assert git("show", "--stat", "--format=", "HEAD").split()[0] == "shop/arkwright.toml"
    assert git("status", "--porcelain") == ""
    assert git.commit() is None  # said once, it is said


def test_other_work_stays_as_it_is(git):
    git.file.write_text(git.file.read_text().replace("seven", "7"))
    git("add", "shop/arkwright.toml")  # staged, and after that more that is not
    git.file.write_text(git.file.read_text() + "eight\n")
    (git.folder / "code.py").write_text("work\n")
    git("add", "shop/code.py")
    (git.folder / "new.py").write_text("new\n")
    before = git("diff", "--cached", "shop/code.py")
    git.commit()
    assert git("show", "HEAD:shop/arkwright.toml").splitlines() == ["one", "2", "three", "four", "five", "six", "seven"]
    assert git("show", ":shop/arkwright.toml").splitlines() == ["one", "2", "three", "four", "five", "six", "7"]
    assert git.file.read_text() == "one\n2\nthree\nfour\nfive\nsix\n7\neight\n"
    assert git("diff", "--cached", "shop/code.py") == before
    assert git("status", "--porcelain") == "MM shop/arkwright.toml\nM  shop/code.py\n?? shop/new.py"


def test_a_change_at_the_same_place_is_refused_before_anything_is_written(git):
    git.file.write_text(git.file.read_text().replace("two", "zwei"))
    with pytest.raises(Refused, match="changes at this place that are not committed"):
        git.commit()
    git("add", ".")
    with pytest.raises(Refused, match="changes at this place that are not committed"):
        git.commit()
    assert git("rev-list", "--count", "HEAD") == "1"
    assert "zwei" in git.file.read_text()


def test_never_in_the_middle_of_something(git):
    git("switch", "-qc", "other")
    git.file.write_text(git.file.read_text().replace("five", "fünf"))
    git("commit", "-qam", "other")
    git("switch", "-q", "main")
    git.file.write_text(git.file.read_text().replace("five", "cinq"))
    git("commit", "-qam", "mine")
    for begin, end, what in (
        (("merge", "other"), ("merge", "--abort"), "a merge"),
        (("rebase", "other"), ("rebase", "--abort"), "a rebase"),
        (("cherry-pick", "other"), ("cherry-pick", "--abort"), "a cherry-pick"),
    ):
        git(*begin, check=False)
        with pytest.raises(Refused, match=f"{what} is under way"):
            git.commit()
        git(*end)
    git("checkout", "-q", "--detach")
    with pytest.raises(Refused, match="on no branch"):
        git.commit()
    git("switch", "-q", "main")
    assert git.commit()


def test_no_checkout_no_commit(git, tmp_path):
    assert find(tmp_path / "arkwright.toml") is None
    (git.folder / "loose.toml").write_text("x")
    assert find(git.folder / "loose.toml") is None
    assert find(git.folder / "nowhere" / "x.toml") is None


def test_a_checkout_of_another_user_says_what_git_has_against_it(git, monkeypatch):
    run, others = git_checkout._run, {"env": {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}}
    monkeypatch.setattr(git_checkout, "_run", lambda folder, *words, **given: run(folder, *words, **given | others))
    with pytest.raises(Refused, match=r"git refused: .*dubious ownership"):
        git.commit()


def test_a_held_index_changes_no_branch(git):
    (git.top / ".git" / "index.lock").touch()
    with pytest.raises(Refused, match=r"git refused: .*index\.lock"):
        git.commit()
    assert git("rev-list", "--count", "HEAD") == "1"
    assert "two" in git.file.read_text()
    (git.top / ".git" / "index.lock").unlink()
    assert git.commit()
    assert git("status", "--porcelain") == ""


@pytest.mark.parametrize("step", ["update-index", "commit-tree", "update-ref"])
def test_ended_anywhere_it_goes_on(git, monkeypatch, step):
    run = git_checkout._run

    def dying(folder, *words, **given):
        if words[0] == step and not given.get("env", {}):
            raise KeyboardInterrupt
        if words[0] == step == "commit-tree":
            raise KeyboardInterrupt
        return run(folder, *words, **given)

    monkeypatch.setattr(git_checkout, "_run", dying)
    with pytest.raises(KeyboardInterrupt):
        git.commit()
    monkeypatch.undo()
    assert git("rev-list", "--count", "HEAD") == "1"
    assert git.commit()
    assert git("rev-list", "--count", "HEAD") == "2"
    assert git("status", "--porcelain") == ""


def test_commits_that_come_in_meanwhile_stay(git):
    def others():
        for n in range(8):
            (git.folder / f"{n}.txt").write_text("x")
            git("add", f"shop/{n}.txt", check=False)
            git("commit", "-qm", str(n), f"shop/{n}.txt", check=False)

    working = threading.Thread(target=others)
    working.start()
    try:
        for old, new in (("two", "2"), ("three", "3"), ("four", "4")):
            try:
                git.commit(old, new)
            except Refused:
                continue  # their lock, their commits; nobody lost any
    finally:
        working.join()
    for old, new in (("two", "2"), ("three", "3"), ("four", "4")):
        git.commit(old, new)
    assert git("show", "HEAD:shop/arkwright.toml").splitlines()[:4] == ["one", "2", "3", "4"]
    files = git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
    said = {line for line in git("log", "--format=%s").splitlines() if line.isdigit()}
    assert {f"shop/{n}.txt" for n in said} <= set(files)


def test_what_the_environment_says_of_other_repositories_counts_for_nothing(git, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert find(git.file).commit(replacing("two", "2"), "m", author=ANA, committer=BEN)
    assert not os.path.lexists(tmp_path / "index")
