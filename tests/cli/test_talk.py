"""People on the command line: every word of discussion and looking, on a site without accounts or project."""

import json

import pytest

from arkwright.api.people.accounts import invite, token
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.nouns import Actor, Comment, Run
from arkwright.core.record import decode
from arkwright.govern.roles import rights
from arkwright.sites import Site


@pytest.fixture
def say(tmp_path, capsys):
    site = Site(tmp_path)
    noun = Run(name="flights", version=0, author="ana", state="failed", started="2026-01-01T00:00:00", seed=1, code="",
               lock="", error="[red]disk[/] full")  # fmt: skip
    versions.add(site.ledger, "ana", noun)
    site.ledger.close()

    def run(*words, by="ana", code=0):
        assert main([*words, "--site", str(tmp_path), "--by", by]) == code
        out, err = capsys.readouterr()
        return err if code else out

    return run


def test_a_question_on_the_command_line(say):
    assert "nothing was said yet" in say("threads")
    assert "nobody has answered" in say("people")
    assert say("denied") == "nothing was refused that fits\n"
    assert "this site has no accounts" in say("end", "5f2c81d0a4b7e693", code=7)
    told = say("discuss", "flights", "Why? @ben", "--question", by="cleo")
    assert "question 1 in thread 1, about run:flights@1; told: ben" in told
    say("discuss", "1", "The [red]disk[/].", by="ben")
    assert "The [red]disk[/]." in say("threads", "1")
    assert "open question" in say("threads", "run:flights@1")
    assert say("threads", "--mine", by="nobody") == "no discussion fits\n"
    assert "helpful to 1" in say("answer", "2", "--helpful")
    assert "the answer" in say("answer", "2", by="cleo")
    assert "ben       4" in say("people")
    assert "mentioned" in say("inbox", by="ben")
    assert "run:flights@1 failed: [red]disk[/] full" in say("inbox")
    assert "hears of run:flights@1" in say("follow", "run:flights@1", "--off")
    assert "changed" in say("amend", "2", "The disk.", by="ben")
    assert "deleted" in say("amend", "2", "--delete", by="ben")
    assert "(deleted)" in say("threads", "1")
    assert "0 unread" in say("seen", "--upto", "100")
    assert "comment 9" in say("answer", "9", code=3)


def test_who_is_told_and_who_is_not(tmp_path, capsys, monkeypatch):
    """With accounts, where it is known who there is."""
    site = Site(tmp_path)
    owner = Actor(name="olga", proven=True, rights=rights("owner"))
    for name in ("olga", "ben"):
        invite(site, Actor(name="x") if name == "olga" else owner, tmp_path, name=name, role="owner")
    noun = Run(name="flights", version=0, author="olga", state="failed", started="2026-01-01T00:00:00", seed=1,
               code="", lock="", error="x")  # fmt: skip
    versions.add(site.ledger, "olga", noun)
    monkeypatch.setenv("ARKWRIGHT_TOKEN", token(site, owner, tmp_path, role="owner").secret)
    assert main(["discuss", "flights", "@Ben, @here, `@code`", "--site", str(tmp_path)]) == 0
    assert "about run:flights@1; told: ben; nobody is called here" in " ".join(capsys.readouterr().out.split())
    (comment,) = site.ledger.find("comment")
    assert decode(Comment, comment.body).mentions == ("ben",)


def test_looking(say):
    assert "disk" in say("runs", "--state", "failed", "--since", "1h")
    assert "no run fits" in say("runs", "--author", "ben")
    assert "no dataset is called" in say("quarantine", "flights", code=3)
    assert "2 to 20 runs" in say("compare", "flights@1", code=2)
    assert "run:flights@1" in say("search", "disk")
    assert "nothing holds" in say("search", "unicorn")
    assert "no endpoint is called 'late'" in say("live", "late", code=3)
    (event,) = [json.loads(line) for line in say("ledger", "export").splitlines()]
    assert (event["seq"], event["kind"]) == (1, "run")
    assert "flights@1" in say("ledger", "--about", "run:flights", "--who", "ana", "--kind", "run")
