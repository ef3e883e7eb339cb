"""Where advisories come from, and how old they may be."""

from datetime import UTC, datetime, timedelta

import pytest

from arkwright.advisories.desk import Desk
from arkwright.core.errors import Invalid
from arkwright.core.settings import Advisories
from arkwright.infra import site_file

MADE = datetime(2026, 11, 28, 3, 4, 5, tzinfo=UTC)


def look(settings, folder, after=timedelta()):
    """What is known, or why nothing is."""
    found = Desk(settings, folder, lambda: MADE + after).look([("requests", "2.19.0")])
    return found if found.age else found.stale


def test_a_path_is_meant_from_the_sites_folder(entry, written, tmp_path):
    written(entry())
    advised = look(Advisories(source="advisories"), tmp_path)
    assert [one.id for one in advised.known] == ["GHSA-x84v-xcm2-53pg"]
    assert advised.age == "advisories of 2026-11-28 from advisories"


@pytest.mark.parametrize(("age", "stale"), [("7d", False), ("8d", True)])
def test_an_old_database_proves_nothing(entry, written, tmp_path, age, stale):
    written(entry())
    advised = look(Advisories(source="advisories"), tmp_path, timedelta(days=int(age[:-1])))
    assert bool(advised.stale) is stale
    assert not look(Advisories(source="advisories", max_age="30d"), tmp_path, timedelta(days=8)).stale


def test_without_a_database_the_reason_is_told(tmp_path):
    assert "under [advisories] in site.toml" in look(None, tmp_path)
    assert "there are no advisories at" in look(Advisories(source="all.zip"), tmp_path)
    assert "take https://" in look(Advisories(source="http://osv.example.org"), tmp_path)


def test_a_database_without_a_date(entry, written, tmp_path):
    written(entry(modified="soon"))
    assert look(Advisories(source="advisories"), tmp_path) == "no advisory in advisories says when it was modified"


def test_the_site_file_is_read_strictly(tmp_path):
    (tmp_path / "site.toml").write_text('[advisories]\nsource = "all.zip"\nmax_age = "30d"\n')
    assert site_file.read(tmp_path).advisories == Advisories(source="all.zip", max_age="30d")
    for wrong in ('[advisories]\nsauce = "all.zip"', "[advisories]", '[advisories]\nsource = "a"\nmax_age = "a while"'):
        (tmp_path / "site.toml").write_text(wrong)
        with pytest.raises(Invalid, match="advisories"):
            site_file.read(tmp_path)
