"""Databases as sources: `sqlite:///shop.db?table=orders`, `postgresql://host/shop?query=SELECT …`."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.quoting import quoted_name


@dataclass(frozen=True)
class SqlAddress:
    """`address` is what comes before table or query, its other options kept; one of the two is given."""

    address: str
    table: str = ""
    query: str = ""

    @property
    def what(self) -> str:
        """How messages call it: without a password."""
        parts = urlsplit(self.address)
        host = parts.netloc.rpartition("@")[2]
        asked = f"the table {self.table}" if self.table else "the query"
        return f"{asked} in {urlunsplit((parts.scheme, host, parts.path, '', ''))}"

    @property
    def sql(self) -> str:
        """The query, or one for the whole table; every name is quoted."""
        if self.query:
            return self.query
        name = ".".join(quoted_name(part) for part in self.table.split("."))
        return f"SELECT * FROM {name}"  # noqa: S608 - quoted right above


def parse(source: str) -> SqlAddress:
    """A source with `?table=` or `?query=`; the query is taken as it is written, to the end. Raises Invalid."""
    address, _, options = source.partition("?")
    before, asked, query = (
        re.split(r"(?:^|&)(query=)", options, maxsplit=1) if _QUERY.search(options) else (options, "", "")
    )
    kept, table = [], ""
    for option in filter(None, before.split("&")):
        word, _, value = option.partition("=")
        if word == "table":
            table = value
        elif did_you_mean(word, ("table", "query")).endswith("?"):
            raise Invalid(f"{word!r} in {address} is not known{did_you_mean(word, ('table', 'query'))}")
        else:
            kept.append(option)
    if bool(table) == bool(query.strip()):
        raise Invalid(f"a database source names one table or one query: {address}?table=NAME or ?query=SELECT …")
    return SqlAddress(
        address + ("?" + "&".join(kept) if kept else ""), table, query.strip().rstrip(";") if asked else ""
    )


_QUERY = re.compile(r"(?:^|&)query=")
