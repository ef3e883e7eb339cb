"""Who is told of what: as if every event were handed to everybody who watches just then, at the cost of one record."""

from collections import defaultdict
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysqlite3 import dbapi2 as sqlite

from arkwright.api.talking import inbox
from arkwright.catalog import watching
from arkwright.catalog.following import base
from arkwright.catalog.layout import TABLES
from arkwright.core.nouns import Actor, Comment, Endpoint, Event, Run, Watch
from arkwright.core.ports import Entry
from arkwright.core.record import encode
from arkwright.core.rules import person
from arkwright.sites import Site

PEOPLE = ("ana", "Ben", "cleo")
THINGS = ("run:{}", "run:{}@1", "run:{}@1#f <= 1", "endpoint:{}", "release:{}@1")
who, thing = st.sampled_from(PEOPLE), st.sampled_from(THINGS)
WATCH = st.tuples(st.just("watch"), who, thing, st.booleans())
SAY = st.tuples(st.just("say"), who, thing, st.lists(who, max_size=1))
ACTS = st.one_of(
    WATCH,
    SAY,
    SAY,
    st.tuples(st.sampled_from(["make", "move"]), who),
    st.tuples(st.just("read"), who, st.integers(0, 9), st.booleans()),
    st.tuples(st.just("look"), who, st.integers(1, 4)),
)
_names = count()


class Told:
    """The plain way: everybody has a box, and each event is put into the box of whoever watches at that moment."""

    def __init__(self, site):
        self.site, self.name = site, f"n{next(_names)}"  # each story in names of its own, on one site
        self.watches, self.boxes, self.read = {}, defaultdict(dict), defaultdict(set)
        self.made = self.moved = 0

    def known(self, name):
        return f"{name}-{self.name}"

    def append(self, by, noun, key):
        self.site.ledger.append(self.known(by), [Entry(noun.KIND, f"{self.name}/{key}", encode(noun))])
        return int(self.site.ledger.head().partition(":")[0])

    def put(self, seq, by, people, why):
        for name in people:
            if name != by:
                self.boxes[name].setdefault(seq, why)

    def tell(self, seq, by, refs, why):
        self.put(seq, by, [name for (name, about), (on, _) in self.watches.items() if on and about in refs], why)

    def implied(self, name, about):
        if not self.watches.get((name, about), (False, False))[1]:
            self.watches[name, about] = (True, False)

    def watch(self, name, about, on):
        about = about.format(self.name)
        self.append(name, Watch(about=about, by=self.known(name), on=on), f"{about}/{next(_names)}")
        self.watches[name, about] = (on, True)

    def say(self, name, about, called):
        about, number = about.format(self.name), next(_names) + 1
        noun = Comment(
            id=number, version=1, thread=number, about=about, by=self.known(name), text="so",
            mentions=tuple(map(self.known, called)),
        )  # fmt: skip
        seq = self.append(name, noun, number)
        self.put(seq, name, called, "mentioned")
        self.tell(seq, name, {about, about.partition("#")[0], base(about)}, "commented")
        self.implied(name, about)

    def make(self, name):
        self.made += 1
        words = {"author": self.known(name), "state": "started", "started": "", "seed": 1, "code": "", "lock": ""}
        noun = Run(name=self.name, version=self.made, **words)
        self.append(name, noun, f"run@{self.made}")
        self.implied(name, noun.ref)

    def move(self, name):
        self.moved += 1
        share = f"release:{self.name}@1"
        noun = Endpoint(name=self.name, version=self.moved, shares={share: 1.0})
        seq = self.append(name, noun, f"move@{self.moved}")
        self.implied(name, f"endpoint:{self.name}")
        self.tell(seq, name, {f"endpoint:{self.name}", share}, "moved")

    def read_(self, name, place, up_to):
        seqs = sorted(self.boxes[name], reverse=True)[place : place + 1]
        for seq in seqs:
            words = {"upto": seq} if up_to else {"notices": (seq,)}
            inbox.seen(self.site, Actor(name=self.known(name)), self.site.folder, **words)
            self.read[name] |= {old for old in self.boxes[name] if old == seq or (up_to and old < seq)}

    def look(self, name, limit):
        """All of it, page by page; how much is unread; and each event as mail asks for it."""
        found, before = {}, None
        while page := self.site.catalog.talk.notices(self.known(name), limit, before):
            found |= {seq: why for seq, why, _, _ in page}
            assert [seq for seq, *_ in page] == sorted((seq for seq, *_ in page), reverse=True)
            before = page[-1][0]
        assert found == self.boxes[name]
        assert inbox.unread(self.site, Actor(name=self.known(name))) == len(self.boxes[name].keys() - self.read[name])
        now = sorted(about for (watcher, about), (on, _) in self.watches.items() if on and watcher == name)
        assert self.site.catalog.talk.watched(self.known(name)) == now
        everybody = [person(self.known(one)) for one in PEOPLE]
        for seq in {seq for box in self.boxes.values() for seq in box}:
            told = {person(self.known(one)): box[seq] for one, box in self.boxes.items() if seq in box}
            assert self.site.catalog.talk.told(seq, everybody) == told


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("told"))
    yield made
    for one in (made.catalog, made.ledger, made.vault):
        one.close()


@settings(max_examples=60)
@given(st.lists(ACTS, min_size=20, max_size=60))
def test_everybody_is_told_what_they_watch_when_it_happens(site, acts):
    told = Told(site)
    for act, *words in [*acts, *(("look", name, 2) for name in PEOPLE)]:
        getattr(told, {"read": "read_"}.get(act, act))(*words)


@pytest.fixture
def db():
    made = sqlite.connect(":memory:")
    made.executescript(TABLES)
    yield made
    made.close()


def happens(db, seq, by="zoe", refs=("endpoint:late",)):
    event = Event(seq=seq, at="", by=by, kind="endpoint", key=f"late@{seq}", body="", seal="")
    db.execute("INSERT INTO event VALUES (?, '', '', ?, ?, ?)", (seq, by, event.kind, event.key))
    watching.tell(db, event, refs, "moved")


def steps(db, who):
    """How much SQLite does to open an inbox; no clock is asked."""
    taken = []
    db.set_progress_handler(lambda: taken.append(1) and None, 10)
    assert len(watching.newest(db, who, 50, None, 0)) == 50
    db.set_progress_handler(None, 0)
    return len(taken)


def test_an_event_is_one_record_and_an_inbox_costs_what_it_shows(db):
    for number in range(300):
        watching.said(db, f"p{number}", "endpoint:late", number + 1, on=True)
        watching.said(db, "p0", f"run:r@{number % 20}", number + 1, on=True)
    for seq in range(1000, 1100):
        happens(db, seq)
    assert db.execute("SELECT (SELECT count(*) FROM told), (SELECT count(*) FROM notice)").fetchone() == (100, 0)
    few = steps(db, "p0")
    for seq in range(1100, 6000):
        happens(db, seq, refs=("endpoint:late", f"run:r@{seq % 20}"))
    assert steps(db, "p0") < 2 * few  # 50 times as many events, about 21 things at once
    assert steps(db, "p299") < 1.2 * few
