"""What explains an alarm: planted in what was answered, found by the counts alone, on record and told."""

import json
import shlex
import time
from types import SimpleNamespace

import numpy as np
import pytest
from tests.api.answering import answered

from arkwright.api.decide import sign
from arkwright.api.endpoints.logged import label, predictions
from arkwright.api.endpoints.rollout import promote
from arkwright.api.watch import causes as module
from arkwright.api.watch import log, rounds
from arkwright.api.watch.alarms import alarms
from arkwright.api.watch.causes import causes
from arkwright.api.watch.rounds import watch
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.errors import Unknown
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.where import others, parse
from arkwright.measures.causes import Part
from arkwright.serve.telemetry import minutes
from arkwright.serve.telemetry.minutes import Minute

PROMISES = """gate  = "production"
promises = ["psi(country) < 0.1", "drifted_columns() == 0", "recall >= 0.99", "error_rate <= 0.001", "rows < 10"]
"""


def live(at, more=""):
    at.shop.edit("arkwright.toml", 'gate  = "production"\n', PROMISES + more)
    at.do(sign, at.ben, release="buys")
    at.do(sign, at.cleo, release="buys")
    at.do(promote, release="buys")
    return at


def rows(n, german):
    rng = np.random.default_rng(1)
    return [
        {"country": "DE" if rng.random() < german else "FR", "spent": float(rng.uniform(0, 120)), "age": None}
        for _ in range(n)
    ]


def raised(at):
    at.do(watch, names=["buys"])
    return {one.alarm.promise: one.alarm for one in at.do(alarms).items}


def test_an_alarm_says_why_and_lists_the_rows(at, monkeypatch, capsys):
    live(at)
    came = rows(600, german=0.02)
    answered(at, came, monkeypatch)
    alarm = raised(at)["psi(country) < 0.1"]
    assert any(one.startswith("country=DE: ") and "explains" in one for one in alarm.causes)
    assert any(one.startswith("country=") for one in raised(at)["drifted_columns() == 0"].causes)
    assert raised(at)["rows < 10"].causes == ()
    words = shlex.split(alarm.rows)
    assert words[:3] == ["arkwright", "predictions", "buys"]
    value = words[words.index("--where") + 1]
    capsys.readouterr()
    assert main([*words[1:], "--limit", "1000", "--json", "--project", str(at.folder)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {f"country={one['country']}" for one in found} == {value}
    assert len(found) == sum(f"country={one['country']}" == value for one in came)
    again = at.do(causes, alarm=alarm.ref)
    assert (again.says, again.rows[0]) == (alarm.causes, alarm.rows)
    assert sum(part.now for part in again.explained.parts) == pytest.approx(1)
    assert main(["alarms", "--project", str(at.folder)]) == 0
    assert "why: country=" in capsys.readouterr().out
    with pytest.raises(Unknown, match="no alarm is called 'buys/99'; arkwright alarms buys lists them"):
        at.do(causes, alarm="buys/99")


def test_what_was_raised_on_few_rows_is_explained_by_those_that_came_since(at, monkeypatch):
    live(at)
    answered(at, rows(20, german=0.02), monkeypatch, ago=4200)
    with monkeypatch.context() as patched:  # an hour ago
        for one in (log, rounds):
            patched.setattr(one, "time", SimpleNamespace(time=lambda: time.time() - 3600))
        alarm = raised(at)["psi(country) < 0.1"]
    assert alarm.causes == ("too few rows to tell why",)
    assert at.do(causes, alarm=alarm.ref).says == alarm.causes
    answered(at, rows(600, german=0.02), monkeypatch, ago=300)
    raised(at)  # it stands, and what came is counted
    assert any(one.startswith("country=DE: ") for one in at.do(causes, alarm=alarm.ref).says)


def test_a_redacted_column_is_never_named(at, monkeypatch):
    live(at)
    answered(at, rows(600, german=0.02), monkeypatch)
    endpoint = versions.resolve(at.site.ledger, Endpoint, "buys")
    monkeypatch.setattr(module.terms, "recorded", lambda _: endpoint.terms.__class__(**{
        **{name: getattr(endpoint.terms, name) for name in endpoint.terms.__dataclass_fields__}, "redact": ("country",)
    }))  # fmt: skip
    for promise in ("psi(country) < 0.1", "drifted_columns() == 0"):
        alarm = raised(at)[promise]
        again = at.do(causes, alarm=alarm.ref)
        assert not any("country" in one for one in (*again.says, *again.rows))


def test_labels_and_failing_minutes_are_explained(at, monkeypatch):
    live(at)
    came = rows(400, german=0.5)
    answered(at, came, monkeypatch)
    at.do(label, endpoint="buys", labels=[{"id": f"r600-{n // 100 * 100}", "row": n % 100, "label": 1}
                                          for n in range(len(came))])  # fmt: skip
    clock = minutes.time.time() // 60 * 60 - 900
    for n in range(10):
        codes = {"200": 100, "500": 60} if n == 4 else {"200": 160}
        one = Minute(next(iter(versions.resolve(at.site.ledger, Endpoint, "buys").shares)), clock + 60 * n,
                     clock + 60 * n + 60, codes, 160)  # fmt: skip
        minutes._append(at.site.predictions / "buys" / minutes.FOLDER, one)
    found = raised(at)
    assert "10 % of requests; error_rate 0.375, else 0; explains 100 %" in found["error_rate <= 0.001"].causes[0]
    assert found["recall >= 0.99"].causes[0].startswith(("country=", "recall is no worse", "no group explains it"))


def test_what_goes_wrong_while_it_explains_holds_up_no_alarm(at, monkeypatch):
    live(at)
    answered(at, rows(600, german=0.02), monkeypatch)

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(module.Explainer, "explain", broken)
    assert raised(at)["psi(country) < 0.1"].causes == ()


def test_predictions_with_a_value_only(at, monkeypatch):
    live(at)
    answered(at, rows(50, german=0.5), monkeypatch)
    for where, check in (
        (("spent>=60", "spent<90"), lambda row: 60 <= row["spent"] < 90),
        (("country=DE",), lambda row: row["country"] == "DE"),
        (("age=",), lambda row: row["age"] is None),
        (("country=' OR 1=1 --",), lambda _: False),
    ):
        found = at.do(predictions, endpoint="buys", where=where).to_pylist()
        assert len(found) == sum(map(check, rows(50, german=0.5)))
        assert all(map(check, found))
    with pytest.raises(Unknown, match="no prediction has a column 'contry'; did you mean \"country\""):
        at.do(predictions, endpoint="buys", where=["contry=DE"])


def test_rows_without_a_value_are_none_that_were_refused(at):
    release = versions.resolve(at.site.ledger, Release, "buys@1")
    part = Part(column="age", where=others("age", [(parse("age>=5"),)], empty=True))
    assert module._rows(release, part, {"age": "row_age"}, (0, 60)).where == ("row_age<5|row_age=", "status=200")
