"""A control room on whose site something of everything is, twice where there are lists."""

import shutil

from tests.web.conftest import Door

from arkwright.api import decide
from arkwright.api.endpoints import rollout
from arkwright.api.jobs import jobs
from arkwright.api.people import accounts
from arkwright.api.promising import propose
from arkwright.api.talking import hooks, talk
from arkwright.core import alarms, versions
from arkwright.core.nouns import Account, Actor, Run
from arkwright.core.ports import Entry
from arkwright.core.record import encode

WHERE, HOOK = "gate.production", "https://[2001:4860:4860::8888]/hook"
DONE, WAITS = "0000000000001-00000000", "0000000000002-00000000"  # jobs


def furnished(walked, shop):
    """`walked`: a project whose line was walked once. The owner's cookie is in `me`."""
    site = shop.folder / ".arkwright"
    shutil.copytree(walked / ".arkwright", site)
    door = Door(site, project=shop.folder)
    for name, signs in (("ben", ("model-owner",)), ("cleo", ("operations",)), ("vic", ())):
        versions.move(door.site.ledger, "owner", Account(name=name, version=1, role="viewer", signs=signs))
    owner = door.actor("owner")
    versions.move(door.site.ledger, "owner", Account(name="owner", version=2, role="owner", signs=("operations",)))
    ben, cleo = (
        Actor(name=name, proven=True, rights=owner.rights, signs=(role,))
        for name, role in (("ben", "model-owner"), ("cleo", "operations"))
    )
    for who in (ben, cleo):
        door.do(decide.sign, who, release="buys")
    door.do(rollout.promote, owner, release="buys", reason="first")
    for name in ("first", "second"):
        door.do(hooks.webhook, owner, name=name, url=HOOK)
        door.do(accounts.token, owner, role="viewer", note=name)
    for who, bound in ((ben, 0.1), (ben, 0.2), (owner, 0.25)):
        door.do(propose.propose, who, where=WHERE, promise=f"recall >= {bound}", reason="so")
    for text in ("Is it?", "It is.", "Since when?", "Since then."):
        asks = text.endswith("?")
        about = {"about": "release:buys@1", "question": True} if asks else {"thread": 1}
        door.do(talk.discuss, owner if asks else ben, text=text, **about)
        door.do(talk.answer, cleo if asks else owner, comment=1 if asks else 2, mark="helpful")  # points for two
    versions.add(door.site.ledger, "owner", versions.resolve(door.site.ledger, Run, "shop"))
    for number in (1, 2):
        alarm = alarms.Alarm(
            about="buys", number=number, release="release:buys@1", promise=f"rows >= {number}", state="raised",
            value=0.0, low=None, high=None, n=0, note="", since="2026-01-01", until="2026-01-02",
        )  # fmt: skip
        door.site.ledger.append("arkwright", [Entry(alarm.KIND, f"buys/{number}", encode(alarm))])
    for name, state in ((DONE, "done"), (WAITS, "waiting")):
        made = jobs.Job(id=name, verb="check", by=owner, state=state, made="2026-01-01T00:00:00+00:00")
        door.site.vault.put(jobs.KIND, name, encode(made))
        jobs.folder(door.site, name).mkdir(parents=True)
    (jobs.folder(door.site, DONE) / jobs.ANSWER).write_bytes(b'{"project":"shop"}')
    for path in ("/api/show", "/api/nothing"):
        door.ask("GET", path, Authorization="Bearer owner.0.wrong")
    for kind, key, held in ((accounts.LINK, "a person", "vic"), (accounts.LINKED, "vic", "a person")):
        door.site.vault.put(kind, key, held)
    door.me = {"Cookie": f"arkwright={door.sessions['owner']}"}
    return door
