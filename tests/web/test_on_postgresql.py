"""With the records on a real PostgreSQL: who may do what, and the tricks that a database could take otherwise."""

import asyncio

import pytest
from tests.web.conftest import Door
from tests.web.test_matrix import asked_everywhere, guarded
from tests.web.test_tricks import CANARY, elsewhere, every_word, watched

from arkwright.sites import Site, choose_ledger

CALLERS = ("nothing", "revoked token", "shut out, token token", "viewer's token", "owner's session",
           "owner's session from elsewhere")  # fmt: skip
TRICKS = ("../../etc/passwd", "x\0", "' OR 1=1 --", "\U0001f9f5", "{canary}")


@pytest.fixture
def at_door(postgres, schema, tmp_path):
    outside = tmp_path / ("x" * 60)  # longer than what an error repeats of a word that was sent
    folder = outside / "project" / "site"
    folder.mkdir(parents=True)
    (outside / "canary").write_text(CANARY)
    return watched(Door(folder, site=choose_ledger(Site(folder), postgres.url(schema))), outside)


def test_every_route_by_a_few_callers(at_door):
    assert asyncio.run(asked_everywhere(guarded(at_door), CALLERS)) > 800


def test_a_few_tricks_in_every_word_of_every_verb(at_door, caplog):
    before = elsewhere(at_door)
    assert asyncio.run(every_word(at_door, TRICKS)) > 200
    assert elsewhere(at_door) == before
    assert not [record for record in caplog.records if record.exc_info], caplog.text
