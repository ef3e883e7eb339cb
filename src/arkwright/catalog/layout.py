"""The tables of the catalog. Another layout is another number: then the file is made anew from the ledger."""

from arkwright.core.fulltext import TABLE_OPTIONS

LAYOUT = 7

TABLES = f"""
CREATE TABLE place (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, seal TEXT NOT NULL,
    newest TEXT NOT NULL, slip REAL NOT NULL) STRICT;

CREATE TABLE event (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, high TEXT NOT NULL, person TEXT NOT NULL,
    kind TEXT NOT NULL, key TEXT NOT NULL) STRICT;
CREATE INDEX event_kind ON event (kind, person, seq);
CREATE INDEX event_kind_seq ON event (kind, seq);
CREATE INDEX event_person ON event (person, seq);
CREATE INDEX event_high ON event (high, seq);
CREATE TABLE about (ref TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (ref, seq)) STRICT, WITHOUT ROWID;

CREATE TABLE noun (kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL,
    at TEXT NOT NULL, person TEXT NOT NULL, state TEXT NOT NULL, digest TEXT NOT NULL, seconds REAL NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (kind, name, version)) STRICT;
CREATE INDEX noun_seq ON noun (kind, seq);
CREATE INDEX noun_person ON noun (kind, person, seq);
CREATE INDEX noun_state ON noun (kind, state, seq);
CREATE INDEX noun_name ON noun (kind, name, seq);
CREATE INDEX noun_seconds ON noun (kind, seconds, seq);
CREATE INDEX noun_digest ON noun (digest);

CREATE TABLE number (what TEXT NOT NULL, value REAL NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (what, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX number_value ON number (what, value, seq);

CREATE TABLE made (parent TEXT NOT NULL, seq INTEGER NOT NULL, ref TEXT NOT NULL,
    PRIMARY KEY (parent, seq)) STRICT, WITHOUT ROWID;

CREATE TABLE finding (digest TEXT NOT NULL, promise TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (digest, promise)) STRICT, WITHOUT ROWID;
CREATE TABLE measured (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, subject TEXT NOT NULL, version INTEGER NOT NULL,
    promise TEXT NOT NULL, verdict TEXT NOT NULL, value REAL, low REAL, high REAL, digest TEXT NOT NULL) STRICT;
CREATE INDEX measured_digest ON measured (digest, promise, seq, at);
CREATE INDEX measured_subject ON measured (subject, promise, seq);
CREATE TABLE decision (seq INTEGER PRIMARY KEY, digest TEXT NOT NULL, person TEXT NOT NULL,
    body TEXT NOT NULL) STRICT;
CREATE INDEX decision_digest ON decision (digest, seq);

CREATE TABLE comment (id INTEGER PRIMARY KEY, thread INTEGER NOT NULL, about TEXT NOT NULL, person TEXT NOT NULL,
    at TEXT NOT NULL, seq INTEGER NOT NULL, open INTEGER NOT NULL) STRICT;
CREATE INDEX comment_about ON comment (about, thread, id);
CREATE INDEX comment_thread ON comment (thread, id);
CREATE INDEX comment_open ON comment (open, id);
CREATE TABLE talk (seq INTEGER PRIMARY KEY, thread INTEGER NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL,
    body TEXT NOT NULL) STRICT;
CREATE INDEX talk_thread ON talk (thread, seq);
CREATE TABLE watching (person TEXT NOT NULL, about TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (person, about, since)) STRICT, WITHOUT ROWID;
CREATE TABLE told (ref TEXT NOT NULL, seq INTEGER NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (ref, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX told_seq ON told (seq);
CREATE TABLE notice (person TEXT NOT NULL, seq INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (person, seq)) STRICT, WITHOUT ROWID;

CREATE TABLE mark (comment INTEGER NOT NULL, what TEXT NOT NULL, person TEXT NOT NULL, "on" INTEGER NOT NULL,
    PRIMARY KEY (comment, what, person)) STRICT, WITHOUT ROWID;

CREATE TABLE page (ref TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (kind, title, text, ref UNINDEXED,
    {TABLE_OPTIONS});
"""
