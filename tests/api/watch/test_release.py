"""What a gate and an endpoint promise of a release itself: its packages, its age, its bytes."""

import json
import os
import time
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.metadata import version

import pytest
from tests.api.answering import answered, rows

from arkwright.api.build import quiet
from arkwright.api.decide import sign, why
from arkwright.api.doctor import doctor
from arkwright.api.endpoints.logged import label
from arkwright.api.endpoints.rollout import SIGNATURE, promote
from arkwright.api.ignoring import ignore
from arkwright.api.watch import looked
from arkwright.api.watch.release import Live
from arkwright.api.watch.rounds import rounds, watch
from arkwright.cli.main import main
from arkwright.core import ignored, versions
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor, Release
from arkwright.core.promises import parse
from arkwright.core.record import decode, now
from arkwright.core.telling import tell
from arkwright.govern import roles
from arkwright.release import bom

SAFE = "vulnerabilities(severity=high) == 0"
OF_ENDPOINT = f'gate  = "production"\npromises = ["{SAFE}", "model_age_days <= 180", "tampered_files == 0"]\n'


def known(at, *entries):
    """The site's advisories, of today: about no package of its own, and these."""
    folder = at.folder / ".arkwright"
    (folder / "site.toml").write_text('[advisories]\nsource = "advisories.json"\n')
    (folder / "advisories.json").write_text(json.dumps([advisory("GHSA-0", "something-else", "1"), *entries]))


def advisory(number, name, fixed, severity="HIGH"):
    events = [{"introduced": "0"}, {"fixed": fixed}]
    affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    return {"id": number, "modified": now(), "affected": affected, "database_specific": {"severity": severity}}


def at_gate(at, promise=SAFE):
    at.shop.edit("arkwright.toml", '"agreement >= 0.9"', f'"agreement >= 0.9", "{promise}"')


def of(findings, promise=SAFE):
    return next(one for one in findings if one.promise == promise)


@pytest.fixture
def live(at):
    """The endpoint `buys`, promoted, with promises about its release."""
    known(at)
    at.shop.edit("arkwright.toml", 'gate  = "production"\n', OF_ENDPOINT)
    at.do(sign, at.ben, release="buys")
    at.do(sign, at.cleo, release="buys")
    at.do(promote, release="buys")
    return at


def watched(at):
    return {one.promise: one for one in at.do(watch, names=["buys"])}


def test_a_gate_refuses_what_is_vulnerable_and_takes_it_again(at):
    at_gate(at)
    known(at)
    first = at.run()
    assert first.problem is None
    assert of(first.outcomes["buys"].findings).note.endswith("advisories.json")
    known(at, advisory("GHSA-1", "numpy", "99.1"), advisory("GHSA-2", "NumPy", "99", "LOW"))
    second = at.run()
    said = f"{SAFE} is broken, found 1; numpy {version('numpy')}: GHSA-1 high (fixed in 99.1); "
    assert said in second.problem
    refused = second.outcomes["buys"].release
    assert not at.do(why, release=refused.ref).judgement.promises_kept
    known(at)
    third = at.run()
    assert third.problem is None
    assert third.outcomes["buys"].release.ref == first.outcomes["buys"].release.ref  # which day it is changes no byte


def test_a_gate_without_advisories_or_with_old_ones_refuses(at):
    at_gate(at)
    assert "no advisories are known here" in at.run().problem
    old = advisory("GHSA-1", "something-else", "1") | {"modified": "2020-01-01T00:00:00Z"}
    known(at)
    (at.folder / ".arkwright" / "advisories.json").write_text(json.dumps([old]))
    problem = at.run().problem
    assert f"{SAFE} is unproven, the advisories from advisories.json are" in problem
    assert "days old, at most 7d may be: put today's in their place" in problem


def test_a_word_that_there_is_not_is_told_with_its_line(at):
    at_gate(at, "vulnerabilities(severity=hihg) == 0")
    with pytest.raises(Exception, match=r"arkwright\.toml:\d+: vulnerabilities: severity is low, medium"):
        at.run()


def test_a_live_release_is_looked_at_again_every_day(live):
    first = watched(live)
    assert {one.verdict for one in first.values()} == {"kept"}, first
    assert first["model_age_days <= 180"].value < 1
    known(live, advisory("GHSA-1", "numpy", "99.1"))
    second = watched(live)[SAFE]
    assert (second.verdict, second.value) == ("broken", 1)
    assert second.note.startswith(f"numpy {version('numpy')}: GHSA-1 high (fixed in 99.1)")


def test_a_source_that_cannot_be_asked_is_told_to_whoever_may_have_the_next_look(live):
    (live.folder / ".arkwright" / "advisories.json").unlink()
    (one,) = [one for one in rounds(live.site, ["buys"], None, quiet, "us") if one.failed]
    assert (one.promise, one.verdict) == (SAFE, "unproven")
    assert not looked.last(live.site, "buys").well
    known(live)
    rounds(live.site, ["buys"], None, quiet, "us")
    assert looked.last(live.site, "buys").well


def test_altered_bytes_and_a_signature_that_is_not_there_are_found(live):
    release = versions.resolve(live.site.ledger, Release, "buys")
    for number, name in enumerate(("README.md", "lineage.json"), 1):
        path = live.site.store.path(release.files[name])
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        found = watched(live)["tampered_files == 0"]
        assert (found.verdict, found.value) == ("broken", number)
        assert f"{name} is changed" in found.note
    signature = live.site.store.path(decode(str, live.site.ledger.get(SIGNATURE, release.digest).body))
    signature.unlink()
    assert watched(live)["tampered_files == 0"].value == 3


def test_a_list_of_files_that_is_not_the_signed_one_is_found(live):
    release, text = versions.resolve(live.site.ledger, Release, "buys"), "tampered_files == 0"
    fewer = replace(release, files={name: of for name, of in release.files.items() if name != "README.md"})
    found = Live(live.site, fewer).readings(None, {text: parse(text)})[text]
    assert found.value == 2
    assert found.note == "the list of its files is not the one that was signed; the signature is of other files"


def altered(at, name):
    """A file of the release; what is given back mends it."""
    path = at.site.store.path(versions.resolve(at.site.ledger, Release, "buys").files[name])
    bytes_of_then = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(bytes_of_then[:-1] + b"x")

    def mend():
        path.write_bytes(bytes_of_then)
        os.utime(path)

    return mend


@pytest.mark.parametrize("name", ["reference.msgpack", "signature.json"])
def test_what_the_watch_itself_reads_may_be_altered_too(live, name, monkeypatch):
    """The alarm is raised all the same, and what cannot be told says why; when it is mended all goes on."""
    live.shop.edit(
        "arkwright.toml", '"tampered_files == 0"', '"tampered_files == 0", "requests() >= 0", "psi(age) < 0.2"'
    )
    live.do(promote, release="buys", reason="its terms")
    before = {text: one.verdict for text, one in watched(live).items()}
    mend = altered(live, name)
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment + 120)  # it was promoted just now
    found = watched(live)
    assert (found["tampered_files == 0"].verdict, found["model_age_days <= 180"].verdict) == ("broken", "kept")
    assert f"{name} is changed" in found["tampered_files == 0"].note
    assert found["tampered_files == 0"].alarm
    assert f"{name} of release:buys@1 cannot be read" in found["psi(age) < 0.2"].note
    assert found["psi(age) < 0.2"].failed
    assert "no longer what was kept" not in found["requests() >= 0"].note  # what servers counted is there still
    mend()
    assert {text: one.verdict for text, one in watched(live).items()} == before


def test_without_its_reference_all_is_measured_that_needs_none_and_no_row_is_lost_to_what_does(live, monkeypatch):
    needless = ["accuracy >= 0.1", "missing(country) <= 0.5", "latency_p50_ms <= 10000", "rows >= 800"]
    live.shop.edit("arkwright.toml", '"tampered_files == 0"', f'"psi(spent) < 9", {json.dumps(needless)[1:-1]}')
    live.do(promote, release="buys", reason="its terms")
    mend = altered(live, "reference.msgpack")
    answered(live, rows(800), monkeypatch)
    live.do(label, endpoint="buys", labels=[{"id": "r600-0", "row": n, "label": n % 2} for n in range(60)])
    found = watched(live)
    assert [(text, found[text].note) for text in needless if found[text].value is None or found[text].failed] == []
    assert (found["psi(spent) < 9"].verdict, found["psi(spent) < 9"].failed) == ("unproven", True)
    assert not looked.last(live.site, "buys").well
    mend()
    assert watched(live)["psi(spent) < 9"].n == 800


def test_a_bill_that_was_altered_proves_nothing(live):
    release = versions.resolve(live.site.ledger, Release, "buys")
    path = live.site.store.path(release.files["bom.cdx.json"])
    path.chmod(0o644)
    path.write_bytes(b'{"components": []}')
    assert watched(live)[SAFE].verdict == "unproven"
    assert watched(live)["tampered_files == 0"].verdict == "broken"


def test_the_doctor_says_how_old_the_advisories_are(at):
    known(at)
    [found] = [one for one in at.do(doctor) if one.what == "advisories"]
    assert (found.well, found.found.endswith("from advisories.json")) == (True, True)
    (at.folder / ".arkwright" / "advisories.json").unlink()
    [found] = [one for one in at.do(doctor) if one.what == "advisories"]
    assert found.well is False


def test_an_advisory_that_was_looked_at_does_not_count_for_a_while(live, monkeypatch, capsys):
    known(live, advisory("GHSA-1", "numpy", "99.1") | {"aliases": ["CVE-2026-0001"]})
    olga = Actor(name="olga", proven=True, rights=roles.rights("owner"))
    made = live.do(ignore, olga, advisory="cve-2026-0001", lasts="90d", reason="no pickle\nis read here")
    assert (made.by, made.version, made.reason) == ("olga", 1, "no pickle is read here")
    found = watched(live)[SAFE]
    assert (found.verdict, found.value) == ("kept", 0)
    said = f"ignored: numpy {version('numpy')}: GHSA-1 high (fixed in 99.1), by olga until {made.until[:16]} UTC: no "
    assert said in found.note
    then = datetime.fromisoformat(made.until) + timedelta(seconds=1)
    assert ignored.of(["CVE-2026-0001"], ignored.latest(live.site.ledger), then) is None
    monkeypatch.chdir(live.folder)
    assert main(["ignore", "CVE-2026-0001", "--off", "--reason", "it is read after all"]) == 0
    assert "cve-2026-0001 counts again" in capsys.readouterr().out
    assert watched(live)[SAFE].verdict == "broken"
    assert main(["ignore", "GHSA-1", "--for", "1w", "--reason", "it is not", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "GHSA-1"
    assert watched(live)[SAFE].verdict == "kept"
    said = [tell(event).sentence for event in live.site.ledger.find("ignored")]
    assert said[0] == f"olga ignores the advisory cve-2026-0001 until {made.until[:16]} UTC"
    assert said[1].endswith("no longer ignores the advisory cve-2026-0001")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"lasts": "90d", "reason": " "}, "say why"), ({"reason": "so"}, "say for how long"),
        ({"lasts": "90d", "off": True, "reason": "so"}, "say for how long"),
        ({"lasts": "367d", "reason": "so"}, "for a year at most"),
        ({"lasts": "long", "reason": "so"}, "no span of time"),
        ({"lasts": "90d", "reason": "so", "advisory": "a b"}, "names no advisory"),
    ],
)  # fmt: skip
def test_what_is_ignored_is_said_in_full(at, words, why):
    with pytest.raises(Invalid, match=why):
        at.do(ignore, **{"advisory": "GHSA-1", **words})


def test_packages_that_are_behind_are_counted(live):
    folder = live.folder / ".arkwright"
    live.shop.edit("arkwright.toml", SAFE, "outdated(major) <= 0")
    live.do(promote, release="buys")
    assert watched(live)["outdated(major) <= 0"].note.startswith("no newest versions are known here")
    release = versions.resolve(live.site.ledger, Release, "buys")
    bill = json.loads(live.site.store.path(release.files["bom.cdx.json"]).read_bytes())
    own = {name: [own] for name, own in bom.listed(bill)}
    (folder / "site.toml").write_text('[packages]\nsource = "versions.json"\n')
    (folder / "versions.json").write_text(json.dumps(own))
    found = watched(live)["outdated(major) <= 0"]
    assert (found.verdict, found.value) == ("kept", 0)
    (folder / "versions.json").write_text(json.dumps(own | {"numpy": [version("numpy"), "99.1"]}))
    found = watched(live)["outdated(major) <= 0"]
    assert (found.verdict, found.value) == ("broken", 1)
    assert found.note.startswith(f"numpy {version('numpy')}: 99.1; ")
    [check] = [one for one in live.do(doctor) if one.what == "newest versions"]
    assert check.well
