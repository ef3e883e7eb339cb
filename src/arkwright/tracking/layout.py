"""How tracked runs lie in SQLite.

A metric's points are clustered by (series, step, time, value), so a point sent twice is there once and a curve is one
range. The latest point of each metric stands in `series`, indexed by value: lists and filters read no points.
SQLite has no NaN: it is kept as the text 'NaN', which sorts behind every number.

`words` is the full text of what was said of runs and registered models. Whatever says something new about one of them
leaves its number in `stale`, in the same commit, and `found` reads it later. Metrics touch none of it.
"""

from collections.abc import Iterator

from arkwright.core.fulltext import TABLE_OPTIONS

LAYOUT = 2
NAN = "NaN"

TABLES = """
CREATE TABLE experiment (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, stage TEXT NOT NULL, made INTEGER NOT NULL,
    changed INTEGER NOT NULL
) STRICT;
CREATE TABLE experiment_tag (
    owner INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, experiment INTEGER NOT NULL REFERENCES experiment,
    name TEXT NOT NULL, user TEXT NOT NULL, status TEXT NOT NULL, stage TEXT NOT NULL, started INTEGER NOT NULL,
    ended INTEGER, lease INTEGER
) STRICT;
CREATE INDEX run_newest ON run (started DESC, id DESC);
CREATE INDEX run_of ON run (experiment, stage, started DESC, id DESC);
CREATE INDEX run_leased ON run (lease) WHERE status = 'RUNNING' AND lease IS NOT NULL;
CREATE TABLE run_tag (
    owner INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_tag_value ON run_tag (key, value);
CREATE TABLE param (
    owner INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX param_value ON param (key, value);

CREATE TABLE series (
    id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, key TEXT NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL,
    value ANY NOT NULL, UNIQUE (owner, key)
) STRICT;
CREATE INDEX series_value ON series (key, value, owner);
CREATE TABLE point (
    series INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, value ANY NOT NULL,
    PRIMARY KEY (series, step, at, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE input (
    run INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, source_type TEXT NOT NULL, source TEXT NOT NULL,
    schema TEXT NOT NULL, profile TEXT NOT NULL, tags TEXT NOT NULL, PRIMARY KEY (run, name, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE model_link (
    run INTEGER NOT NULL, model TEXT NOT NULL, way TEXT NOT NULL, step INTEGER NOT NULL, PRIMARY KEY (run, way, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifact (
    path TEXT PRIMARY KEY, digest TEXT NOT NULL, size INTEGER NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX artifact_digest ON artifact (digest);

CREATE TABLE model (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, experiment INTEGER NOT NULL REFERENCES experiment,
    name TEXT NOT NULL, type TEXT NOT NULL, run TEXT NOT NULL, status TEXT NOT NULL, stage TEXT NOT NULL,
    made INTEGER NOT NULL, changed INTEGER NOT NULL
) STRICT;
CREATE INDEX model_of ON model (run, name);
CREATE TABLE model_tag (
    owner INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE model_param (
    owner INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE model_metric (
    owner INTEGER NOT NULL, key TEXT NOT NULL, run TEXT NOT NULL, dataset TEXT NOT NULL, digest TEXT NOT NULL,
    step INTEGER NOT NULL, at INTEGER NOT NULL, value ANY NOT NULL, PRIMARY KEY (owner, key, dataset, digest, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE registered (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, made INTEGER NOT NULL,
    changed INTEGER NOT NULL, last INTEGER NOT NULL
) STRICT;
CREATE TABLE registered_tag (
    owner INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE alias (
    owner INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE version (
    id INTEGER PRIMARY KEY, registered INTEGER NOT NULL, number INTEGER NOT NULL, user TEXT NOT NULL,
    stage TEXT NOT NULL, description TEXT NOT NULL, source TEXT NOT NULL, place TEXT NOT NULL, run TEXT NOT NULL,
    run_link TEXT NOT NULL, model TEXT NOT NULL, made INTEGER NOT NULL, changed INTEGER NOT NULL,
    UNIQUE (registered, number)
) STRICT;
CREATE TABLE version_tag (
    owner INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE imported (
    origin TEXT NOT NULL, kind TEXT NOT NULL, theirs TEXT NOT NULL, ours TEXT NOT NULL, done INTEGER NOT NULL,
    PRIMARY KEY (origin, kind, theirs)
) STRICT, WITHOUT ROWID;
"""

RUN, REGISTERED, VERSION = 0, 1, 2  # kinds of what is found
_ALL = ("INSERT", "UPDATE", "DELETE")
_SAID: tuple[tuple[str, tuple[str, ...], int, str], ...] = (  # table, when it changes, kind, what is stale then
    ("run", ("INSERT", "UPDATE OF name, stage, experiment"), RUN, "@.id"),
    ("run_tag", _ALL, RUN, "@.owner"),
    ("param", _ALL, RUN, "@.owner"),
    ("experiment", ("UPDATE OF name",), RUN, "run.id FROM run WHERE experiment = @.id"),
    ("model", ("INSERT", "UPDATE OF name, stage"), RUN, "run.id FROM run WHERE uid = @.run"),
    ("registered", ("INSERT", "UPDATE OF name, description", "DELETE"), REGISTERED, "@.id"),
    ("registered", ("UPDATE OF name",), VERSION, "version.id FROM version WHERE registered = @.id"),
    ("registered_tag", _ALL, REGISTERED, "@.owner"),
    ("alias", _ALL, REGISTERED, "@.owner"),
    ("version", ("INSERT", "UPDATE OF description", "DELETE"), VERSION, "@.id"),
    ("version_tag", _ALL, VERSION, "@.owner"),
)


def _search() -> Iterator[str]:
    yield "CREATE TABLE stale (kind INTEGER, id INTEGER, PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID"
    yield (
        "CREATE VIRTUAL TABLE words USING fts5 (kind, title, text, ref UNINDEXED, person UNINDEXED, at UNINDEXED, "
        f"{TABLE_OPTIONS})"
    )
    for table, changes, kind, what in _SAID:
        for change in changes:
            row, when = "old" if change == "DELETE" else "new", change.partition(" ")[0].lower()
            # no conflict clause: the one of the statement that fires a trigger would count instead
            one, among, which = what.replace("@", row).partition(" FROM ")
            known = f"NOT EXISTS (SELECT 1 FROM stale s WHERE s.kind = {kind} AND s.id = {one})"  # noqa: S608
            mark = f"SELECT {kind}, {one}{among}{which} AND {known}" if among else f"VALUES ({kind}, {one})"
            only = "" if among else f" WHEN {known}"
            yield (
                f"CREATE TRIGGER said_{table}_{kind}_{when} AFTER {change} ON {table}{only} "
                f"BEGIN INSERT INTO stale {mark}; END"
            )
    for kind, table in ((RUN, "run"), (REGISTERED, "registered"), (VERSION, "version")):
        yield f"INSERT INTO stale SELECT {kind}, id FROM {table}"  # noqa: S608 - what is there from before


STEPS = (tuple(filter(str.strip, TABLES.split(";"))), tuple(_search()))  # from each layout to the next
