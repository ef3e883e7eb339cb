"""Records in one table of a PostgreSQL schema: append-only, each event sealed to the one before.

Texts are kept as bytes (`bytea`): any text as it is, zero characters too, compared byte by byte whatever the database's
encoding and collation. To read along with psql: `SELECT seq, at, convert_from(body, 'UTF8') FROM arkwright.event`.
"""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from arkwright.core.errors import Corrupt
from arkwright.core.nouns import Event
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import GENESIS, now, seal
from arkwright.infra.head_file import HeadFile, parse_head
from arkwright.infra.postgres_link import PostgresLink, bound
from arkwright.infra.sealed import behind, checked, not_cut_back, walk

LAYOUT = 1
PAGE = 500
_FIRST = -(1 << 63)
_TABLE = """
CREATE TABLE {schema}.event (
    seq bigint PRIMARY KEY, at text NOT NULL, by bytea NOT NULL,
    kind bytea NOT NULL, key bytea NOT NULL, body bytea NOT NULL, seal text NOT NULL,
    CONSTRAINT event_key UNIQUE (kind, key)
);
CREATE FUNCTION {schema}.event_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.event
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.event_append_only();
ALTER TABLE {schema}.event ENABLE ALWAYS TRIGGER event_append_only;
"""


class PostgresLedger:
    """The ledger at `url`; `head` is the file of its anchor, see `HeadFile`: the site's own memory of where it ended.

    One connection, one thread at a time. Writers take turns under a lock that ends with their transaction, so `seq` has
    no gaps. Raises Invalid for an address with a password, Refused for a table that is not ours.
    """

    def __init__(self, url: str, head: Path) -> None:
        self._link = PostgresLink(url, "ledger")
        self._link.make("event", _TABLE, LAYOUT)
        self._table = f'"{self._link.address.schema}".event'
        self._event = f"""
SELECT e.seq, e.at, e.by, e.kind, e.key, e.body, e.seal, p.seal
FROM {self._table} e LEFT JOIN {self._table} p ON p.seq = e.seq - 1"""  # noqa: S608 - the schema is a plain word
        self._head = HeadFile(head)
        with self._head.locked() as handle:
            self._head.begin(handle)

    def append(self, by: str, entries: Sequence[Entry]) -> int:
        """Append all or none, durably; the last `seq`.

        A connection that breaks while it is committed is made anew and asked: an event is never written twice, nor
        called written when it was not. Raises Taken when a (kind, key) exists, Refused when the ledger was cut back,
        ArkwrightError when the server cannot say what became of it.
        """
        if not entries:
            return self._link.ask(self._end)[0]
        sent = (0, GENESIS)

        def write(db: Any) -> tuple[int, str]:
            nonlocal sent
            self._link.one_at_a_time(db, "event")
            sent = self._insert(db, by, entries)
            return sent

        def landed(db: Any) -> tuple[int, str] | None:
            with db.transaction():
                self._link.one_at_a_time(db, "event")  # whoever still commits it holds this
                asked = f"SELECT 1 FROM {self._table} WHERE seq = %s AND seal = %s"  # noqa: S608
                return sent if db.execute(asked, sent).fetchone() else None

        self._head.advance(*self._link.change(write, landed))
        return sent[0]

    def _insert(self, db: Any, by: str, entries: Sequence[Entry]) -> tuple[int, str]:
        seq, mark = self._end(db)
        not_cut_back(self._head, seq)
        insert = f"INSERT INTO {self._table} VALUES (%s, %s, %s, %s, %s, %s, %s)"  # noqa: S608
        rows = []
        for entry in entries:
            seq, at = seq + 1, now()
            texts = bound((by, entry.kind, entry.key, entry.body))
            mark = seal(mark, seq, at, by, entry.kind, entry.key, entry.body)
            rows.append((seq, at, *texts, mark))
        try:
            with db.cursor() as cursor:
                cursor.executemany(insert, rows)
        except self._link.psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name != "event_key":
                raise
            raise Taken(f"one of {', '.join(f'{e.kind} {e.key}' for e in entries[:5])} exists") from None
        return seq, mark

    def get(self, kind: str, key: str) -> Event | None:
        """The event under exactly this key. Raises Corrupt when it is not what was sealed."""
        return self._one("e.kind = %s AND e.key = %s", kind, key)

    def last(self, kind: str, prefix: str) -> Event | None:
        """The newest event of this kind whose key starts with `prefix`. Raises Corrupt."""
        # + 0 keeps the planner from walking the whole table backwards for a name that does not exist
        newest = f"(SELECT max(seq + 0) FROM {self._table} WHERE kind = %s AND key >= %s AND key < %s)"  # noqa: S608
        return self._one(f"e.seq = {newest}", kind, prefix, behind(prefix))

    def find(self, kind: str | None = None, prefix: str = "", after: int = 0) -> Iterator[Event]:
        """Events in the order of writing, as there are when the first is asked for. Raises Corrupt."""
        clauses: list[str] = ["seq > %s"]
        values: list[Any] = [after]
        if kind is not None:
            clauses, values = [*clauses, "kind = %s"], [*values, kind]
        if prefix:
            clauses, values = [*clauses, "key >= %s AND key < %s"], [*values, prefix, behind(prefix)]
        query = f"SELECT seq FROM {self._table} WHERE {' AND '.join(clauses)} ORDER BY seq"  # noqa: S608
        found = array("q", (seq for (seq,) in self._link.rows(query, *values)))
        for start in range(0, len(found), PAGE):
            yield from map(checked, self._page("e.seq = ANY(%s)", found[start : start + PAGE].tolist()))

    def head(self) -> str:
        """`seq:seal` of the last event: the anchor to keep elsewhere and to give to `verify`."""
        return "{}:{}".format(*self._link.ask(self._end))

    def verify(self, against: str | None = None) -> int:
        """Compute every seal again; the number of events. Raises Corrupt naming the first bad one.

        What it finds and what it cannot find is what `SqliteLedger.verify` says.
        """
        anchors = [("the given anchor", parse_head(against))] if against else []
        beside = self._head.read()  # read first: an append in between only makes the ledger longer
        if beside is None:
            raise Corrupt(f"{self._head.path} is missing, so a cut-off tail would not show; compare with an anchor")
        return walk(self._rows(), [*anchors, (self._head.path.name, beside)], self._link.name)

    def stamp(self) -> None:
        """Only the server could tell, and it has to be waited for."""

    def close(self) -> None:
        self._link.close()

    def _rows(self) -> Iterator[list[Any]]:
        """Every event as it is stored, a page at a time."""
        after = _FIRST
        while page := self._page("e.seq > %s", after, f"LIMIT {PAGE}"):
            yield from page
            after = page[-1][0]

    def _page(self, where: str, value: Any, limit: str = "") -> list[list[Any]]:
        return [_texts(row) for row in self._link.rows(f"{self._event} WHERE {where} ORDER BY e.seq {limit}", value)]

    def _one(self, where: str, *values: Any) -> Event | None:
        found = self._link.rows(f"{self._event} WHERE {where}", *values)
        return checked(_texts(found[0])) if found else None

    def _end(self, db: Any) -> tuple[int, str]:
        row = db.execute(f"SELECT seq, seal FROM {self._table} ORDER BY seq DESC LIMIT 1").fetchone()  # noqa: S608
        return row or (0, GENESIS)


def _texts(row: Sequence[Any]) -> list[Any]:
    """Bytes that are no text fail their seal."""
    return [cell.decode(errors="replace") if isinstance(cell, bytes) else cell for cell in row]
