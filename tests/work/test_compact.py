"""Compaction of every endpoint of a site: what goes wrong at one stops no other."""

from arkwright.sites import Site
from arkwright.work import compact


def test_whatever_goes_wrong_at_one_endpoint_stops_no_other(tmp_path, monkeypatch, caplog):
    site, done = Site(tmp_path / ".arkwright"), []
    wrong = {"a": ZeroDivisionError("no such sum"), "b": OSError("no room")}
    for name in ("a", "b", "c"):
        (site.predictions / name).mkdir(parents=True)

    def one(folder, *_, **__):
        if folder.name in wrong:
            raise wrong[folder.name]
        done.append(folder.name)

    monkeypatch.setattr(compact, "compact", one)
    assert (compact.once(site), done) == ({"a", "b"}, ["c"])
    assert compact.once(site, ["c", "d"]) == set()
    assert done == ["c", "c"]
    assert [(record.getMessage().partition(":")[0], bool(record.exc_info)) for record in caplog.records] == [
        ("a", True),
        ("b", False),
    ]
