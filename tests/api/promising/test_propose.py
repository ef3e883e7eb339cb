"""The verbs "requirements", "propose", "proposals", "review" and "patch": changes with author, reason and review."""

import re
import subprocess
import threading
from dataclasses import replace

import pytest

from arkwright.api.promising.propose import propose
from arkwright.api.promising.proposed import patch, proposals
from arkwright.api.promising.requirements import requirements
from arkwright.api.promising.review import review
from arkwright.api.talking.inbox import inbox
from arkwright.core import versions
from arkwright.core.errors import Forbidden, Invalid, Refused, Unknown, Unproven
from arkwright.core.nouns import Account, Actor
from arkwright.project import toml

LIMIT = {"where": "gate.production", "promise": "roc_auc >= 0.65", "instead": "roc_auc >= 0.6", "reason": "we can"}


def states(at):
    return [(one.proposal.id, one.state) for one in at.do(proposals)]


def stands(at):
    return toml.read(at.folder).spec.gate["production"].promises


def account(at, name, role, signs=(), version=1):
    versions.move(at.site.ledger, "test", Account(name=name, version=version, role=role, signs=signs))


def proven(name, *rights, signs=(), role=None):
    return Actor(name=name, proven=True, signs=signs, rights=("look", "talk", *rights), role=role)


@pytest.fixture
def git(at):
    def run(*words):
        done = subprocess.run(["git", *words], cwd=at.folder, capture_output=True, text=True, check=True)
        return done.stdout.rstrip("\n")

    run("init", "-q", "-b", "main")
    run("config", "user.name", "somebody")
    run("config", "user.email", "somebody@example.org")
    (at.folder / ".gitignore").write_text(".arkwright\n")
    run("add", ".")
    run("commit", "-qm", "begun")
    return run


def test_a_promise_is_proposed_reviewed_and_taken_as_a_patch(at, git, tmp_path):
    (at.folder / ".git").rename(tmp_path / "git")  # as where the site has no checkout
    one = at.do(propose, **LIMIT)
    assert (one.state, one.proposal.id, one.proposal.by) == ("open", 1, "ana")
    assert one.then == "A real case gets a higher score than another in at least 65 % of all pairs"
    assert "60 %" in one.now
    made = at.do(patch, proposal=1)
    assert made.file == "arkwright-proposal-1.patch"
    assert at.do(review, at.ben, proposal=1, accept=True, reason="good", digest=one.proposal.digest).state == "accepted"
    assert stands(at) == ("roc_auc >= 0.6", "agreement >= 0.9")
    (tmp_path / "git").rename(at.folder / ".git")
    subprocess.run(["git", "apply"], cwd=at.folder, input=at.do(patch, proposal=1).text.encode(), check=True)
    assert stands(at) == ("roc_auc >= 0.65", "agreement >= 0.9")
    assert states(at) == [(1, "applied")]
    with pytest.raises(Refused, match="proposal 1 is applied; there is no patch"):
        at.do(patch, proposal=1)


def test_promises_are_added_and_taken_out(at):
    at.do(propose, where="data.buyers", promise="missing(spent) == 0", reason="the till says it")
    at.do(propose, where="gate.production", instead="agreement>=0.9", reason="too dear")
    assert '+promises = ["rows >= 100", "duplicates(key) == 0", "missing(spent) == 0"]' in at.do(patch, proposal=1).text
    assert '+promises  = ["roc_auc >= 0.6"]' in at.do(patch, proposal=2).text
    assert [one.then for one in at.do(proposals)] == ["", "Exactly 0 % of the rows have no spent"]
    assert at.do(proposals, proposal=2)[0].proposal.before == "agreement >= 0.9"
    assert at.do(proposals, state="refused") == ()


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"promise": "recal >= 0.5"}, Unknown, "no measure is called 'recal'; did you mean \"recall\""),
        ({"promise": "recall >= "}, Invalid, "cannot read the promise"),
        ({"promise": "rmse <= 1"}, Invalid, "rmse is for regression"),
        ({"promise": "worst_group(recall, by=contry) >= 0.1"}, Unknown, 'did you mean "country"'),
        ({"promise": "missing(spent) == 0"}, Invalid, "missing measures a dataset, not a model"),
        ({"promise": "roc_auc>=0.6"}, Refused, r"\[gate.production\] promises 'roc_auc>=0.6' already"),
        ({"promise": "roc_auc > 0.5"}, Refused, "promises 'roc_auc >= 0.6', which keeps 'roc_auc > 0.5' too"),
        ({"promise": "roc_auc >= 0.5", "instead": "agreement >= 0.9"}, Refused, "propose it instead of that one"),
        ({"instead": "roc_auc >= 0.7", "promise": "recall >= 0.1"}, Unknown, 'did you mean "roc_auc >= 0.6"'),
        ({}, Invalid, "say what is to be promised"),
        ({"where": "gate.prodction", "promise": "recall >= 1"}, Unknown, 'did you mean "production"'),
        ({"where": "gates.production", "promise": "recall >= 1"}, Invalid, 'did you mean "gate"'),
        ({"where": "model.buys", "promise": "recall >= 1"}, Invalid, "no place for a promise"),
        ({"where": "data.buyers", "promise": "missing(spnt) == 0"}, Unknown, 'did you mean "spent"'),
        ({"where": "data.buyers", "promise": "quantile(spent, 7) <= 1"}, Invalid, "q is a share"),
        ({"promise": "recall >= 0.5", "reason": " "}, Invalid, "needs a reason"),
        ({"promise": "recall >= 0.5", "reason": "x" * 3000}, Invalid, "at most 2,000"),
    ],
)
def test_what_the_project_could_not_be_loaded_with_is_refused_at_once(at, asked, error, said):
    with pytest.raises(error, match=said):
        at.do(propose, **({"where": "gate.production", "reason": "because"} | asked))
    assert states(at) == []


def test_a_column_of_the_row_class_counts_before_any_run(shop):
    from tests.walked import Site

    at = Site(shop)
    with pytest.raises(Unknown, match='did you mean "spent"'):
        at.do(propose, where="data.buyers", promise="missing(spnt) == 0", reason="x")
    assert at.do(propose, where="data.buyers", promise="missing(spent) == 0", reason="x").state == "open"


def test_a_column_that_came_after_the_last_run_is_known(at):
    at.shop.edit(
        "shop.py", 'select("country", "spent", "age", "again")', 'select("country", "spent", "age", "again", x="age")'
    )
    assert at.do(propose, where="data.visits", promise="missing(x) <= 1", reason="new").state == "open"


def test_the_author_never_counts_but_may_take_it_back(at):
    at.do(propose, **LIMIT)
    for name in ("ana", "ANA", " ana ", "ａｎａ"):
        with pytest.raises(Refused, match="the author's review never counts"):
            at.do(review, Actor(name=name, role="owner"), proposal=1, accept=True, reason="mine")
    at.do(review, Actor(name="Ana", role="nobody"), proposal=1, accept=False, reason="I was wrong")
    assert states(at) == [(1, "withdrawn")]
    with pytest.raises(Refused, match="proposal 1 is withdrawn already"):
        at.do(review, at.ben, proposal=1, accept=True, reason="no, it is good")


def test_who_reviews(at):
    at.do(propose, **LIMIT)
    at.do(propose, where="data.buyers", promise="missing(spent) == 0", reason="x")
    at.do(propose, where="endpoint.buys", promise="psi(spent) < 0.2", reason="x")
    with pytest.raises(Forbidden, match=r"\[gate.production\] is reviewed by owner or model-owner or operations"):
        at.do(review, Actor(name="dora", role="boss"), proposal=1, accept=True, reason="x")
    with pytest.raises(Forbidden, match=r"\[data.buyers\] is reviewed by owner"):
        at.do(review, at.ben, proposal=2, accept=True, reason="x")
    with pytest.raises(Invalid, match="needs a reason"):
        at.do(review, at.ben, proposal=1, accept=True, reason=" ")
    at.do(review, at.cleo, proposal=3, accept=False, reason="nothing measures it yet")
    at.do(review, Actor(name="dora", role="owner"), proposal=2, accept=True, reason="x")
    assert states(at) == [(3, "refused"), (2, "accepted"), (1, "open")]
    with pytest.raises(Unknown, match="there is no proposal 9"):
        at.do(review, at.ben, proposal=9, accept=True, reason="x")


def test_with_accounts_only_what_was_proven_counts(at):
    at.do(propose, **LIMIT)
    account(at, "olga", "owner")
    account(at, "ben", "viewer", ("model-owner",))
    with pytest.raises(Unproven):
        at.do(review, at.ben, proposal=1, accept=True, reason="x")
    with pytest.raises(Unproven):
        at.do(propose, where="data.buyers", promise="missing(spent) == 0", reason="x")
    with pytest.raises(Forbidden):
        at.do(review, proven("vera"), proposal=1, accept=True, reason="x")
    with pytest.raises(Forbidden):
        at.do(review, proven("ben", signs=("model-owner",), role="operations"), proposal=1, accept=True, reason="x")
    made = at.do(review, proven("ben", signs=("model-owner",)), proposal=1, accept=True, reason="x")
    assert (made.proposal.role, made.proposal.proven, made.state) == ("model-owner", True, "accepted")


def test_a_review_by_somebody_demoted_meanwhile_counts_for_nothing(at, git):
    account(at, "olga", "owner")
    account(at, "ben", "viewer", ("model-owner",))
    at.do(propose, proven("ana"), **LIMIT)
    ben = proven("ben", signs=("model-owner",))
    account(at, "ben", "viewer", version=2)  # after ben was let in, before the review is written
    with pytest.raises(Refused, match="ben held the role model-owner no more"):
        at.do(review, ben, proposal=1, accept=True, reason="x")
    assert states(at) == [(1, "void")]
    assert stands(at) == ("roc_auc >= 0.6", "agreement >= 0.9")
    assert git("rev-list", "--count", "HEAD") == "1"


def test_a_review_is_of_exactly_what_was_looked_at(at):
    seen = at.do(propose, **LIMIT).proposal.digest
    with pytest.raises(Forbidden, match="proposal 1 is by ana"):
        at.do(propose, at.ben, **(LIMIT | {"promise": "roc_auc >= 0.1"}), proposal=1)
    at.do(propose, **(LIMIT | {"promise": "roc_auc >= 0.5"}), proposal=1)
    with pytest.raises(Refused, match="is not what you looked at"):
        at.do(review, at.ben, proposal=1, accept=True, reason="x", digest=seen)
    assert at.do(proposals)[0].proposal.version == 2


def test_a_change_of_the_file_at_that_place_voids_it(at):
    at.do(propose, **LIMIT)
    at.shop.edit("arkwright.toml", "agreement >= 0.9", "agreement >= 0.95")  # elsewhere
    assert states(at) == [(1, "open")]
    at.shop.edit("arkwright.toml", "roc_auc >= 0.6", "roc_auc >= 0.61")
    assert states(at) == [(1, "void")]
    with pytest.raises(Refused, match=r"\[gate.production\] was changed at this place since"):
        at.do(review, at.ben, proposal=1, accept=True, reason="x")
    at.do(propose, **(LIMIT | {"instead": "roc_auc >= 0.61"}), proposal=1)  # its author looks again
    assert at.do(review, at.ben, proposal=1, accept=True, reason="x").state == "accepted"


def test_what_became_of_the_project_meanwhile_counts(at):
    at.do(propose, where="gate.production", promise="worst_group(recall, by=country) >= 0.1", reason="x")
    at.shop.edit("arkwright.toml", 'groups = ["country"]', "groups = []")
    with pytest.raises(Unknown, match="no column 'country'"):
        at.do(review, at.ben, proposal=1, accept=True, reason="x")
    at.shop.edit("arkwright.toml", "[gate.production]", "[gate.broken")
    assert "arkwright.toml" in at.do(proposals)[0].why


def test_in_a_checkout_accepting_commits(at, git):
    one = at.do(propose, **(LIMIT | {"reason": "we can\nReviewed-by: boss <boss@example.org>"}))
    (at.folder / "shop.py").write_text((at.folder / "shop.py").read_text() + "\n# my work\n")
    git("add", "shop.py")
    made = at.do(review, Actor(name="ben@example.org", role="operations"), proposal=1, accept=True, reason="good")
    assert (made.state, made.proposal.commit) == ("committed", git("rev-parse", "HEAD"))
    assert stands(at) == ("roc_auc >= 0.65", "agreement >= 0.9")
    assert git("log", "-1", "--format=%an|%ae|%cn|%ce") == "ana|ana@arkwright.invalid|ben@example.org|ben@example.org"
    trailers = git("log", "-1", "--format=%(trailers:only)").splitlines()
    assert trailers == [f"Proposal: 1@1 sha256:{one.proposal.digest}",
                        "Reviewed-by: ben@example.org <ben@example.org>", ""][: len(trailers)]  # fmt: skip
    assert "we can" in git("log", "-1", "--format=%b")
    assert git("show", "--stat=80", "--format=", "HEAD").split()[0] == "arkwright.toml"
    assert git("status", "--porcelain") == "M  shop.py"
    assert states(at) == [(1, "committed")]
    shown = at.do(patch, proposal=1).text  # as it was committed, whatever came after it
    assert '-promises  = ["roc_auc >= 0.6", "agreement >= 0.9"]\n+promises  = ["roc_auc >= 0.65", ' in shown
    git("reset", "-q", "--hard", "HEAD^")
    subprocess.run(["git", "apply"], cwd=at.folder, input=shown.encode(), check=True)
    assert stands(at) == ("roc_auc >= 0.65", "agreement >= 0.9")
    with pytest.raises(Refused, match="proposal 1 is committed already"):
        at.do(review, at.cleo, proposal=1, accept=True, reason="too")


def test_what_cannot_be_committed_now_is_accepted_and_committed_later(at, git):
    at.do(propose, **LIMIT)
    (at.folder / ".git" / "MERGE_HEAD").write_text(git("rev-parse", "HEAD"))
    made = at.do(review, at.ben, proposal=1, accept=True, reason="x")
    assert (made.state, made.why) == (
        "accepted",
        f"accepted, but not committed: a merge is under way in {at.folder}; end it first",
    )
    (at.folder / ".git" / "MERGE_HEAD").unlink()
    assert at.do(review, at.cleo, proposal=1, accept=True, reason="again").state == "committed"
    assert at.do(proposals)[0].proposal.reviewer == "ben"


@pytest.mark.parametrize("checkout", [True, False])
def test_many_reviewers_at_once_decide_once(at, git, tmp_path, checkout):
    if not checkout:
        (at.folder / ".git").rename(tmp_path / "git")
    at.do(propose, **LIMIT)
    people = [Actor(name=f"p{n}", role="operations") for n in range(6)]
    done, refused = [], []
    barrier = threading.Barrier(len(people))

    def work(by, accept):
        own = replace(at.site)
        barrier.wait()
        try:
            done.append(review(own, by, at.folder, proposal=1, accept=accept, reason="x"))
        except Refused as error:
            refused.append(str(error))

    threads = [threading.Thread(target=work, args=(by, n % 2 == 0 or not checkout)) for n, by in enumerate(people)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(done), len(refused)) == (1, 5)
    if not checkout:
        assert all(re.search(r"was accepted by p\d already", text) for text in refused), refused
        return
    assert git("rev-list", "--count", "HEAD") == ("2" if done[0].proposal.state == "committed" else "1")


def test_what_somebody_proposed_is_not_proposed_again(at):
    at.do(propose, **LIMIT)
    again = LIMIT | {"promise": "roc_auc >= 0.65", "reason": "I want it too"}
    with pytest.raises(Refused, match="ana proposed exactly this already, as proposal 1, which waits for a review"):
        at.do(propose, at.ben, **again)
    at.do(propose, at.ben, **(again | {"promise": "roc_auc >= 0.66"}))
    at.do(review, at.cleo, proposal=1, accept=False, reason="not yet")
    assert at.do(propose, at.ben, **again).proposal.id == 3  # once it is decided


def test_an_edit_and_a_review_at_once(at):
    """Whichever comes first: what was accepted is what the reviewer saw."""
    for number in range(1, 9):
        seen = at.do(propose, where="data.buyers", promise=f"rows >= {number}", reason="x").proposal
        barrier, outcome = threading.Barrier(2), {}

        def attempt(name, verb, by, words, barrier=barrier, outcome=outcome):
            own = replace(at.site)
            barrier.wait()
            try:
                outcome[name] = verb(own, by, at.folder, **words)
            except Refused as error:
                outcome[name] = error

        words = {"proposal": number, "accept": True, "reason": "x", "digest": seen.digest}
        edit = {"where": "data.buyers", "promise": f"rows >= {number}.5", "reason": "y", "proposal": number}
        both = [threading.Thread(target=attempt, args=("review", review, Actor(name="o", role="owner"), words)),
                threading.Thread(target=attempt, args=("edit", propose, at.ana, edit))]  # fmt: skip
        for one in both:
            one.start()
        for one in both:
            one.join()
        now = at.do(proposals, proposal=number)[0].proposal
        if now.state == "accepted":
            assert now.digest == seen.digest
            assert isinstance(outcome["edit"], Refused)
        else:
            assert now.after == f"rows >= {number}.5"
            assert isinstance(outcome["review"], Refused)


def test_the_author_is_told(at):
    at.do(propose, **LIMIT)
    at.do(review, at.ben, proposal=1, accept=False, reason="no")
    assert [(n.why, n.about, n.by) for n in at.do(inbox).notices] == [("reviewed", "proposal:1", "ben")]


def test_the_words_of_the_command_line(at, git, capsys):
    from arkwright.cli.main import main

    def say(*words, by="ana", role=None, code=0):
        given = [*words, "--project", str(at.folder), "--by", by, *(["--role", role] if role else [])]
        assert main(given) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    assert "nothing is proposed" in say("proposals")
    told = say("propose", "gate.production", "roc_auc >= 0.65", "--instead", "roc_auc >= 0.6", "--reason", "[red]x[/]")
    for line in (
        "- roc_auc >= 0.6",
        "+ roc_auc >= 0.65",
        "at least 65 %",
        "why: [red]x[/]",
        "arkwright review 1 --accept",
    ):
        assert line in told
    assert "@@" in say("patch", "1")
    assert '"state": "open"' in say("proposals", "1", "--json")
    assert "the author's review never counts" in say("review", "1", "--accept", "--reason", "x", role="owner", code=4)
    assert "committed" in say("review", "1", "--accept", "--reason", "x", by="ben", role="operations")
    assert "did you mean" in say("propose", "gate.production", "recal >= 1", "--reason", "x", code=3)


def test_requirements_in_plain_words_with_what_was_found(at):
    found = {one.promise: one for one in at.do(requirements)}
    assert [(one.section, one.name) for one in found.values()] == [
        ("data", "buyers"), ("data", "buyers"), ("data", "visits"), ("gate", "production"), ("gate", "production"),
    ]  # fmt: skip
    assert found["rows >= 100"].words == "The number of rows is at least 100"
    assert (found["rows >= 100"].subject, found["rows >= 100"].finding.value) == ("dataset:buyers@1", 400.0)
    assert found["roc_auc >= 0.6"].finding.verdict == "kept"
    at.shop.edit("arkwright.toml", '"roc_auc >= 0.6"', '"recall >= 0.1"')
    assert {one.promise: one.finding for one in at.do(requirements)}["recall >= 0.1"] is None
