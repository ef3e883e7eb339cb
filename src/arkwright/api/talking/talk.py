"""Verbs of discussion: say, change, mark, follow, and who helps."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from arkwright.api.look import find
from arkwright.api.people import accounts
from arkwright.api.runs import tracked
from arkwright.catalog.pages import Page, Size
from arkwright.collaborate.limits import MOST_MENTIONS, WINDOW, checked, in_time
from arkwright.collaborate.markdown import mentions
from arkwright.collaborate.threads import Helper, Thread, fold, helpers
from arkwright.core.bounds import Number
from arkwright.core.errors import Forbidden, Invalid, Refused, Unknown, did_you_mean
from arkwright.core.nouns import VERSIONED, Account, Actor, Comment, Endpoint, Mark, Watch
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import digest_of, encode
from arkwright.core.rules import person
from arkwright.sites import Site

MARKS = ("accepted", "answered", "helpful")
TALK = (Comment.KIND, Mark.KIND, Watch.KIND)


def threads(
    site: Site,
    by: Actor,
    project: Path,
    *,
    about: str | None = None,
    thread: Number | None = None,
    questions: bool = False,
    mine: bool = False,
    watched: bool = False,
    limit: Size = 20,
    before: Number | None = None,
) -> Page[Thread]:
    """Discussions, the newest first: about a noun, one by its number, only open questions, only where I spoke, only
    what others began on what I watch. `next`: as `before`.
    """
    if thread is not None:
        return Page(items=(_thread(site, thread),))
    subject = _about(site, about) if about else None
    spoke, who = by.name if mine else None, by.name if watched else None
    found = site.catalog.talk.threads(
        about=subject, open_only=questions, limit=limit, before=before, who=who, spoke=spoke
    )
    following = str(found[-1]) if len(found) == limit else None
    return Page(items=tuple(_thread(site, number) for number in found), next=following)


def discuss(
    site: Site,
    by: Actor,
    project: Path,
    *,
    text: str,
    about: str | None = None,
    thread: Number | None = None,
    question: bool = False,
) -> Comment:
    """Say something about a noun, in a new thread or in one that is there. Raises Invalid, Unknown, Throttled."""
    accounts.allow(site, by, "talk")
    if (about is None) == (thread is None):
        raise Invalid("say what it is about, or the number of the thread that goes on; one of the two")
    if thread is not None and question:
        raise Invalid("a question opens a thread of its own: say what it is about")
    text, called = _text(site, text)
    began = _thread(site, thread) if thread is not None else None
    subject = began.about if began else _about(site, cast(str, about))
    _in_time(site, by)
    return say(
        site, by, about=subject, text=text, mentions=called, thread=began.id if began else None, question=question
    )


def say(
    site: Site,
    by: Actor,
    *,
    about: str,
    text: str,
    mentions: tuple[str, ...] = (),
    thread: int | None = None,
    question: bool = False,
    beside: Sequence[Entry] = (),
) -> Comment:
    """Put a comment on record, whose words were looked at. `beside`: what goes on record with it, or neither does;
    raises Taken where that is there.
    """
    while True:
        number = site.catalog.talk.last_comment() + 1
        comment = Comment(
            id=number,
            version=1,
            thread=thread or number,
            about=about,
            by=by.name,
            text=text,
            question=question,
            mentions=mentions,
            proven=by.proven,
        )
        try:
            site.ledger.append(by.name, [Entry(Comment.KIND, f"{number}@1", encode(comment)), *beside])
        except Taken:
            if any(site.ledger.get(entry.kind, entry.key) for entry in beside):
                raise
            continue
        return comment


def amend(
    site: Site, by: Actor, project: Path, *, comment: Number, text: str | None = None, delete: bool = False
) -> Comment:
    """Change what one said, or take it back; what it said before stays on record. An owner may delete too."""
    accounts.allow(site, by, "talk")
    if (text is None) != delete:
        raise Invalid("give the new text, or delete the comment; one of the two")
    began, now = _comment(site, comment)
    if person(now.by) != person(by.name) and not (delete and _owner(site, by)):
        raise Forbidden(f"comment {comment} is by {now.by}; others may answer it, only an owner may delete it")
    if now.deleted:
        raise Refused(f"comment {comment} was deleted")
    said, called = ("", ()) if text is None else _text(site, text)
    _in_time(site, by)
    changed = Comment(
        id=now.id,
        version=now.version + 1,
        thread=began.id,
        about=began.about,
        by=now.by,
        text=said,
        question=now.question,
        deleted=delete,
        mentions=called,
        proven=by.proven,
    )
    try:
        site.ledger.append(by.name, [Entry(Comment.KIND, f"{now.id}@{changed.version}", encode(changed))])
    except Taken:
        raise Refused(f"comment {comment} was changed just now; look at it and try again") from None
    return changed


def answer(
    site: Site, by: Actor, project: Path, *, comment: Number, mark: str = "accepted", undo: bool = False
) -> Thread:
    """Accept a comment as the answer, mark its question as answered, or say that it was helpful; or take it back.

    The asker or an owner accepts; nobody finds oneself helpful. Raises Forbidden, Refused, Unknown.
    """
    accounts.allow(site, by, "talk")
    if mark not in MARKS:
        raise Invalid(f"{mark[:40]!r} is no mark{did_you_mean(mark, MARKS)}")
    began, now = _comment(site, comment)
    mine = person(now.by) == person(by.name)
    if mark == "helpful" and mine:
        raise Forbidden("others say whether a comment of yours was helpful")
    if mark != "helpful":
        if not began.question:
            raise Refused(f"thread {began.id} asks no question, so nothing answers it")
        if person(began.by) != person(by.name) and not _owner(site, by):
            raise Forbidden(f"{began.by}, who asked, says what the answer is, or an owner")
    if mark == "accepted" and now.id == began.id:
        raise Refused("a question does not answer itself; accept a reply, or mark the question as answered")
    if now.deleted:
        raise Refused(f"comment {comment} was deleted")
    _in_time(site, by)
    number = comment if mark != "answered" else began.id
    noun = Mark(
        comment=number,
        thread=began.id,
        about=began.about,
        by=by.name,
        what=mark,
        on=not undo,
        proven=by.proven,
    )
    others = [r.id for r in began.remarks if r.accepted and r.id != number] if mark == "accepted" and not undo else []
    _append(site, by, [(f"{number}/{mark}/{_who(by)}", noun)])
    for other in others:  # there is one best answer: whoever accepted another takes that back
        _take_back(site, by, began, other)
    return _thread(site, began.id)


def follow(site: Site, by: Actor, project: Path, *, about: str, on: bool = True) -> Watch:
    """Hear of what happens to a noun, or no longer; a bare `release:late` means every version of it."""
    accounts.allow(site, by, "talk")
    noun = Watch(about=_about(site, about), by=by.name, on=on)
    _in_time(site, by)
    _append(site, by, [(f"{noun.about}/{_who(by)}", noun)])
    return noun


def people(site: Site, by: Actor, project: Path) -> tuple[Helper, ...]:
    """Who helps, in points: 3 for an accepted answer, 1 for each that somebody found helpful."""
    return helpers(site.catalog.talk.credits())


def _take_back(site: Site, by: Actor, began: Thread, comment: Number) -> None:
    for said in site.catalog.talk.thread(began.id):
        noun = said.noun
        if isinstance(noun, Mark) and noun.comment == comment and noun.what == "accepted" and noun.on:
            off = Mark(comment=comment, thread=began.id, about=began.about, by=noun.by, what="accepted", on=False)
            _append(site, by, [(f"{comment}/accepted/{digest_of(person(noun.by))[:16]}", off)])
            return


def _append(site: Site, by: Actor, nouns: list[tuple[str, Mark | Watch]]) -> None:
    while True:
        entries = []
        for key, noun in nouns:
            last = site.ledger.last(noun.KIND, f"{key}/")
            number = int(last.key.rpartition("/")[2]) + 1 if last else 1
            entries.append(Entry(noun.KIND, f"{key}/{number}", encode(noun)))
        try:
            site.ledger.append(by.name, entries)
        except Taken:
            continue
        return


def _thread(site: Site, number: int) -> Thread:
    said = site.catalog.talk.thread(number)
    if not said:
        inside = site.catalog.talk.thread_of(number)
        hint = f"; comment {number} stands in thread {inside}" if inside else ""
        raise Unknown(f"there is no thread {number}{hint}")
    return fold((one.at, one.noun) for one in said)


def _comment(site: Site, number: int) -> tuple[Thread, Comment]:
    """The thread, and the newest version of a comment in it."""
    inside = site.catalog.talk.thread_of(number)
    if inside is None:
        raise Unknown(f"there is no comment {number}")
    said = [one.noun for one in site.catalog.talk.thread(inside)]
    versions = [noun for noun in said if isinstance(noun, Comment) and noun.id == number]
    return _thread(site, inside), versions[-1]


def _about(site: Site, text: str) -> str:
    """The noun as it is spoken of: an endpoint without its version, a finding behind its subject. Raises Unknown."""
    reference, hash_, promise = text.partition("#")
    if logged := tracked.spoken(site, reference):
        if hash_:
            raise Unknown(f"{logged} has no findings: no promise is measured on what clients log")
        return logged
    kind, colon, _ = reference.partition(":")
    kinds = (*VERSIONED, *tracked.KINDS)
    if colon and kind not in kinds:
        raise Unknown(f"{kind[:40]!r} is no kind of thing{did_you_mean(kind[:40], kinds)}")
    noun = find(site, reference)
    if isinstance(noun, Endpoint):
        return f"{noun.KIND}:{noun.name}"
    if not hash_:
        bare = reference.partition(":")[2] and "@" not in reference
        return f"{noun.KIND}:{noun.name}" if bare else noun.ref
    known = [f.promise for f in site.catalog.findings(getattr(noun, "digest", ""))]
    if promise not in known:
        raise Unknown(f"{noun.ref} has no finding on {promise[:80]!r}{did_you_mean(promise, known)}")
    return f"{noun.ref}#{promise}"


def _text(site: Site, text: str) -> tuple[str, tuple[str, ...]]:
    """It, and whom it tells: with accounts, those of the people it mentions who have one."""
    text = checked(text)
    called = mentions(text)
    if len(called) > MOST_MENTIONS:
        raise Invalid(f"this mentions {len(called)} people; at most {MOST_MENTIONS}")
    if accounts.has_accounts(site):
        known = {person(name): name for name in site.catalog.names(Account)}
        called = tuple(known[who] for name in called if (who := person(name)) in known)
    return text, called


def _in_time(site: Site, by: Actor) -> None:
    now = datetime.now(UTC)
    in_time(site.catalog.times(by.name, TALK, now - WINDOW), now)


def _owner(site: Site, by: Actor) -> bool:
    if accounts.has_accounts(site):
        return by.proven and "own" in by.rights
    return by.role == "owner"  # declared, as everything is on a site without accounts


def _who(by: Actor) -> str:
    return digest_of(person(by.name))[:16]
