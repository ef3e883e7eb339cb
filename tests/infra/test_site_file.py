import pytest

from arkwright.core.errors import Invalid
from arkwright.infra import site_file

URL = "postgresql://ann@db.example:5433/shop?schema=churn"


def test_nothing_is_chosen_without_a_file(tmp_path):
    assert site_file.read(tmp_path).ledger is None
    assert site_file.read(tmp_path / "nowhere").ledger is None


def test_what_was_written_is_read(tmp_path):
    site_file.write(tmp_path, URL)
    assert site_file.read(tmp_path).ledger == URL
    assert [path.name for path in tmp_path.iterdir()] == ["site.toml"]


def test_who_may_read_it_and_where_it_lies_stays(tmp_path):
    """It may be a link to where somebody keeps it, and an editor may have begun it with a mark of its own."""
    (tmp_path / "site").mkdir()
    kept, link = tmp_path / "kept.toml", tmp_path / "site" / "site.toml"
    kept.write_text('address = "https://room.example"\n', encoding="utf-8-sig")
    kept.chmod(0o640)
    link.symlink_to(kept)
    assert site_file.read(link.parent).address == "https://room.example"
    site_file.write(link.parent, URL)
    found = site_file.read(link.parent)
    assert (found.ledger, found.address) == (URL, "https://room.example")
    assert link.is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"site", "kept.toml"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'leger = "{URL}"', "unknown key 'leger'; did you mean \"ledger\"?"),
        ("ledger = 5", "ledger must be an address"),
        ('address = "room.example"', "address must be how people reach"),
        ("[webhook]\nallow = []", "unknown key 'webhook'; did you mean \"webhooks\"?"),
        ("[webhooks]\nalow = []", "unknown key 'alow' in [webhooks]; did you mean \"allow\"?"),
        ('[webhooks]\nallow = ["10.0.0.1/8"]', "'10.0.0.1/8' is no network"),
        ('[webhooks]\nallow = "10.0.0.0/8"', "[webhooks]: Expected a list, got text"),
        ("webhooks = 1", "[webhooks]: Expected a table, got a whole number"),
        ('[mail]\nserver = "h:25"', "[mail]: Object missing required field `from`"),
        ('[mail]\nserver = "h"\nfrom = "a@b.c"', "mail.server must be host:port"),
        ('[mail]\nserver = "h:65536"\nfrom = "a@b.c"', "mail.server must be host:port"),
        ('[mail]\nserver = "h..x:25"\nfrom = "a@b.c"', "mail.server must be host:port"),
        ('[mail]\nserver = "h:25"\nfrom = "a"', "mail.from must be an e-mail address"),
        ('[mail]\nserver = "h:25"\nfrom = "a..b@b.c"', "mail.from must be an e-mail address"),
        ('[mail]\nserver = "h:25"\nfrom = "a@b.c"\npassword = "x"', "unknown key 'password' in [mail]"),
        ('[mail]\nserver = "h:25"\nfrom = "a@b.c"\ntls = "maybe"', "[mail]: Invalid enum value 'maybe'"),
        ('[login]\nissuer = "nonsense"\nclient = "a"', "login.issuer must be the provider's https address"),
        ('[login]\nissuer = "http://sso.example"\nclient = "a"', "login.issuer must be the provider's https address"),
        *(
            (f'[login]\nissuer = "{place}"\nclient = "a"', "login.issuer must be the provider's https address")
            for place in (
                "https://user:pw@sso.example",
                "https://:pw@sso.example",
                "https://sso.example/a b",
                "https://sso.example#x",
                "https://sso.example?tenant=x",
                "https://sso.example:port",
                "http://localhost:pw@evil.example",
            )
        ),
        ('[login]\nissuer = "https://sso.example"\nclient = ""', "login.client must be what the provider calls"),
        ('[openlineage]\nnamespace = "x"', "missing required field `to`"),
        ("ledger = [", "cannot be read"),
        ("\xff", "cannot be read"),
        ('ledger = "postgres://h/d"', "'postgres' is no engine of a ledger; did you mean \"postgresql\"?"),
        ('ledger = "ledger.db"', "'' is no engine"),
        ('ledger = "postgresql://h:port/d"', "not understood"),
        ('ledger = "postgresql://h/d?schemas=x"', 'did you mean "schema"?'),
        ('ledger = "postgresql://h/d?schema"', "not understood"),
        ('ledger = "postgresql://h/d?schema="', "cannot name a schema"),
        ("ledger = 'postgresql://h/d?schema=a\"; DROP'", "cannot name a schema"),
        ('ledger = "postgresql://h/d?schema=a&schema=b"', "not understood"),
        ('ledger = "postgresql://h/d?schema=pg_catalog"', "PostgreSQL's own"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    (tmp_path / "site.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(Invalid) as told:
        site_file.read(tmp_path)
    assert message in str(told.value)
    assert str(tmp_path / "site.toml") in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:rare@h/d",
        "postgresql://h/d?user=ann&password=rare",
        "postgresql://h/d?sslpassword=rare",
        "postgresql://ann:rare@h/d?schema=x&pasword=rare",
    ],
)
def test_a_password_is_refused_unseen_with_a_way_out(tmp_path, url):
    (tmp_path / "site.toml").write_text(f'ledger = "{url}"')
    with pytest.raises(Invalid, match=r"~/\.pgpass") as told:
        site_file.read(tmp_path)
    assert "rare" not in str(told.value)
    with pytest.raises(Invalid, match="is not known") as told:
        site_file.check("postgresql://h/d?pasword=rare")
    assert "rare" not in str(told.value)


def test_whom_it_tells(tmp_path):
    text = """
    address = "https://room.example"
    [webhooks]
    allow = ["10.1.0.0/16", "::1/128"]
    [mail]
    server = "smtp.example:587"
    from = "arkwright@example.org"
    [openlineage]
    to = "lineage.jsonl"
    """
    (tmp_path / "site.toml").write_text(text)
    found = site_file.read(tmp_path)
    assert found.address == "https://room.example"
    assert found.webhooks.allow == ("10.1.0.0/16", "::1/128")
    assert (found.mail.server, found.mail.sender, found.mail.tls) == (
        "smtp.example:587",
        "arkwright@example.org",
        "starttls",
    )
    assert (found.openlineage.to, found.openlineage.namespace) == ("lineage.jsonl", "arkwright")
