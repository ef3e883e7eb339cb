"""To what an endpoint would be rolled back: by how many records that is found, and that it is the right one."""

import random
from itertools import pairwise

import pytest

from arkwright.api.endpoints.rollout import back
from arkwright.core.errors import Refused
from arkwright.core.nouns import Endpoint, Release
from arkwright.core.ports import Entry
from arkwright.core.record import encode
from arkwright.sites import local


class Played:
    """A site where releases are made, 1, 2, 3, and an endpoint is moved to some of them."""

    def __init__(self, folder):
        self.site, self.moves, self.made = local(folder), [], 0
        self._entries = []

    def make(self):
        self.made += 1
        self._entries.append(Entry(Release.KIND, f"late@{self.made}", ""))

    def move(self, *releases, back=False):
        shares = {f"release:late@{number}": 1 / len(releases) for number in releases}
        said = "rolled back from something" if back else "promoted"
        move = Endpoint(name="late", version=len(self.moves) + 1, shares=shares, reason=said)
        self.moves.append(move)
        self._entries.append(Entry(Endpoint.KIND, f"late@{move.version}", encode(move)))

    def write(self):
        self.site.ledger.append("ana", self._entries)
        return self.site.ledger


def left(move, then):
    return set(move.shares) - set(then.shares)


def expected(moves):
    """By all moves there are: the shares, None where there is nothing."""
    now = moves[-1]
    gone = {ref for e, later in pairwise(moves) if later.reason.startswith("rolled") for ref in left(e, later)}
    for before in reversed(moves[:-1]):
        if before.shares != now.shares and not gone & set(before.shares) and left(now, before):
            return before.shares
    return None


@pytest.mark.parametrize("seed", range(60))
def test_it_is_the_newest_that_nobody_rolled_back_from(tmp_path, seed):
    drawn, played = random.Random(seed), Played(tmp_path)
    for _ in range(drawn.randrange(2, 25)):
        if not played.made or drawn.random() < 0.3:
            played.make()
        numbers = drawn.sample(range(1, played.made + 1), min(played.made, drawn.choice((1, 1, 2))))
        played.move(*numbers, back=drawn.random() < 0.25)
    played.write()
    try:
        found = back(played.site, played.moves[-1], "").shares
    except Refused:
        found = None
    assert found == expected(played.moves)


def test_of_a_thousand_moves_it_reads_the_newest(tmp_path, monkeypatch):
    """It stands on the page that an owner looks at."""
    played = Played(tmp_path)
    for number in range(1, 501):
        played.make()
        played.move(number, *([number - 1] if number > 1 else []))
        played.move(number)
    ledger, read = played.write(), []
    get, find = ledger.get, ledger.find

    def noted(events):
        for event in events:
            read.append(event)
            yield event

    monkeypatch.setattr(ledger, "get", lambda *key: read.append(key) or get(*key))
    monkeypatch.setattr(ledger, "find", lambda *words: noted(find(*words)))
    assert back(played.site, played.moves[-1], "").shares == {"release:late@499": 1.0}
    assert len(read) < 20
