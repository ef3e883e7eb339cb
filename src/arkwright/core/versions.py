"""Nouns in the ledger: versions without gaps, recipes that are worked once, findings and decisions on exact bytes.

The ledger's unique (kind, key) does the work: whoever comes second is told `Taken`, looks again, and goes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from arkwright.core.errors import Unknown, did_you_mean
from arkwright.core.nouns import Account, Artifact, Decision, Endpoint, Finding, Run
from arkwright.core.ports import Entry, Ledger, Taken
from arkwright.core.record import decode, digest_of, encode, split_reference
from arkwright.core.rules import counts

V = TypeVar("V", bound=Artifact | Run | Endpoint | Account)
A = TypeVar("A", bound=Artifact)
TURN = "turn"  # the ledger's kind for the turns in which people decide on a release, and endpoints move to it
ENDED = "ended:"  # before the key of a run's last record


def latest(ledger: Ledger, kind: type[V], name: str) -> V | None:
    event = ledger.last(kind.KIND, f"{name}@")
    return decode(kind, event.body) if event else None


def names(ledger: Ledger, kind: type[V]) -> list[str]:
    return sorted({event.key.removeprefix(ENDED).split("@")[0] for event in ledger.find(kind.KIND)})


def resolve(ledger: Ledger, kind: type[V], reference: str) -> V:
    """`late@7`, `model:late@7`, or `late`: the one that the last run made or found again, else the newest.

    Raises Unknown with a near miss.
    """
    name, version = split_reference(reference, kind.KIND)
    newest = latest(ledger, kind, name)
    if newest is None:
        raise Unknown(f"no {kind.KIND} is called {name!r}{did_you_mean(name, names(ledger, kind))}")
    key = f"{name}@{version or _of_last_run(ledger, kind, name) or newest.version}"
    # a run is written when it starts and again when it ends; the end counts
    event = ledger.get(kind.KIND, f"{ENDED}{key}") or ledger.get(kind.KIND, key)
    if event is None:
        raise Unknown(f"there is no {kind.KIND}:{key}; the latest is {newest.ref}")
    return decode(kind, event.body)


def _of_last_run(ledger: Ledger, kind: type[V], name: str) -> int | None:
    """After a limit was tried and put back, what is meant is what stands now, though a newer one was made meanwhile."""
    event = ledger.last(Run.KIND, ENDED)
    run = decode(Run, event.body) if event else None
    stem = f"{kind.KIND}:{name}@"
    found = [int(ref.removeprefix(stem)) for ref in (*run.made, *run.reused) if ref.startswith(stem)] if run else []
    return max(found, default=None)


def all_of(ledger: Ledger, kind: type[V], name: str = "") -> Iterator[V]:
    """Every noun of this kind in the order of their versions' making, all names or one."""
    found: dict[str, V] = {}
    for event in ledger.find(kind.KIND):
        noun = decode(kind, event.body)
        if not name or noun.name == name:
            found[noun.ref] = noun
    yield from found.values()


def add(ledger: Ledger, by: str, noun: V) -> V:
    """Append the noun as the next version of its name; the noun with the version it got."""
    while True:
        before = latest(ledger, type(noun), noun.name)
        numbered = replace(noun, version=before.version + 1 if before else 1)
        try:
            ledger.append(by, [Entry(noun.KIND, f"{noun.name}@{numbered.version}", encode(numbered))])
        except Taken:
            continue
        return numbered


M = TypeVar("M", bound=Endpoint | Account)


def move(ledger: Ledger, by: str, noun: M) -> M:
    """Compare-and-set: append exactly this version. Raises Taken when somebody moved or changed it meanwhile."""
    ledger.append(by, [Entry(noun.KIND, f"{noun.name}@{noun.version}", encode(noun))])
    return noun


def made_before(ledger: Ledger, kind: type[A], name: str, recipe: str) -> A | None:
    """What the same recipe made before, or None."""
    event = ledger.last("recipe", f"{kind.KIND}:{name}:{recipe}/")
    return resolve(ledger, kind, event.body) if event else None


def add_made(ledger: Ledger, by: str, noun: A, replacing: A | None = None) -> A:
    """Append an artifact under its recipe; when somebody else made it meanwhile, theirs is the one.

    What comes back is read back, so that a run that goes on with it does as one that finds it later.

    `replacing`: what the recipe made before, when those bytes are gone and it had to be made again.
    """
    prefix = f"{noun.KIND}:{noun.name}:{noun.recipe}/"
    round_ = replacing.version if replacing else 0
    while True:
        before = latest(ledger, type(noun), noun.name)
        numbered = replace(noun, version=before.version + 1 if before else 1)
        entries = [
            Entry(noun.KIND, f"{noun.name}@{numbered.version}", encode(numbered)),
            Entry("recipe", f"{prefix}{round_}", f"{noun.name}@{numbered.version}"),
        ]
        try:
            ledger.append(by, entries)
        except Taken:
            if ledger.get("recipe", f"{prefix}{round_}"):
                theirs = made_before(ledger, type(noun), noun.name, noun.recipe)
                assert theirs is not None
                return theirs
            continue
        return decode(type(noun), entries[0].body)


def findings(ledger: Ledger, digest: str) -> list[Finding]:
    """Every finding on these bytes, in order."""
    return [decode(Finding, event.body) for event in ledger.find(Finding.KIND, f"{digest}/")]


def add_findings(ledger: Ledger, by: str, found: Sequence[Finding]) -> None:
    _add_numbered(ledger, by, [(f.KIND, f"{f.digest}/{digest_of(f.promise)[:16]}", encode(f)) for f in found])


def decisions(ledger: Ledger, digest: str) -> list[Decision]:
    """Every decision on these bytes that counts, in order."""
    made = [(decode(Decision, event.body), event.seq) for event in ledger.find(Decision.KIND, f"{digest}/")]
    people = [(event.seq, decode(Account, event.body)) for event in ledger.find(Account.KIND)] if made else []
    return [decision for decision, seq in made if counts(decision, seq, people)]


def turn(ledger: Ledger, digest: str) -> Entry:
    """What is written with whatever rests on the decisions on these bytes as they stand now. Who has it written after
    another decision came in is told `Taken`. To be asked for before the decisions are looked at.
    """
    last = ledger.last(TURN, f"{digest}/")
    number = int(last.key.rpartition("/")[2]) + 1 if last else 1
    return Entry(TURN, f"{digest}/{number}", encode(number))


def add_decision(ledger: Ledger, decision: Decision, turn: Entry) -> None:
    """Raises Taken when another decision on these bytes, or a move to them, came first."""
    key = f"{decision.digest}/{digest_of([decision.by, decision.role])[:16]}"
    last = ledger.last(decision.KIND, f"{key}/")
    number = int(last.key.rpartition("/")[2]) + 1 if last else 1
    ledger.append(decision.by, [turn, Entry(decision.KIND, f"{key}/{number}", encode(decision))])


def _add_numbered(ledger: Ledger, by: str, items: Sequence[tuple[str, str, str]]) -> None:
    """Append under `key/1`, `key/2` …: a later record follows an earlier one, nothing is replaced."""
    while items:
        entries = []
        for kind, key, body in items:
            last = ledger.last(kind, f"{key}/")
            number = int(last.key.rsplit("/", 1)[1]) + 1 if last else 1
            entries.append(Entry(kind, f"{key}/{number}", body))
        try:
            ledger.append(by, entries)
        except Taken:
            continue
        return
