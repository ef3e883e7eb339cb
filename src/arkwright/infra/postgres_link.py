"""A connection to PostgreSQL that comes back when it broke, and knows what a broken one may have done."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

from arkwright.core.errors import ArkwrightError, Away, Invalid, Missing, Refused
from arkwright.infra.postgres_address import parse

PATIENCE_S = 60  # how long one waits for the others
RETURN_S = 5  # how long a server may be away before who reads or writes is told
LOOKUP_S = 60  # the same where it must be asked what became of a write
PAUSE_S = 0.05
FORGOTTEN_S = 30  # after which that it was away when it was last tried says nothing of now
TRIES = 3
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
# a query of the catalogue sees what others committed while one waited; to_regclass may answer from what it saw before
_THERE = """
SELECT obj_description(c.oid, 'pg_class') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s
"""
_SAID = {
    "53100": "the disk of its server is full: nothing was written; make room",
    "25006": "it may only be read (is it a standby?); name the primary server",
    "55P03": f"it was kept busy by others for {PATIENCE_S} s; try again",
}
_WATCHED = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}  # by the server
_left_alone: list[Any] = []  # connections of a process that this one was forked from
T = TypeVar("T")


def anew(_: Any) -> None:
    """What became of a write that may be done twice: no matter, do it anew."""


class _Broken(Exception):
    """The connection went while something was done."""


class PostgresLink:
    """One connection, one thread at a time. `what`: such as `ledger`. Raises Missing without psycopg.

    Passwords are never in the address (`parse` refuses them), so no message can show one.
    """

    def __init__(self, url: str, what: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise Missing("PostgreSQL needs psycopg; install: pip install 'arkwright[postgres]'") from None
        self.psycopg: Any = psycopg
        self.address = parse(url)
        self.name = f"the {what} in {self.address.shown}"
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._db: Any = None
        self._away: float | None = None  # since when nobody answers
        self._tried = 0.0  # when nobody answered last
        self._closed = self._known = self._committing = False

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query finds; texts are asked for as bytes."""
        return self.ask(lambda db: db.execute(query, bound(values)).fetchall())

    def make(self, table: str, statements: str, layout: int) -> None:
        """Make the table and its schema where they are missing. Raises Refused for another layout."""
        place = f'"{self.address.schema}".{table}'
        ours = f"arkwright {table}, layout "

        def there(db: Any) -> bool:
            found = db.execute(_THERE, [self.address.schema, table]).fetchone()
            said = found[0] if found else None
            if found and said != f"{ours}{layout}":
                newer = (said or "").startswith(ours)
                why = "was written by a newer Arkwright; install that one" if newer else "is not of Arkwright's making"
                raise Refused(f"{self.name}: the table {place} {why}{'' if newer else '; name another ?schema='}")
            return found is not None

        def create(db: Any) -> None:
            self.one_at_a_time(db, "making")
            if not there(db):
                schema = f'"{self.address.schema}"'
                if not db.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [self.address.schema]).fetchone():
                    db.execute(f"CREATE SCHEMA {schema}")
                db.execute(statements.format(schema=schema))
                db.execute(f"COMMENT ON TABLE {place} IS '{ours}{layout}'")

        if not self.ask(there):
            self.change(create, anew)

    def one_at_a_time(self, db: Any, what: str) -> None:
        """Wait for whoever holds this name in this schema, and hold it until the transaction ends."""
        db.execute("SELECT pg_advisory_xact_lock(%s)", [self._key(what)])

    @contextmanager
    def alone(self, what: str) -> Iterator[Callable[[], bool] | None]:
        """Hold this name in this schema, until the connection that is made for it ends; whether it does still. None
        while another holds it. The server ends that of a machine that went within half a minute.
        """
        with self._apart() as db:
            try:
                for name, given in _WATCHED.items():
                    db.execute("SELECT set_config(%s, %s, false)", [name, given])
                (got,) = db.execute("SELECT pg_try_advisory_lock(%s)", [self._key(what)]).fetchone()
            except self.psycopg.Error as error:
                raise self._told(error) from error
            yield partial(self._there, db) if got else None

    def _apart(self) -> Any:
        """A connection of its own, to be closed."""
        try:
            return closing(self._connect(keepalives_interval=5, keepalives_count=3, tcp_user_timeout=30_000))
        except self.psycopg.Error as error:
            raise Away(f"{self.name} cannot be reached: {_line(error)}") from None

    def _there(self, db: Any) -> bool:
        try:
            db.execute("SELECT 1")
        except self.psycopg.Error:
            return False
        return True

    def _key(self, what: str) -> int:
        name = f"arkwright {what} {self.address.schema}".encode()
        return int.from_bytes(sha256(name).digest()[:8], signed=True)

    def ask(self, work: Callable[[Any], T]) -> T:
        """What may be done twice: reading, or a write that says the same again."""
        with self._turn():
            try:
                return self._attempt(work, RETURN_S)
            except _Broken:
                return self._explained(work, RETURN_S)

    def change(self, work: Callable[[Any], T], landed: Callable[[Any], T | None] | None = None) -> T:
        """One transaction. Where the connection breaks before it was to be committed, it is done anew.

        Where it breaks while it is committed, `landed` is asked what became of it: the result, or None where nothing
        was written, and it is done anew. Raises ArkwrightError when that cannot be known.
        """

        def whole(db: Any) -> T:
            self._committing = False
            with db.transaction():
                result = work(db)
                self._committing = True
            return result

        with self._turn():
            for _ in range(TRIES):
                self._committing = False
                try:
                    return self._attempt(whole, RETURN_S)
                except _Broken:
                    if self._committing and (found := self._landed(landed)) is not None:
                        return found
            raise Away(f"{self.name} lost its connection again and again: nothing was written; try again")

    def _landed(self, landed: Callable[[Any], T | None] | None) -> T | None:
        unknown = f"{self.name} lost its connection while this was written; whether it was is not known"
        if landed is None:
            raise ArkwrightError(f"{unknown}; look, and try again")
        try:
            return self._explained(landed, LOOKUP_S)
        except ArkwrightError as error:
            raise ArkwrightError(f"{unknown} ({error}); look before you try again") from None

    def close(self) -> None:
        with self._turn():
            self._drop()
            self._closed = True

    def __del__(self) -> None:
        if getattr(self, "_process", None) == os.getpid():
            self._drop()

    def _turn(self) -> Any:
        if self._process != os.getpid():  # after a fork the connection is the parent's: it is left alone
            _left_alone.append(self._db)
            self._begin()
        return self._lock

    def _explained(self, work: Callable[[Any], T], patience: float) -> T:
        try:
            return self._attempt(work, patience)
        except _Broken as error:
            raise Away(f"{self.name} lost its connection: {error}") from None

    def _attempt(self, work: Callable[[Any], T], patience: float) -> T:
        """Raises _Broken when the connection went, and PostgreSQL's other errors in our words."""
        if self._closed:
            raise ArkwrightError(f"{self.name} is closed")
        db = self._connected(patience)
        try:
            return work(db)
        except UnicodeEncodeError:
            raise Invalid(f"{self.name} cannot keep it: it holds half a character (a lone surrogate)") from None
        except self.psycopg.Error as error:
            if db.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC"):
                self._drop()
                raise _Broken(_line(error)) from None
            raise self._told(error) from error

    def _told(self, error: Any) -> ArkwrightError:
        code = error.sqlstate or ""
        if code == "54000":
            return Invalid(f"{self.name} cannot keep it: its name is too long (about 2,700 bytes)")
        if code == "42501":
            return Refused(f"{self.name}: {_line(error)}; grant it, or have an administrator make the schema")
        return ArkwrightError(f"{self.name}: {_SAID.get(code) or _line(error)}")

    def _connected(self, patience: float) -> Any:
        """The connection, made anew where it went; a server that was there before may be away for a moment, which is
        waited for once, and not by everybody who asks one after the other.
        """
        if time.monotonic() >= self._tried + FORGOTTEN_S:
            self._away = None
        while self._db is None:
            try:
                self._db = self._connect()
            except self.psycopg.Error as error:
                self._tried = time.monotonic()
                self._away = self._away or self._tried
                if not self._known or self._tried >= self._away + patience:
                    raise Away(f"{self.name} cannot be reached: {_line(error)}") from None
                time.sleep(PAUSE_S)
        self._known, self._away = True, None
        return self._db

    def _connect(self, **more: Any) -> Any:
        given = {
            "connect_timeout": 10,
            "application_name": "arkwright",
            "keepalives_idle": 30,
            "client_encoding": "utf8",
        }
        asked = self.psycopg.conninfo.conninfo_to_dict(self.address.libpq)
        made = self.psycopg.connect(**{**given, **more, **asked}, autocommit=True)
        made.execute(_DURABLE)
        made.execute(f"SET lock_timeout = '{PATIENCE_S}s'")
        return made

    def _drop(self) -> None:
        if self._db is not None:
            with suppress(self.psycopg.Error):
                self._db.close()
            self._db = None


def bound(values: Sequence[Any]) -> list[Any]:
    """Texts as bytes."""
    return [value.encode() if isinstance(value, str) else value for value in values]


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
