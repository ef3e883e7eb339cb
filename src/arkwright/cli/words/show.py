"""`arkwright show`."""

import argparse
import shutil
import sys

import msgspec

from arkwright.api.look import Glance, Shown, file, show
from arkwright.cli import context, output
from arkwright.core.counted import percent
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Dataset
from arkwright.measures.words import sentence


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", nargs="?", help="such as late, model:late@7, dataset:flights, run:flights@3")
    parser.add_argument(
        "--file", metavar="NAME", help="print a file of a release or a model, such as README.md, its card"
    )
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    if given.file:
        return _file(given)
    (site, project), actor = context.where(given), context.actor(given)
    found = show(site, actor, project, reference=given.reference)
    if given.json:
        output.as_json(found)
    elif isinstance(found, Glance):
        _glance(found)
    else:
        _one(found)
    return 0


def _file(given: argparse.Namespace) -> int:
    if not given.reference:
        raise Invalid("say whose file: arkwright show late --file README.md")
    (site, project), actor = context.where(given), context.actor(given)
    path = file(site, actor, project, reference=given.reference, name=given.file)
    sys.stdout.flush()
    with path.open("rb") as source:
        shutil.copyfileobj(source, sys.stdout.buffer)
    return 0


def _glance(found: Glance) -> None:
    screen = output.console()
    if not found.runs:
        screen.print("nothing has run here yet; start with: arkwright run")
        return
    rows = [(d.ref, d.rows, d.quarantined, d.digest[:12]) for d in found.datasets]
    screen.print(output.table(("dataset", ">rows", ">quarantined", "digest"), rows))
    screen.print()
    models = [(m.ref, m.format, m.parent or "–", m.digest[:12]) for m in found.models]
    screen.print(output.table(("model", "format", "made from", "digest"), models))
    screen.print()
    releases = [(r.ref, r.gate.name, r.author, r.digest[:12]) for r in found.releases]
    screen.print(output.table(("release", "gate", "author", "digest"), releases))
    screen.print()
    answers = [", ".join(f"{percent(part)} {ref}" for ref, part in e.shares.items()) for e in found.endpoints]
    shares = zip((e.ref for e in found.endpoints), answers, strict=True)
    screen.print(output.table(("endpoint", "answers with"), shares))
    screen.print()
    runs = [(r.ref, r.state, r.author, r.started[:19], sum(r.seconds.values())) for r in found.runs]
    screen.print(output.table(("run", "state", "by", "started (UTC)", ">seconds"), runs))


def _one(found: Shown) -> None:
    screen = output.console()
    facts = msgspec.to_builtins(found.noun)
    hidden = ("columns", "files", "gate") if not isinstance(found.noun, Dataset) else ("columns", "files")
    rows = [(name, output.escape(_plain(value))) for name, value in facts.items() if name not in hidden and value]
    screen.print(output.table((found.noun.ref, ""), rows))
    if facts.get("columns"):
        screen.print()
        columns = [(c["name"], c["type"], "may be missing" if c["nullable"] else "") for c in facts["columns"]]
        screen.print(output.table(("column", "type", ""), columns))
    if facts.get("files"):
        screen.print()
        screen.print(output.table(("file", "digest"), [(n, d[:12]) for n, d in facts["files"].items()]))
    if found.measured:
        screen.print()
        screen.print(output.candidates(found.measured))
    if found.findings:
        screen.print()
        screen.print(output.findings(found.findings, plain=sentence))


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_inner(inner)}" for key, inner in value.items() if inner not in (None, ()))
    if isinstance(value, list | tuple):
        return "\n".join(str(item) for item in value)
    return str(value)


def _inner(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
