"""Decisions that meet: between the look and the record of one stands what another did. On SQLite and on PostgreSQL.

Every race is played twice: as the one interleaving that would go wrong, and by threads that all begin at once.
"""

import shutil
import threading
from dataclasses import replace

import pytest
from tests.walked import Site as Around

from arkwright.api.decide import judgement, refuse, sign, why
from arkwright.api.endpoints.emergency import resume, stop
from arkwright.api.endpoints.rollout import promote, rollback
from arkwright.api.people.accounts import role
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Forbidden, Refused
from arkwright.core.nouns import Account, Actor, Decision, Endpoint
from arkwright.core.ports import Entry
from arkwright.govern import passwords
from arkwright.infra import site_file
from arkwright.infra.sqlite_ledger import SqliteLedger
from arkwright.sites import Site

ROLES = ("model-owner", "operations")


@pytest.fixture(params=["sqlite", "postgresql"])
def at(request, walked, tmp_path, shop_at):
    shop = shop_at(tmp_path / "shop")
    shutil.copytree(walked / ".arkwright", shop.folder / ".arkwright")
    if request.param == "postgresql":
        _moved(shop.folder / ".arkwright", request.getfixturevalue("postgres"), request.getfixturevalue("schema"))
    around = Around(shop)
    around.opened = [around.site]
    yield around
    for site in around.opened:
        site.ledger.close()
        site.vault.close()


def _moved(folder, postgres, schema):
    """The same records on PostgreSQL."""
    ledger = SqliteLedger(folder / "ledger.db")
    events = list(ledger.find())
    ledger.close()
    for path in folder.glob("*.db*"):
        path.unlink()
    for path in folder.glob("ledger.head*"):
        path.unlink()
    site_file.write(folder, postgres.url(schema))
    site = Site(folder)
    for event in events:
        site.ledger.append(event.by, [Entry(event.kind, event.key, event.body)])


class Meanwhile:
    """A ledger on which somebody else acts right before something of this kind is written; once."""

    def __init__(self, ledger, kind, act):
        self._ledger, self._kind, self._act = ledger, kind, act

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def append(self, by, entries):
        if self._act and any(entry.kind == self._kind for entry in entries):
            act, self._act = self._act, None
            act()
        return self._ledger.append(by, entries)


def meanwhile(at, kind, act):
    """A site of one's own, on which `act` comes in between."""
    mine = replace(at.site)
    mine.__dict__["ledger"] = Meanwhile(replace(at.site).ledger, kind, act)
    at.opened.append(mine)
    return mine


def all_at_once(at, *works):
    """What each gave, or the error of ours that it raised."""
    barrier, got = threading.Barrier(len(works)), [None] * len(works)

    def run(n, work):
        own = replace(at.site)
        _ = own.ledger, own.vault
        barrier.wait()
        try:
            got[n] = work(own)
        except ArkwrightError as error:
            got[n] = error
        finally:
            own.ledger.close()
            own.vault.close()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(works)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return got


def signing(at, name, as_role, **more):
    return lambda site: sign(site, Actor(name=name, role=as_role, **more), at.folder, release="buys")


def refusing(at, name, as_role):
    return lambda site: refuse(site, Actor(name=name, role=as_role), at.folder, release="buys", reason="no")


def now(at):
    return at.do(why, release="buys")[1]


def written(at):
    return [event.key for event in at.site.ledger.find(Decision.KIND)]


def test_the_last_two_signatures_at_once_both_count(at):
    assert [one.yes for one in all_at_once(at, signing(at, "ben", ROLES[0]), signing(at, "cleo", ROLES[1]))] == [
        True
    ] * 2
    assert now(at).passed
    assert len(written(at)) == 2


def test_one_signature_comes_between_the_look_and_the_record_of_another(at):
    mine = meanwhile(at, Decision.KIND, lambda: signing(at, "cleo", ROLES[1])(at.site))
    signing(at, "ben", ROLES[0])(mine)
    assert now(at).passed


def test_of_many_who_sign_the_last_role_one_does(at):
    signing(at, "ben", ROLES[0])(at.site)
    got = all_at_once(at, *(signing(at, f"p{n}", ROLES[1]) for n in range(5)))
    assert sum(isinstance(one, Decision) for one in got) == 1
    assert all("has signed release:buys@1 as operations already" in str(one) for one in got if isinstance(one, Refused))
    assert len(written(at)) == 2
    assert now(at).passed


def test_one_person_signs_one_role_however_fast(at):
    mine = meanwhile(at, Decision.KIND, lambda: signing(at, "ben", ROLES[1])(at.site))
    with pytest.raises(Refused, match="one person signs one role"):
        signing(at, "ben", ROLES[0])(mine)
    got = all_at_once(at, *(signing(at, name, one) for name in ("cleo", "CLEO") for one in ROLES))
    assert [one.role for one in now(at).signatures if one.by.lower() == "cleo"] == [ROLES[0]]
    given = [one for one in got if isinstance(one, Decision)]
    assert given
    assert all(one == given[0] for one in given)
    assert len(written(at)) == 2


def test_twice_is_once(at):
    said = signing(at, "ben", ROLES[0])(at.site)
    assert signing(at, "Ben", ROLES[0])(at.site) == said
    assert len(written(at)) == 1


def test_a_signature_by_somebody_demoted_meanwhile_is_told(at):
    versions.move(at.site.ledger, "olga", Account(name="olga", version=1, role="owner"))
    versions.move(at.site.ledger, "olga", Account(name="ben", version=1, role="viewer", signs=(ROLES[0],)))
    ben = {"proven": True, "signs": (ROLES[0],), "rights": ("look", "talk")}

    def demote():
        versions.move(at.site.ledger, "olga", Account(name="ben", version=2, role="none"))

    with pytest.raises(Forbidden, match="ben holds the role model-owner no more"):
        signing(at, "ben", ROLES[0], **ben)(meanwhile(at, Decision.KIND, demote))
    assert now(at).signatures == ()


def test_signing_and_being_demoted_at_once(at):
    for n in range(4):
        name = f"ben{n}"
        versions.move(at.site.ledger, "olga", Account(name=name, version=1, role="viewer", signs=(ROLES[0],)))
        more = {"proven": True, "signs": (ROLES[0],), "rights": ("look", "talk")}
        gone = Account(name=name, version=2, role="none")
        got, _ = all_at_once(at, signing(at, name, ROLES[0], **more),
                             lambda site, gone=gone: versions.move(site.ledger, "olga", gone))  # fmt: skip
        counted = [one for one in versions.decisions(at.site.ledger, now_release(at).digest) if one.by == name]
        assert isinstance(got, Decision) == bool(counted)
        if counted:  # so that the next has something to sign
            break


def now_release(at):
    return at.do(why, release="buys")[0]


def both_signed(at):
    for name, as_role in zip(("ben", "cleo"), ROLES, strict=True):
        signing(at, name, as_role)(at.site)


@pytest.mark.parametrize("by", ["ben", "dora"])
def test_a_refusal_between_the_look_and_the_move_stops_the_move(at, by):
    both_signed(at)
    mine = meanwhile(at, Endpoint.KIND, lambda: refusing(at, by, ROLES[0])(at.site))
    with pytest.raises(Refused, match=rf"{by} .model-owner. refused: no"):
        promote(mine, at.ana, at.folder, release="buys")
    assert versions.latest(at.site.ledger, Endpoint, "buys") is None


def test_a_refusal_between_the_look_and_the_way_back_stops_it(at):
    both_signed(at)
    at.do(promote, release="buys")
    at.do(stop, endpoint="buys", reason="wait")
    mine = meanwhile(at, Endpoint.KIND, lambda: refusing(at, "ben", ROLES[0])(at.site))
    with pytest.raises(Refused, match=r"ben .model-owner. refused: no"):
        resume(mine, at.ana, at.folder, endpoint="buys")
    assert versions.latest(at.site.ledger, Endpoint, "buys").stopped
    with pytest.raises(Refused):
        at.do(rollback, endpoint="buys")


def test_a_promotion_and_a_refusal_at_once(at):
    both_signed(at)
    moved, refused = all_at_once(at, lambda site: promote(site, at.ana, at.folder, release="buys"),
                                 refusing(at, "ben", ROLES[0]))  # fmt: skip
    assert isinstance(refused, Decision)
    order = [event.kind for event in at.site.ledger.find() if event.kind in (Endpoint.KIND, Decision.KIND)]
    assert isinstance(moved, Endpoint) == (Endpoint.KIND in order)
    if isinstance(moved, Endpoint):
        assert order == [Decision.KIND, Decision.KIND, Endpoint.KIND, Decision.KIND]  # it was allowed when it was done
    assert not judgement(at.site, now_release(at)).passed


def test_two_owners_who_demote_each_other_leave_one(at):
    for name in ("olga", "otto"):
        versions.move(at.site.ledger, "test", Account(name=name, version=1, role="owner"))
        at.site.vault.put(passwords.KIND, name, "a hash")
    rights = ("look", "talk", "own", "self")

    def demoting(by, name):
        actor = Actor(name=by, proven=True, rights=rights)
        return lambda site: role(site, actor, at.folder, name=name, role="viewer", reason="x")

    mine = meanwhile(at, Account.KIND, lambda: demoting("otto", "olga")(at.site))
    with pytest.raises(Refused):
        demoting("olga", "otto")(mine)
    assert owners(at) == ["otto"]
    role(at.site, Actor(name="otto", proven=True, rights=rights), at.folder, name="olga", role="owner", reason="back")
    got = all_at_once(at, demoting("olga", "otto"), demoting("otto", "olga"))
    assert sum(isinstance(one, Account) for one in got) == 1
    assert len(owners(at)) == 1


def owners(at):
    newest = {account.name: account for account in versions.all_of(at.site.ledger, Account)}
    return sorted(name for name, account in newest.items() if account.role == "owner")


def test_two_who_propose_at_once_get_two_numbers(at):
    from arkwright.api.promising.propose import propose

    words = {"where": "data.buyers", "reason": "x"}
    got = all_at_once(at, *(
        lambda site, n=n: propose(site, Actor(name=f"p{n}"), at.folder, promise=f"rows >= {n}", **words)
        for n in range(4)
    ))  # fmt: skip
    assert sorted(one.proposal.id for one in got) == [1, 2, 3, 4]


def test_a_role_named_twice_asks_for_two_people(at):
    release = now_release(at)
    gate = replace(release.gate, signed_by=("operations", "operations"))
    twice = versions.add(at.site.ledger, "ana", replace(release, gate=gate, digest="d" * 64))

    def do(name):
        return sign(at.site, Actor(name=name, role="operations"), at.folder, release=f"{twice.name}@{twice.version}")

    def missing():
        return at.do(why, release=f"{twice.name}@{twice.version}")[1].missing

    assert missing() == ("no signature yet as operations", "no signature yet as operations")
    assert do("ben") == do("BEN")
    assert missing() == ("no signature yet as operations",)
    do("cleo")
    assert missing() == ()
    with pytest.raises(Refused, match="already"):
        do("dora")


def test_nothing_of_a_refused_signature_is_written(at):
    with pytest.raises(Refused, match="the author"):
        signing(at, "ana", ROLES[0])(at.site)
    assert written(at) == []
