"""Where a site's records are on a PostgreSQL server: `postgresql://host/database?schema=arkwright`."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.record import valid_name

SCHEME, SCHEMA = "postgresql", "arkwright"
_SECRET = ("password", "sslpassword")
# libpq's words that make sense here; a misspelt one must not be dropped silently
_WORDS = (
    "schema", "host", "hostaddr", "port", "user", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl",
    "sslnegotiation", "ssl_min_protocol_version", "channel_binding", "require_auth", "gssencmode", "krbsrvname",
    "connect_timeout", "target_session_attrs", "service", "options", "keepalives", "keepalives_idle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """`libpq`: what the driver is given; `schema`: where the site's tables are; `shown`: what people are told."""

    libpq: str
    schema: str
    shown: str


def parse(url: str) -> PostgresAddress:
    """Raises Invalid: for a password (it would lie in a file and in logs), an unknown word, an odd schema."""
    try:
        parts = urlsplit(url)
        port, options = parts.port, parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise Invalid("this address is not understood; write postgresql://user@host:port/database") from None
    host = parts.netloc.rpartition("@")[2]
    shown = f"{SCHEME}://{host}{parts.path}"
    if parts.scheme != SCHEME:
        raise Invalid(f"{parts.scheme[:20]!r} is no engine of a ledger{did_you_mean(parts.scheme, [SCHEME])}")
    if parts.password or any(word in _SECRET for word, _ in options):
        raise Invalid(
            f"a password may not stand in the address of {shown}; take it out and put it into ~/.pgpass, "
            "a line HOST:PORT:DATABASE:USER:PASSWORD in a file that only you may read, or into $PGPASSWORD"
        )
    for word, _ in options:
        if word not in _WORDS:
            raise Invalid(f"{word[:40]!r} in the address {shown} is not known{did_you_mean(word, _WORDS)}")
    schemas = [value for word, value in options if word == "schema"]
    if len(schemas) > 1 or parts.fragment or port == 0:
        raise Invalid(f"the address {shown} is not understood; write postgresql://user@host:port/database?schema=NAME")
    schema = valid_name(schemas[0] if schemas else SCHEMA, "schema")
    if schema.lower().startswith("pg_"):
        raise Invalid(f"the schema {schema!r} is PostgreSQL's own; take another name")
    kept = urlencode([(word, value) for word, value in options if word != "schema"])
    return PostgresAddress(urlunsplit((parts.scheme, parts.netloc, parts.path, kept, "")), schema, shown)
