"""The whole walk of a small shop with its records on a real PostgreSQL, word by word."""

import json
import logging
from importlib.util import find_spec, module_from_spec

import pytest

from arkwright.api.one_folder import warn_of_another
from arkwright.cli.main import main
from arkwright.control import server
from arkwright.control.listening import Listening
from arkwright.core.errors import Invalid, Refused
from arkwright.core.nouns import Actor
from arkwright.infra import postgres_link, site_file
from arkwright.infra.sqlite_ledger import SqliteLedger
from arkwright.sites import choose_ledger, is_site, local


@pytest.fixture
def site(postgres, schema, shop):
    made = choose_ledger(local(shop.folder), postgres.url(schema))
    assert made.settings.ledger == postgres.url(schema)
    return made


def test_the_line_from_a_run_to_a_prediction(site, shop, capsys, tmp_path, postgres, schema):
    def word(*args):
        code = main([*args, "--project", str(shop.folder)])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    word("run", "--by", "ana")
    word("sign", "buys", "--by", "ben", "--role", "model-owner")
    word("sign", "buys", "--by", "cleo", "--role", "operations")
    word("promote", "buys", "--by", "ana")
    (tmp_path / "row.json").write_text(json.dumps({"country": "DE", "spent": 80.0, "age": 30}))
    assert json.loads(word("predict", "buys", str(tmp_path / "row.json")))["release"] == "release:buys@1"
    count = json.loads(word("ledger", "verify", "--json"))["events"]
    assert count > 10
    assert f"{count} events, every seal holds" in word("doctor")
    assert {path.name for path in site.folder.iterdir()} & {"ledger.db", "vault.db"} == set()
    site.vault.put("password", "ana", "a hash")
    postgres.do(f"SELECT 1 / (count(*) = 1)::int FROM {schema}.record")
    postgres.do(f"SELECT 1 / (count(*) = {count})::int FROM {schema}.event")


def test_a_site_without_its_project_is_found(site):
    assert is_site(site.folder)
    assert main(["ledger", "verify", "--site", str(site.folder)]) == 0


def test_a_ledger_that_is_somewhere_is_not_left_behind(postgres, schema, shop):
    begun = local(shop.folder)
    begun.folder.mkdir()
    SqliteLedger(begun.folder / "ledger.db").close()
    with pytest.raises(Refused, match="keeps it"):
        choose_ledger(begun, postgres.url(schema))
    assert begun.settings.ledger is None


def test_what_the_file_says_besides_stays_and_is_no_ledger(postgres, schema, shop):
    begun = local(shop.folder)
    begun.folder.mkdir()
    (begun.folder / site_file.FILE).write_text('[webhooks]\nallow = ["127.0.0.1/32"]\n')
    made = choose_ledger(begun, postgres.url(schema))
    assert (made.settings.ledger, made.settings.webhooks.allow) == (postgres.url(schema), ("127.0.0.1/32",))


def test_another_folder_on_the_same_records_is_told(site, shop_at, tmp_path, caplog):
    other = choose_ledger(local(shop_at(tmp_path / "other").folder), site.settings.ledger)
    for _ in range(2):  # also when it is started again
        warn_of_another(site)
    assert not caplog.records
    warn_of_another(other)
    assert f"another folder keeps its records where {other.folder} does" in caplog.text
    assert "postgresql" not in caplog.text


def test_no_warning_of_the_driver_shows_where_the_database_is(site, monkeypatch):
    """Where a control room runs; whoever imports us sees theirs as before."""

    def ends(*_):
        raise Refused("enough")

    driver = logging.getLogger("psycopg")
    driver.setLevel(logging.NOTSET)
    spec = find_spec(postgres_link.__name__)
    spec.loader.exec_module(module_from_spec(spec))
    assert driver.isEnabledFor(logging.WARNING)
    monkeypatch.setattr(server, "check", ends)
    with pytest.raises(Refused, match="enough"):
        server.up(site, Actor(name=""), site.folder, listening=Listening(), ready=print)
    assert not driver.isEnabledFor(logging.WARNING)


def test_choosing_again_is_nothing_new(site, postgres, schema):
    assert choose_ledger(site, postgres.url(schema)) is site
    with pytest.raises(Refused, match="keeps it"):
        choose_ledger(local(site.folder.parent), postgres.url("another"))


def test_an_address_that_does_not_work_is_not_written_down(shop):
    with pytest.raises(Invalid, match="did you mean"):
        choose_ledger(local(shop.folder), "postgres://h/d")
    assert main(["up", "--project", str(shop.folder), "--ledger", "postgresql://127.0.0.1:1/shop"]) == 16
    assert site_file.read(shop.folder / ".arkwright").ledger is None


def test_two_sites_in_one_database_know_nothing_of_one_another(postgres, schema, shop_at, tmp_path):
    one, two = (choose_ledger(local(shop_at(tmp_path / n).folder), postgres.url(f"{schema}{n}")) for n in "ab")
    one.vault.put("a", "1", "x")
    assert two.vault.get("a", "1") is None
    assert one.ledger.verify() == two.ledger.verify() == 0
