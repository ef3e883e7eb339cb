"""Events into rows: what each kind of event adds to the catalog. What it does not know it still lists and searches."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from arkwright.catalog import runs, watching
from arkwright.core.alarms import Alarm, Reacted, subject
from arkwright.core.nouns import (
    VERSIONED,
    Account,
    Comment,
    Decision,
    Endpoint,
    Event,
    Finding,
    Mark,
    Proposal,
    Release,
    Reminder,
    Run,
    Watch,
)
from arkwright.core.rules import person
from arkwright.core.versions import ENDED

TEXTS = ("title", "reason", "text", "note", "error", "purpose", "sentence")  # of nouns that the catalog does not know
LONGEST = 20_000  # characters of one text that are searched
MOST_SEEN = 100_000
Body = dict[str, Any]
Card = Callable[[str], str]  # digest -> the text of a model card, "" where it cannot be had


def base(ref: str) -> str:
    """`release:late@3#…` -> `release:late`."""
    return ref.partition("#")[0].partition("@")[0]


class Following:
    """One batch of events on its way into an open transaction."""

    def __init__(self, db: Any, card: Card, high: str, slip: float) -> None:
        self._db, self._card, self.high, self.slip = db, card, high, slip
        self._events: list[tuple[Any, ...]] = []
        self._about: list[tuple[str, int]] = []
        self._found: list[tuple[Any, ...]] = []
        self._measured: list[tuple[Any, ...]] = []
        self._seen: set[str] = set()
        self._take: dict[str, Callable[[Event, Body], None]] = {
            **dict.fromkeys(VERSIONED, self._noun),
            Finding.KIND: self._finding,
            Decision.KIND: self._decision,
            Comment.KIND: self._comment,
            Mark.KIND: self._mark,
            Watch.KIND: self._watch,
            Proposal.KIND: self._proposal,
            Reminder.KIND: self._reminder,
            Alarm.KIND: self._alarm,
            Reacted.KIND: self._reacted,
        }

    def take(self, event: Event) -> None:
        if event.at < self.high:  # a clock was set back
            behind = datetime.fromisoformat(self.high) - datetime.fromisoformat(event.at)
            self.slip = max(self.slip, behind.total_seconds())
        self.high = max(self.high, event.at)
        self._events.append((event.seq, event.at, self.high, person(event.by), event.kind, event.key))
        self._take.get(event.kind, self._other)(event, _body(event.body))

    def flush(self) -> None:
        many = self._db.executemany
        many("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", self._events)
        many("INSERT OR IGNORE INTO about VALUES (?, ?)", self._about)
        self._flush_found()

    def _flush_found(self) -> None:
        many = self._db.executemany
        many("INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?)", self._found)
        many("INSERT INTO measured VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._measured)
        self._found.clear()
        self._measured.clear()

    def _noun(self, event: Event, body: Body) -> None:
        name, version = str(body.get("name", "")), int(body.get("version", 0))
        seconds = sum((body.get("seconds") or {}).values()) if event.kind == Run.KIND else 0.0
        state, digest = str(body.get("state") or body.get("role") or ""), str(body.get("digest") or "")
        # a run's end follows its start, and stays where the start stood
        self._db.execute(
            "INSERT INTO noun VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "state = excluded.state, seconds = excluded.seconds, body = excluded.body",
            (event.kind, name, version, event.seq, event.at, person(event.by), state, digest, seconds, event.body),
        )
        ref = f"{event.kind}:{name}@{version}"
        self._refer(event, [ref, body.get("run"), body.get("model"), body.get("parent")])
        self._refer(event, [part for word in ("parents", "made", "reused") for part in body.get(word) or ()])
        rows = [(parent, event.seq, ref) for parent in body.get("parents") or ()]
        self._db.executemany("INSERT OR IGNORE INTO made VALUES (?, ?, ?)", rows)
        if not event.key.startswith(ENDED):
            self._page(f"{event.kind}:{name}", event, f"{event.kind}:{name}", name, event.by, keep=True)
            if event.kind != Account.KIND:
                watched = base(ref) if event.kind == Endpoint.KIND else ref
                watching.implied(self._db, event.by, watched, event.seq)
        if event.kind == Endpoint.KIND:
            self._refer(event, [*body["shares"], *(body.get("shadows") or ())])
            self._page(ref, event, ref, ref, f"{body.get('reason', '')} {' '.join(body['shares'])}")
            watching.tell(self._db, event, [base(ref), *body["shares"]], "moved")
        elif event.kind == Release.KIND:
            gate, files = body["gate"], body["files"]
            card = self._card(files["README.md"]) if "README.md" in files else ""
            self._page(ref, event, ref, ref, "\n".join([*gate["promises"], *gate["signed_by"], body["author"], card]))
            watching.tell(self._db, event, [base(ref)], "released")
        elif event.kind == Run.KIND:
            if event.key.startswith(ENDED):
                self._ended(name, version, body)
            if body.get("error"):
                self._page(ref, event, ref, ref, str(body["error"]))

    def _ended(self, name: str, version: int, body: Body) -> None:
        """A run's numbers, of what was found until now."""
        self._flush_found()
        query = "SELECT seq FROM noun WHERE kind = 'run' AND name = ? AND version = ?"
        runs.ended(self._db, self._db.execute(query, (name, version)).fetchone()[0], body)

    def _finding(self, event: Event, body: Body) -> None:
        subject, _, version = str(body["subject"]).partition("@")
        self._refer(event, [body["subject"]])
        self._found.append((body["digest"], body["promise"], event.seq, event.body))
        found = (body["promise"], body["verdict"], body["value"], body.get("low"), body.get("high"), body["digest"])
        self._measured.append((event.seq, event.at, subject, int(version or 0), *found))
        key = f"{subject}#{body['promise']}"
        self._page(key, event, body["subject"], body["promise"], f"{subject} {body.get('note') or ''}", keep=True)

    def _decision(self, event: Event, body: Body) -> None:
        row = (event.seq, body["digest"], person(body["by"]), event.body)
        self._db.execute("INSERT INTO decision VALUES (?, ?, ?, ?)", row)
        self._refer(event, [body["release"]])
        said = f"{body['by']} {'signed' if body['yes'] else 'refused'} as {body['role']}"
        self._page(f"decision:{event.seq}", event, body["release"], f"{body['release']} {said}", body["reason"])
        watching.tell(self._db, event, [body["release"], base(body["release"])], "decided")

    def _comment(self, event: Event, body: Body) -> None:
        number, about, deleted = body["id"], body["about"], body.get("deleted", False)
        self._talk(event, body)
        if body["version"] == 1:
            row = (number, body["thread"], about, person(body["by"]), event.at, event.seq, body.get("question", False))
            self._db.execute("INSERT INTO comment VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            watching.notice(self._db, event, body.get("mentions") or (), "mentioned")
            watching.tell(self._db, event, [about, about.partition("#")[0], base(about)], "commented")
            watching.implied(self._db, body["by"], about, event.seq)
        if deleted:
            self._db.execute("UPDATE comment SET open = 0 WHERE id = ?", (number,))
        self._page(f"comment:{number}", event, f"comment:{number}", about, "" if deleted else body["text"])

    def _mark(self, event: Event, body: Body) -> None:
        self._talk(event, body)
        row = (body["comment"], body["what"], person(body["by"]), body["on"])
        self._db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?)", row)
        if body["what"] in ("accepted", "answered"):
            done = 'SELECT count(*) FROM mark JOIN comment c ON c.id = comment WHERE thread = :t AND "on" '
            done += "AND what IN ('accepted', 'answered')"
            (closed,) = self._db.execute(done, {"t": body["thread"]}).fetchone()
            (first,) = _talks(self._db, body["thread"])
            still = bool(first.get("question")) and not first.get("deleted") and not closed
            self._db.execute("UPDATE comment SET open = ? WHERE id = ?", (still, body["thread"]))
        if body["what"] == "accepted" and body["on"]:
            whose = self._db.execute("SELECT person FROM comment WHERE id = ?", (body["comment"],)).fetchall()
            watching.notice(self._db, event, [name for (name,) in whose], "accepted")

    def _watch(self, event: Event, body: Body) -> None:
        self._refer(event, [body["about"]])
        watching.said(self._db, body["by"], body["about"], event.seq, on=body["on"])

    def _proposal(self, event: Event, body: Body) -> None:
        ref, place = f"proposal:{body['id']}", f"{body['section']}.{body['name']}"
        self._refer(event, [ref])
        texts = [body[word] for word in ("before", "after", "reason", "answer") if body.get(word)]
        self._page(ref, event, ref, f"{ref} {place}", "\n".join(texts))
        if body["state"] != "committed":  # it was told that it was accepted
            watching.notice(self._db, event, [body["by"]], "reviewed")

    def _reminder(self, event: Event, body: Body) -> None:
        self._refer(event, [body["about"]])
        watching.notice(self._db, event, body["people"], "reminded")

    def _alarm(self, event: Event, body: Body) -> None:
        ref, about = f"{Alarm.KIND}:{body['about']}/{body['number']}", subject(body["about"])
        self._refer(event, [about, body["release"]])
        self._page(ref, event, ref, f"{ref} {body['promise']}", f"{body['release']} {body['note']}")
        if body["state"] != "left":
            refs = {about, body["release"], base(body["release"])} - {""}
            watching.tell(self._db, event, sorted(refs), "alarmed")

    def _reacted(self, event: Event, body: Body) -> None:
        about = subject(event.key.partition("/")[0])
        self._refer(event, [about])
        title = f"{body['alarm']} {body['do']} {body['outcome']}"
        self._page(f"{Reacted.KIND}:{event.key}", event, body["alarm"], title, body["says"])
        watching.notice(self._db, event, body["people"], "alarmed")

    def _other(self, event: Event, body: Body) -> None:
        texts = [str(body[word]) for word in TEXTS if isinstance(body.get(word), str)]
        refs = [
            value for value in body.values() if isinstance(value, str) and base(value).partition(":")[0] in VERSIONED
        ]
        self._refer(event, refs)
        if texts:
            self._page(f"{event.kind}:{event.key}", event, f"{event.kind}:{event.key}", event.key, "\n".join(texts))

    def _talk(self, event: Event, body: Body) -> None:
        self._refer(event, [body["about"], f"comment:{body['thread']}"])
        row = (event.seq, body["thread"], event.kind, event.at, event.body)
        self._db.execute("INSERT INTO talk VALUES (?, ?, ?, ?, ?)", row)

    def _refer(self, event: Event, refs: Iterable[Any]) -> None:
        """Under the whole reference, and under what it is a part of: the thing itself, and all its versions."""
        for ref in filter(None, refs):
            self._about += [(part, event.seq) for part in {ref, ref.partition("#")[0], base(ref)}]

    def _page(self, key: str, event: Event, ref: str, title: str, text: str, *, keep: bool = False) -> None:
        """A text to be searched, under the event's number; `keep`: the first one under its key stays."""
        if keep and key in self._seen:
            return
        old = self._db.execute("SELECT seq FROM page WHERE ref = ?", (key,)).fetchone()
        self._seen.add(key) if len(self._seen) < MOST_SEEN else self._seen.clear()
        if old and keep:
            return
        if old:
            self._db.execute("DELETE FROM words WHERE rowid = ?", old)
        taken = self._db.execute("SELECT 1 FROM words WHERE rowid = ?", (event.seq * 4,)).fetchone()
        row = event.seq * 4 + (1 if taken else 0)  # a noun's name and its own text come with one event
        self._db.execute("INSERT OR REPLACE INTO page VALUES (?, ?)", (key, row))
        values = (row, event.kind, title, text[:LONGEST], ref)
        self._db.execute("INSERT INTO words (rowid, kind, title, text, ref) VALUES (?, ?, ?, ?, ?)", values)


def _talks(db: Any, thread: int) -> list[Body]:
    """The newest version of the comment that opened a thread."""
    query = "SELECT body FROM talk WHERE thread = ? AND kind = 'comment' ORDER BY seq"
    opened = [body for (text,) in db.execute(query, (thread,)) if (body := _body(text)).get("id") == thread]
    return opened[-1:] or [{}]


def _body(text: str) -> Body:
    if not text.startswith("{"):
        return {}
    try:
        return msgspec.json.decode(text)  # type: ignore[no-any-return]
    except msgspec.DecodeError:
        return {}
