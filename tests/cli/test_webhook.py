"""What people read of `arkwright webhook`, `webhooks`, `unhook` and `mail`."""

import json

import pytest

from arkwright.cli.main import main
from arkwright.notify import hooks, state
from arkwright.notify.state import Kept, State


@pytest.fixture
def say(at, capsys):
    (at.site.folder / "site.toml").write_text('[webhooks]\nallow = ["127.0.0.1/32"]\n')

    def one(*words):
        code = main([*words, "--project", str(at.folder)])
        return (code, *capsys.readouterr())

    return one


def test_from_the_first_to_the_last(say, at):
    assert say("webhooks")[1] == "nobody outside is told anything; begin with: arkwright webhook NAME URL\n"
    code, out, err = say("webhook", "ci", "http://127.0.0.1:9/T0/rare", "--on", "releases", "--on", "moves")
    assert code == 0
    assert out.startswith("whsec_")  # alone on standard output, for a pipe
    assert "✓ ci tells http://127.0.0.1:9/… as cloudevents of releases, moves" in err
    assert say("webhook", "ci", "--on", "alarms")[1] == "✓ ci tells http://127.0.0.1:9/… as cloudevents of alarms\n"
    assert "nothing yet" in say("webhooks")[1]
    hook = hooks.get(at.site.vault, "ci")
    dead = State(place=1, tries=2, due=2e9, last="[red]answered 500", last_at="2026-11-29T08:00").given_up(
        7, "", "answered 500", "2026"
    )
    Kept(at.site.vault, hook.id).change(dead)
    out = say("webhooks")[1]
    assert "✗ ci: [red]answered 500 (2026-11-29T08:00 UTC); tried 2 times, again in" in out
    assert "✗ ci: 1 message was given up, the last of event 7: answered 500" in out
    assert "next: arkwright webhook ci --again" in out
    assert json.loads(say("webhooks", "--json")[1])[0]["dead"][0]["seq"] == 7
    assert say("webhook", "ci", "--again")[0] == 0
    assert at.site.vault.get(state.WISH, hook.id)
    assert say("unhook", "ci")[1] == "✓ http://127.0.0.1:9/… is told nothing any more\n"


def test_what_is_wrong_is_one_line(say):
    code, _, err = say("webhook", "ci", "http://169.254.169.254/")
    assert code == 4
    how = "the site's owner may allow it in site.toml: [webhooks] allow, which counts at once"
    assert err == f"error: 169.254.169.254 is not public; {how}\n"
    assert say("webhook", "ci", "https://127.1/")[0] == 2
    assert say("unhook", "ci")[0] == 3
    assert say("mail")[0] == 4
